from flask import Flask

import memcache
import redis

app = Flask(__name__)
store = redis.Redis()
hits = memcache.Client()
