from filelock import FileLock
from flask import Flask

app = Flask(__name__)


@app.post("/")
def index():
    with FileLock("stock.lock"):
        return ""
