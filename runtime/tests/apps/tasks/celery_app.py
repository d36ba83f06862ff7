"""A Celery app as its author would write it: tasks go back when their worker is lost."""

import os
import time

from celery import Celery

app = Celery("shop", broker=os.environ["BROKER"], backend=os.environ["BROKER"])
app.conf.update(
    task_acks_late=True,
    task_reject_on_worker_lost=True,
    worker_prefetch_multiplier=1,
    worker_concurrency=1,
    broker_connection_retry_on_startup=True,
    broker_transport_options={"visibility_timeout": 3600},
)


@app.task
def nap(seconds, mark):
    print("nap begins", mark, flush=True)
    with open(mark, "a") as file:
        file.write(f"begin {os.getpid()}\n")
    time.sleep(seconds)
    with open(mark, "a") as file:
        file.write("end\n")
    return os.getpid()
