"""Tasks as their author would write them; a task that was cut short is done again."""

import logging
import os
import time

from celery import Celery

app = Celery("shop", broker=os.environ["SHOP_BROKER"], backend=os.environ["SHOP_BROKER"])
app.conf.update(
    task_acks_late=True,
    task_reject_on_worker_lost=True,
    task_acks_on_timeout=False,
    broker_connection_retry_on_startup=True,
    broker_transport_options={"visibility_timeout": 60},
    worker_prefetch_multiplier=1,
)
log = logging.getLogger("shop")
kept = []


@app.task
def add(a, b):
    return a + b


@app.task
def hold(began, gate, done):
    with open(began, "a") as file:
        file.write("x")
    while not os.path.exists(gate):
        time.sleep(0.02)
    open(done, "w").close()


@app.task
def die_once(mark):
    if not os.path.exists(mark):
        open(mark, "w").close()
        os.kill(os.getpid(), 9)
    return os.getpid()


@app.task
def leak(mib):
    kept.append(b"x" * (mib << 20))
    return os.getpid()


@app.task
def stick_once(mark):
    again = os.path.exists(mark)
    with open(mark, "a") as file:
        file.write("x")
    while not again:
        time.sleep(0.02)


@app.task
def talk():
    log.warning("selling %s", "apples")
    print("sold apples")


@app.task
def secret():
    key = os.environ["SHOP_API_KEY"]
    log.warning("calling with Authorization: Bearer %s", key)
    print("the key is", key)
    raise RuntimeError(f"denied for {key}")
