import os

from flask import Flask, current_app, request

import upload
from store import Store, open_store


def store() -> Store:
    return current_app.extensions["shop"]


def create_app() -> Flask:
    app = Flask(__name__)
    redis_url = os.environ.get("REDIS_URL", "").strip() or None
    kept, number = open_store(redis_url), 1
    app.extensions["shop"] = kept

    @app.post("/<key>")
    def write(key: str) -> str:
        upload.keep(store(), key, {"text": request.form["text"], "number": number})
        return store().read(key) or ""

    return app


app = create_app()
