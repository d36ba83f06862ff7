import redis
import requests
from flask import Flask
from sqlalchemy import create_engine

API = "http://localhost:5001"
app = Flask(__name__)
engine = create_engine("postgresql://app:not-a-real-password@localhost:5432/shop")
cache = redis.Redis(host="localhost", port=6379)
queue = redis.Redis()


@app.get("/")
def index():
    return requests.get(f"{API}/price", timeout=3).text
