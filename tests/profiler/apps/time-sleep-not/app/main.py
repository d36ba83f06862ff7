import asyncio
import threading
import time

from fastapi import FastAPI

app = FastAPI()


def poll():
    while True:
        time.sleep(60)


@app.get("/start")
def start():
    threading.Thread(target=poll, daemon=True).start()
    time.sleep(0.05)
    return "started"


@app.get("/later")
async def later():
    await asyncio.sleep(1)
    return "later"
