import subprocess
import time

import requests
from fastapi import FastAPI

app = FastAPI()


@app.get("/weather")
async def weather():
    return requests.get("https://api.example.com/weather", timeout=5).json()


@app.get("/convert")
async def convert():
    subprocess.run(["ffmpeg", "-i", "in.mp4", "out.webm"], timeout=60)


@app.get("/slow")
async def slow():
    time.sleep(0.2)
