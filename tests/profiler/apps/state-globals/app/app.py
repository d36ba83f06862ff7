from flask import Flask, request

app = Flask(__name__)
latest = None
client = None
hits = 0
next_id = 1


def get_client():
    global client
    if client is None:
        client = object()
    return client


@app.post("/upload")
def upload():
    global latest, hits, next_id
    hits += 1
    next_id += 1
    latest = request.json
    get_client()
    return {"id": next_id}
