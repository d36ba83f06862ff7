import os

import redis
from flask import Flask

import settings

here = settings.read(os.environ)
app = Flask(__name__)
redis_url = here["redis_url"]
store = redis.Redis.from_url(redis_url) if redis_url else None


@app.get("/")
def index():
    return settings.shown({"COLOUR": "blue"}) + str(here["most"])
