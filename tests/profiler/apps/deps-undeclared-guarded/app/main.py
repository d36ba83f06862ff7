from typing import TYPE_CHECKING

try:
    import orjson as json
except ImportError:
    import json

if TYPE_CHECKING:
    import boto3

from helpers import tools
from fastapi import FastAPI

app = FastAPI()


@app.get("/")
def home():
    return {"ok": True}
