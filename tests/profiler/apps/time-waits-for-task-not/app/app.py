from celery.result import AsyncResult
from flask import Flask, request

from tasks import resize

app = Flask(__name__)
cache = {}


@app.post("/resize")
def start():
    return {"id": resize.delay("a.png").id}


@app.get("/result/<task_id>")
def result(task_id):
    found = AsyncResult(task_id)
    if not found.ready():
        return {}, 202
    return {"at": found.get(timeout=1), "cached": cache.get(task_id), "q": request.args.get("q")}


@app.get("/state/<task_id>")
def state(task_id):
    found = AsyncResult(task_id)
    ready = found.ready()
    return {"ready": ready, "value": found.get() if ready else found.result}
