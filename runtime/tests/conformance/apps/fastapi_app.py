"""The same behaviours as in the other apps of this folder, in FastAPI."""

import asyncio
import logging
import os
import time

from fastapi import FastAPI, UploadFile, WebSocket
from fastapi.responses import PlainTextResponse, StreamingResponse

app = FastAPI(default_response_class=PlainTextResponse)
log = logging.getLogger("shop")
kept = []


@app.get("/hello/{name}")
async def hello(name: str):
    return f"hello {name}"


@app.get("/sleep/{seconds}")
async def sleep(seconds: float):
    await asyncio.sleep(seconds)
    return "slept"


@app.get("/wait")
async def wait(gate: str):
    while not os.path.exists(gate):
        await asyncio.sleep(0.02)
    return "waited"


@app.get("/stream")
async def stream(gate: str):
    async def chunks():
        yield "begun\n"
        while not os.path.exists(gate):
            await asyncio.sleep(0.02)
            yield ".\n"
        yield "ended\n"

    return StreamingResponse(chunks(), media_type="text/plain")


@app.get("/hold")
async def hold(gate: str):
    os.write(1, b"held\n")
    while not os.path.exists(gate):
        time.sleep(0.02)  # The mistake that stops a whole loop.
    return "held"


@app.get("/leak/{mib}")
async def leak(mib: int):
    kept.append(b"x" * (mib << 20))
    return str(os.getpid())


@app.get("/pid")
async def pid():
    return str(os.getpid())


@app.get("/talk")
async def talk():
    log.warning("selling %s", "apples")
    print("sold apples")
    return "talked"


@app.get("/secret")
async def secret():
    key = os.environ["SHOP_API_KEY"]
    log.warning("calling with Authorization: Bearer %s", key)
    print("the key is", key)
    raise RuntimeError(f"denied for {key}")


@app.post("/upload")
async def upload(file: UploadFile):
    return str(len(await file.read()))


@app.websocket("/ws")
async def ws(socket: WebSocket):
    await socket.accept()
    while True:
        await socket.send_text("echo " + await socket.receive_text())
