import queue
import threading

from flask import Flask, request

app = Flask(__name__)
jobs = queue.Queue()


def work():
    while True:
        job = jobs.get()
        print(job)


threading.Thread(target=work, daemon=True).start()


@app.post("/job")
def submit():
    jobs.put(request.json)
    return "", 202
