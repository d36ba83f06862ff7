"""WSGI apps as their authors might write them; none knows about seatrial."""

import json
import logging
import os
import signal
import subprocess
import sys
import time


def _answer(start_response, text, status="200 OK"):
    start_response(status, [("Content-Type", "text/plain"), ("Content-Length", str(len(text)))])
    return [text.encode()]


def _ticks():
    for number in range(1000):
        yield b"data: %d\n\n" % number
        time.sleep(0.1)


def app(environ, start_response):
    path = environ["PATH_INFO"]
    if path.startswith("/sleep/"):
        time.sleep(float(path.removeprefix("/sleep/")))
    elif path.startswith("/hold/"):
        os.write(1, b"held\n")
        while not os.path.exists(path.removeprefix("/hold")):
            time.sleep(0.02)
    elif path.startswith("/wait/"):
        while not os.path.exists(path.removeprefix("/wait")):
            time.sleep(0.02)
    elif path == "/print":
        print("plain words of the app", flush=True)
    elif path == "/shell":
        # Past Python: a program of its own, and bytes that are no text.
        subprocess.run(["sh", "-c", "echo words of a program; printf 'a\\377b\\n' >&2"], check=True)
        subprocess.run(["echo", json.dumps({"event": "sale", "amount": 3})], check=True)
    elif path == "/log":
        logging.getLogger("shop").debug("a debug line")
    elif path == "/long-line":
        os.write(1, b"x" * 200_000 + b"\n")
    elif path == "/stream":
        start_response("200 OK", [("Content-Type", "text/event-stream")])
        return _ticks()
    elif path == "/raise":
        raise RuntimeError("the app failed: " + os.environ.get("PAY_API_KEY", ""))
    elif path == "/die":
        code = int(environ["QUERY_STRING"])
        if code < 0:
            signal.raise_signal(-code)  # In this thread, as a crash is.
        os._exit(code)
    elif path == "/argv":
        return _answer(start_response, " ".join(sys.argv))
    return _answer(start_response, "hello")


def create_app():
    return app


def failing(environ, start_response):
    return _answer(start_response, "no", "500 Internal Server Error")


not_callable = "text"
