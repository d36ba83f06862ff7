from flask import Flask
from redis import Redis
from rq import Queue

app = Flask(__name__)
queue = Queue("mails", connection=Redis())


@app.post("/mail")
def mail():
    queue.enqueue("jobs.send")
    return "queued"
