"""A plain gunicorn (gthread) or uvicorn around a guarded app, with the side thread's ticks."""

from __future__ import annotations

import json
import os
import socket
import sys
import threading
import time
from typing import Any

from harness import web_settings
from seatrial_runtime.guard import asgi, wsgi
from seatrial_runtime.guard.buckets import create
from seatrial_runtime.guard.flights import Flights
from seatrial_runtime.telemetry import metrics

TICK_S = float(os.environ.get("GUARD_TICK_S", "0.02"))
KIND, APP, FD, WORKERS = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
FLAGS = json.loads(sys.argv[5])
BUCKETS_FD = create()
flights = Flights()


def tick() -> None:
    while True:
        time.sleep(TICK_S)
        flights.tick(time.monotonic())


def guarded() -> Any:
    """In the worker: import the app, put the guard before it, start the ticks."""
    sys.path.insert(0, os.path.dirname(__file__))
    import guard_samples

    metrics.collect_in(os.environ["GUARD_FOLDER"])
    app = getattr(guard_samples, APP)
    app = app() if APP.startswith("make_") else app
    settings = web_settings("guard_samples:" + APP, **FLAGS)
    guard_samples.flights = flights
    module = wsgi if KIND == "wsgi" else asgi
    made = module.guarded(app, settings, flights, BUCKETS_FD)
    threading.Thread(target=tick, daemon=True).start()
    print("guard_server ready", os.getpid(), file=sys.stderr, flush=True)
    return made


def serve_wsgi() -> None:
    from gunicorn.app.base import BaseApplication

    class App(BaseApplication):
        def load_config(self) -> None:
            self.cfg.set("bind", f"fd://{FD}")
            self.cfg.set("workers", WORKERS)
            self.cfg.set("worker_class", "gthread")
            self.cfg.set("threads", int(os.environ.get("GUARD_THREADS", "8")))
            self.cfg.set("keepalive", 30)
            self.cfg.set("control_socket_disable", True)
            self.cfg.set("graceful_timeout", 1)
            self.cfg.set("forwarded_allow_ips", "")

        def load(self) -> Any:
            return guarded()

    App().run()


def serve_asgi() -> None:
    import uvicorn

    for _ in range(WORKERS - 1):
        if os.fork() == 0:
            break
    config = uvicorn.Config(guarded(), access_log=False, proxy_headers=False, server_header=False)
    uvicorn.Server(config).run(sockets=[socket.socket(fileno=FD)])


if __name__ == "__main__":
    serve_wsgi() if KIND == "wsgi" else serve_asgi()
