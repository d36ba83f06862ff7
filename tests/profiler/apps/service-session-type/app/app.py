from flask import Flask
from flask_caching import Cache
from flask_session import Session

app = Flask(__name__)
app.config["SESSION_TYPE"] = "redis"
app.config["CACHE_TYPE"] = "MemcachedCache"
Session(app)
cache = Cache(app)
