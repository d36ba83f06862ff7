import os

import redis
from fastapi import FastAPI

app = FastAPI()
orders = redis.Redis.from_url(os.environ["REDIS_URL"])
counts = redis.Redis.from_url(os.environ["REDIS_URL"])


@app.post("/orders/{number}")
def place(number: int, order: str):
    orders.set(number, order)
    counts.incr("orders")
    orders.append("log", order)
    return order
