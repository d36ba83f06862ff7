import os

from flask import Flask

app = Flask(__name__)
app.config["DEBUG"] = True
if os.environ.get("DEVELOPMENT"):
    app.debug = True


@app.get("/")
def index():
    return "hello"
