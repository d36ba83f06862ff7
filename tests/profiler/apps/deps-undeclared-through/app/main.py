import jose
import magic
import pydantic
import yaml
from google.cloud import storage
from PIL import Image

import some_sdk
from fastapi import FastAPI

app = FastAPI()


@app.get("/")
def home():
    return {"ok": True}
