"""WSGI apps as their authors might write them; none knows about seatrial."""

import os
import sys
import time


def _answer(start_response, text, status="200 OK"):
    start_response(status, [("Content-Type", "text/plain"), ("Content-Length", str(len(text)))])
    return [text.encode()]


def app(environ, start_response):
    path = environ["PATH_INFO"]
    if path.startswith("/sleep/"):
        time.sleep(float(path.removeprefix("/sleep/")))
    elif path.startswith("/hold/"):
        os.write(1, b"held\n")
        while not os.path.exists(path.removeprefix("/hold")):
            time.sleep(0.02)
    elif path == "/print":
        print("plain words of the app", flush=True)
    elif path == "/raise":
        raise RuntimeError("the app failed: " + os.environ.get("PAY_API_KEY", ""))
    elif path == "/die":
        os._exit(int(environ["QUERY_STRING"]))
    elif path == "/argv":
        return _answer(start_response, " ".join(sys.argv))
    return _answer(start_response, "hello")


def create_app():
    return app


def failing(environ, start_response):
    return _answer(start_response, "no", "500 Internal Server Error")


not_callable = "text"
