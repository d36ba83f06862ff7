import os

import redis
from flask import Flask
from flask_cors import CORS
from pydantic_settings import BaseSettings


class Settings(BaseSettings):
    database_url: str = "postgresql://localhost/shop"


class DevelopmentConfig:
    REDIS_URL = "redis://localhost:6379"


app = Flask(__name__)
CORS(app, origins=["http://localhost:3000", "https://shop.example.com"])
cache = redis.from_url(os.environ.get("REDIS_URL", "redis://localhost:6379/0"))
broker = os.getenv("BROKER") or "redis://localhost:6379/1"
other = redis.Redis(host=os.environ["REDIS_HOST"])

if __name__ == "__main__":
    print("open http://localhost:5000")
    app.run(host="127.0.0.1", port=5000)
