import os

import redis
from fastapi import FastAPI

REDIS_URL = os.getenv("REDIS_URL")
cache = redis.from_url(REDIS_URL) if REDIS_URL else None
app = FastAPI()
