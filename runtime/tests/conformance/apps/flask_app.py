"""The same behaviours as in the other apps of this folder, in Flask."""

import logging
import os
import time

from flask import Flask, Response, jsonify, request

app = Flask(__name__)
log = logging.getLogger("shop")
kept = []


@app.get("/hello/<name>")
def hello(name):
    return f"hello {name}"


@app.get("/sleep/<float:seconds>")
def sleep(seconds):
    time.sleep(seconds)
    return "slept"


@app.get("/wait")
def wait():
    while not os.path.exists(request.args["gate"]):
        time.sleep(0.02)
    return "waited"


@app.get("/stream")
def stream():
    gate = request.args["gate"]

    def chunks():
        yield "begun\n"
        while not os.path.exists(gate):
            time.sleep(0.02)
            yield ".\n"
        yield "ended\n"

    return Response(chunks(), mimetype="text/plain")


@app.get("/hold")
def hold():
    os.write(1, b"held\n")
    while not os.path.exists(request.args["gate"]):
        time.sleep(0.02)
    return "held"


@app.get("/leak/<int:mib>")
def leak(mib):
    kept.append(b"x" * (mib << 20))
    return str(os.getpid())


@app.get("/pid")
def pid():
    return str(os.getpid())


@app.get("/talk")
def talk():
    log.warning("selling %s", "apples")
    print("sold apples")
    return "talked"


@app.get("/secret")
def secret():
    key = os.environ["SHOP_API_KEY"]
    log.warning("calling with Authorization: Bearer %s", key)
    print("the key is", key)
    raise RuntimeError(f"denied for {key}")


@app.post("/upload")
def upload():
    return jsonify(size=sum(len(file.read()) for file in request.files.values()))
