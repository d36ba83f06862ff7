"""Apps with the ailments of production: they leak, hang, and hold the interpreter."""

import asyncio
import ctypes
import os
import time

kept = []


def act(path):
    if path.startswith("/leak/"):
        kept.append(bytearray(os.urandom(1) * (int(path.removeprefix("/leak/")) << 20)))
    elif path == "/hold-the-interpreter":
        ctypes.PyDLL(None).sleep(120)  # C code that does not let go of the lock.
    elif path == "/hang":
        time.sleep(120)
    elif path == "/slow":
        time.sleep(0.2)
    return str(os.getpid()).encode()


def wsgi(environ, start_response):
    body = act(environ["PATH_INFO"])
    start_response("200 OK", [("Content-Length", str(len(body)))])
    return [body]


async def asgi(scope, receive, send):
    if scope["type"] != "http":
        raise RuntimeError("only http")
    if scope["path"] == "/hang-politely":
        await asyncio.sleep(120)
    body = act(scope["path"])
    headers = [(b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})
