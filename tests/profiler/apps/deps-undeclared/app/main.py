import cv2
import json

import model
from fastapi import FastAPI

app = FastAPI()


@app.get("/")
def home():
    return {"ok": True}
