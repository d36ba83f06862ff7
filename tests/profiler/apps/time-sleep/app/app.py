import time

from flask import Flask

app = Flask(__name__)


@app.get("/report")
def report():
    wait_for_report()
    return "ready"


def wait_for_report():
    while True:
        time.sleep(2)
