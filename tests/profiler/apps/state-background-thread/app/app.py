import threading

from flask import Flask

app = Flask(__name__)


def train():
    print("trained")


@app.post("/train")
def start():
    threading.Thread(target=train).start()
    return "", 202


@app.post("/pair")
def pair():
    helper = threading.Thread(target=train)
    helper.start()
    helper.join()
    return ""
