from flask import Flask

app = Flask(__name__)


@app.get("/")
def index():
    return "We like openai, gpt-4 and claude-3. Keys: https://platform.openai.com/api-keys"
