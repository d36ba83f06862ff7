from flask import Flask

app = Flask(__name__)


@app.get("/shop")
def index():
    return "ok"
