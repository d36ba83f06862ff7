"""One ASGI worker: uvicorn on a socket it inherits, in a process of its own.

Like `server`, it is started by the supervisor, which imports neither this module nor the app.
"""

import asyncio
import contextlib
import logging
import os
import select
import signal
import socket
import sys
from collections import deque
from collections.abc import Iterator

import uvicorn
from gunicorn import util

from seatrial_runtime.servers.asgi_log import RequestLog, ServerLog
from seatrial_runtime.servers.interface import Asgi, as_asgi3, interface_of
from seatrial_runtime.servers.spec import (
    InterfaceError,
    ServerSpec,
    enter,
    load_failure,
    watch_parent,
)
from seatrial_runtime.supervisor.channel import Message, Sender

_LOAD_FAILED = 4  # gunicorn's exit code for the same.
_LAST_ERRORS = 3


class Server(uvicorn.Server):
    """Reports when it serves, drains what has queued, and ends with exit code 0 when told to."""

    def __init__(self, config: uvicorn.Config, spec: ServerSpec, sender: Sender) -> None:
        super().__init__(config)
        self._spec, self._sender = spec, sender

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """uvicorn's own raises the signal again at the end, and the process would die of it."""
        for number in uvicorn.server.HANDLED_SIGNALS:
            signal.signal(number, self.handle_exit)
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Run the app's lifespan, then listen."""
        await super().startup(sockets)
        if self.started:
            self._sender.send(Message("ready", os.getpid()))

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Take the connections that wait and, when the whole service ends, refuse new ones.

        Nobody would answer them later, and a refused client can safely try elsewhere. A worker
        that ends alone leaves the socket to the others.
        """
        for _ in range(3):
            await asyncio.sleep(0)  # Each turn of the loop accepts all that wait.
        for server in self.servers:
            server.close()
        if select.select([self._spec.stop_fd], [], [], 0)[0]:
            for listener in sockets or []:
                with contextlib.suppress(OSError):
                    listener.shutdown(socket.SHUT_RDWR)
        await super().shutdown(sockets)


def _load(spec: ServerSpec) -> Asgi:
    sys.path.insert(0, spec.app_dir)
    app = util.import_app(spec.target)
    if interface_of(app) != "asgi":
        raise InterfaceError(f"{spec.target} is a WSGI app, and --interface says asgi")
    return as_asgi3(app)


def main() -> None:
    """Entry point of the worker process."""
    spec = enter()
    sender = Sender(spec.channel_fd)
    watch_parent(spec.supervisor_pid, spec.graceful_timeout_s, lambda: None)
    errors: deque[str] = deque(maxlen=_LAST_ERRORS)

    def on_error(text: str) -> None:
        errors.append(text)
        sender.send(Message("error", os.getpid(), text=text))

    try:
        app = _load(spec)
    except BaseException as error:
        # Even SystemExit: a module that exits when imported would be restarted for ever.
        sender.send(load_failure(error, spec))
        sys.exit(_LOAD_FAILED)
    config = uvicorn.Config(
        RequestLog(app),
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_keep_alive=spec.keep_alive_s,
        timeout_graceful_shutdown=spec.graceful_timeout_s,
    )
    log = logging.getLogger("uvicorn.error")
    log.handlers, log.propagate, log.disabled = [ServerLog(on_error)], False, False
    log.setLevel(logging.INFO)
    server = Server(config, spec, sender)
    listener = socket.socket(fileno=spec.listener_fd)
    # uvicorn says by SystemExit that the lifespan failed.
    with listener, contextlib.suppress(SystemExit):
        server.run(sockets=[listener])
    if not server.started and not server.should_exit:
        text, hint = "; ".join(errors), "its lifespan failed at start; the log says where"
        last = text.strip().splitlines()[-1] if text.strip() else "the app did not start"
        sender.send(Message("failed", os.getpid(), last, hint, text))
        sys.exit(_LOAD_FAILED)
    sys.exit(0)
