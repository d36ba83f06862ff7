import shelve

from flask import Flask
from qdrant_client import QdrantClient
from tinydb import TinyDB

app = Flask(__name__)
db = TinyDB("db.json")
vectors = QdrantClient(":memory:")


@app.get("/")
def index():
    with shelve.open("counts") as counts:
        counts["seen"] = 1
    return ""
