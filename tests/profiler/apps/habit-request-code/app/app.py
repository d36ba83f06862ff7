import pickle
import subprocess

from flask import Flask, request

app = Flask(__name__)


@app.post("/eval")
def calculate():
    text = request.json["formula"]
    return str(eval(text))


@app.post("/load")
def load():
    return pickle.loads(request.data)


@app.get("/ping/<host>")
def ping(host):
    return subprocess.check_output(f"ping -c 1 {host}", shell=True, timeout=9)
