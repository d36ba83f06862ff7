"""Uses redis? No: postgresql://user@host/db is only an example."""

import os

from flask import Flask

app = Flask(__name__)
# r = redis.from_url("redis://localhost")
KIND = "redis"
NOTE = "needs PostgreSQL, or mysql://... as you like"


@app.get("/")
def index():
    url = app.config.get("URL", "")
    if url.startswith("postgresql://") or url == "mysql://":
        return "a database"
    return "see https://redis.io and s3 docs"
