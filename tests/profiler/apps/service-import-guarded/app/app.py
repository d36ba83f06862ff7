import os

from flask import Flask

try:
    import redis
except ImportError:
    redis = None

app = Flask(__name__)


def cache():
    if not os.getenv("REDIS_URL"):
        return None
    return redis.from_url(os.getenv("REDIS_URL"))
