"""Small apps without a framework: what a path begins with is what they do."""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from typing import Any

flights: Any = None  # Set by the server that runs them.


def _told(environ: Any) -> dict[str, Any]:
    names = ("REMOTE_ADDR", "wsgi.url_scheme", "HTTP_X_REQUEST_ID")
    return {name: environ.get(name) for name in names}


def plain_wsgi(environ: Any, start_response: Any) -> Any:
    path, query = environ["PATH_INFO"], environ["QUERY_STRING"]
    headers = [("Content-Type", "text/plain")]
    if path == "/sleep":
        time.sleep(float(query))
    elif path == "/late":  # Begins at once, sends late.
        start_response("200 OK", headers)
        return _late(float(query))
    elif path == "/stream":
        start_response("200 OK", headers)
        return _stream(float(query))
    elif path == "/told":
        start_response("200 OK", [("Content-Type", "application/json")])
        return [json.dumps(_told(environ)).encode()]
    elif path == "/read":
        body = environ["wsgi.input"].read()
        start_response("200 OK", headers)
        return [str(len(body)).encode()]
    elif path == "/lines":
        start_response("200 OK", headers)
        return [str(sum(map(len, environ["wsgi.input"]))).encode()]
    elif path == "/raise":
        raise ValueError("on purpose")
    elif path == "/exit":
        raise SystemExit(3)
    elif path == "/break":
        start_response("200 OK", [*headers, ("Content-Length", "100")])
        return _break()
    elif path == "/write":
        start_response("200 OK", headers)(b"written ")
        return [b"and returned"]
    elif path == "/nothing":
        return [b"no start_response"]
    elif path == "/file":
        start_response("200 OK", headers)
        return environ["wsgi.file_wrapper"](open(__file__, "rb"))
    elif path == "/own":
        own = [("X-Frame-Options", "DENY"), ("Content-Security-Policy", "default-src *")]
        headers += [*own, ("x-request-id", "mine")]
    elif path == "/flights":
        start_response("200 OK", headers)
        body = {"count": flights.count(), "overdue_s": flights.overdue_s(time.monotonic())}
        return [json.dumps({**body, "stacks": flights.stacks()}).encode()]
    start_response("200 OK", [*headers, ("Content-Length", "5")])
    return [b"hello"]


def _late(seconds: float) -> Any:
    time.sleep(seconds)
    yield b"hello"


def _stream(seconds: float) -> Any:
    for _ in range(5):
        yield b"piece\n"
        time.sleep(seconds / 5)


def _break() -> Any:
    yield b"half"
    raise ValueError("on purpose")


async def plain_asgi(scope: Any, receive: Any, send: Any) -> None:
    if scope["type"] == "websocket":
        await _socket(scope, receive, send)
        return
    if scope["type"] != "http":
        return
    path, query = scope["path"], scope["query_string"].decode()
    headers = [(b"content-type", b"text/plain")]
    body = b"hello"
    if path == "/sleep":
        await asyncio.sleep(float(query))
    elif path == "/thread":  # Cannot be cancelled, as in Starlette's thread pool.
        sleep = asyncio.ensure_future(asyncio.to_thread(time.sleep, float(query)))
        while not sleep.done():
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.shield(sleep)
    elif path == "/stubborn":
        end = time.monotonic() + float(query)
        while time.monotonic() < end:
            try:
                await asyncio.sleep(0.01)
            except asyncio.CancelledError:
                continue
    elif path == "/told":
        told = {"client": scope["client"], "scheme": scope["scheme"]}
        told["id"] = dict(scope["headers"])[b"x-request-id"].decode()
        body = json.dumps(told).encode()
    elif path == "/read":
        size, more = 0, True
        while more:
            message = await receive()
            size += len(message.get("body", b""))
            more = message.get("more_body", False)
        body = str(size).encode()
    elif path == "/raise":
        raise ValueError("on purpose")
    elif path == "/exit":
        raise SystemExit(3)
    elif path == "/nothing":
        return
    elif path == "/own":
        headers += [(b"x-frame-options", b"DENY"), (b"content-security-policy", b"default-src *")]
        headers += [(b"x-request-id", b"mine")]
    elif path == "/flights":
        told = {"count": flights.count(), "overdue_s": flights.overdue_s(time.monotonic())}
        body = json.dumps({**told, "stacks": flights.stacks()}).encode()
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    if path == "/break":
        await send({"type": "http.response.body", "body": b"half", "more_body": True})
        raise ValueError("on purpose")
    if path in ("/stream", "/late"):
        for _ in range(5):
            if path == "/stream":
                await send({"type": "http.response.body", "body": b"piece\n", "more_body": True})
            await asyncio.sleep(float(query) / 5)
    await send({"type": "http.response.body", "body": body if path != "/stream" else b""})


async def _socket(scope: Any, receive: Any, send: Any) -> None:
    await receive()
    if scope["path"] == "/sleep":
        await asyncio.sleep(float(scope["query_string"]))
    if scope["path"] == "/no":
        await send({"type": "websocket.close", "code": 1000})
        return
    await send({"type": "websocket.accept"})
    while True:
        message = await receive()
        if message["type"] == "websocket.disconnect":
            return
        if message.get("text") == "raise":
            raise ValueError("on purpose")
        await send({"type": "websocket.send", "text": message.get("text")})
