"""ASGI apps as their authors might write them; none knows about seatrial."""

import asyncio
import os
import sys
import time

state = {"started": False}


async def app(scope, receive, send):
    if scope["type"] == "lifespan":
        while True:
            message = await receive()
            if message["type"] == "lifespan.startup":
                state["started"] = True
                await send({"type": "lifespan.startup.complete"})
            else:
                print("lifespan over", flush=True)
                await send({"type": "lifespan.shutdown.complete"})
                return
    if scope["type"] == "websocket":
        await echo(receive, send)
        return
    path, text = scope["path"], "hello"
    if path == "/stream":
        await stream(send)
        return
    if path.startswith("/wait/"):
        while not os.path.exists(path.removeprefix("/wait")):
            await asyncio.sleep(0.02)
    elif path.startswith("/hold/"):
        os.write(1, b"held\n")
        while not os.path.exists(path.removeprefix("/hold")):
            time.sleep(0.02)  # The mistake that stops a whole loop.
    elif path == "/raise":
        raise RuntimeError("the app failed")
    elif path == "/die":
        os._exit(int(scope["query_string"]))
    elif path == "/started":
        text = str(state["started"])
    elif path == "/pid":
        text = str(os.getpid())
    elif path == "/argv":
        text = " ".join(sys.argv)
    headers = [(b"content-type", b"text/plain"), (b"content-length", str(len(text)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": text.encode()})


async def echo(receive, send):
    while True:
        message = await receive()
        if message["type"] == "websocket.connect":
            await send({"type": "websocket.accept"})
        elif message["type"] == "websocket.receive":
            await send({"type": "websocket.send", "text": message["text"]})
        else:
            return


async def stream(send):
    headers = [(b"content-type", b"text/event-stream")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    for number in range(1000):
        body = b"data: %d\n\n" % number
        await send({"type": "http.response.body", "body": body, "more_body": True})
        await asyncio.sleep(0.1)
    await send({"type": "http.response.body", "body": b""})


def create_app():
    return app


async def no_lifespan(scope, receive, send):
    assert scope["type"] == "http"
    await app(scope, receive, send)


def old_style(scope):
    async def instance(receive, send):
        await app(scope, receive, send)

    return instance


async def broken_start(scope, receive, send):
    if scope["type"] == "lifespan":
        await receive()
        await send({"type": "lifespan.startup.failed", "message": "no model file"})
