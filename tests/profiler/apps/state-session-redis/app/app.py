import os

from flask import Flask, session
from flask_caching import Cache
from flask_limiter import Limiter
from flask_limiter.util import get_remote_address
from flask_session import Session

app = Flask(__name__)
app.config.update(SESSION_TYPE="redis", CACHE_TYPE="RedisCache")
Session(app)
cache = Cache(app)
limiter = Limiter(get_remote_address, app=app, storage_uri=os.environ["REDIS_URL"])


@app.get("/")
@cache.cached(timeout=10)
def index():
    session["seen"] = True
    return "hello"
