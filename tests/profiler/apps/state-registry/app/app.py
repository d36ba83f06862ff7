from flask import Flask

from tools import TOOLS, tool

app = Flask(__name__)


@tool
def add(a, b):
    return a + b


@app.get("/tools")
def show():
    return list(TOOLS)
