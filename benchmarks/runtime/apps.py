"""The smallest apps of both kinds, as their authors would write them."""

import threading
import time

from fastapi import FastAPI
from flask import Flask, request

flask_app = Flask("hello")
fastapi_app = FastAPI()


@flask_app.get("/")
def hello() -> str:
    return "hello"


@flask_app.get("/sleep/<float:seconds>")
def sleep(seconds: float) -> str:
    time.sleep(seconds)
    return "slept"


@flask_app.post("/length")
def length() -> str:
    return str(len(request.get_data()))


@fastapi_app.get("/")
async def hello_async() -> dict[str, str]:
    return {"hello": "world"}


@fastapi_app.get("/block/{seconds}")
async def block(seconds: float) -> dict[str, int]:
    time.sleep(seconds)  # The mistake that stops a whole loop.
    return {"threads": threading.active_count()}
