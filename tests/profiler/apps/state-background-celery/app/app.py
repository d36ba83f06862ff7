import os
from concurrent.futures import ThreadPoolExecutor

from celery import Celery
from flask import Flask

app = Flask(__name__)
queue = Celery("app", broker=os.environ["REDIS_URL"])


@queue.task
def train():
    print("trained")


@app.post("/train")
def start():
    train.delay()
    with ThreadPoolExecutor() as pool:
        sizes = list(pool.map(len, ["a", "b"]))
        pool.submit(print, sizes)
    return "", 202
