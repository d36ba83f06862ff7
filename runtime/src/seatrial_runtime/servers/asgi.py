"""Serves one ASGI app: uvicorn, on a socket that this process inherits.

The supervisor never imports this module, nor uvicorn, nor the app.
"""

import asyncio
import contextlib
import logging
import os
import select
import signal
import socket
import time
from collections import deque
from collections.abc import Callable, Iterator
from typing import Any

import uvicorn

from seatrial_runtime.servers.asgi_answer import Cycle
from seatrial_runtime.servers.asgi_http import http_protocol
from seatrial_runtime.servers.asgi_log import ServerLog
from seatrial_runtime.servers.interface import Asgi
from seatrial_runtime.servers.spec import LOAD_FAILED, ServerSpec
from seatrial_runtime.servers.watch import LoopLag, Watch, rss_bytes
from seatrial_runtime.supervisor.channel import Message, Sender

_LAST_ERRORS = 3
_LINGER_S = 2.0  # As gunicorn's: a request may already be on its way on an idle connection.
_POLL_S = 0.05
_WS_BYTES = 16 * 2**20  # uvicorn's default for one message.


class Server(uvicorn.Server):
    """Reports when it serves, drains what has queued, and gives streams a time of their own."""

    def __init__(
        self,
        config: uvicorn.Config,
        spec: ServerSpec,
        sender: Sender,
        watch: Watch,
        leave: Callable[[], None],
    ) -> None:
        super().__init__(config)
        self._spec, self._sender, self._watch, self._leave = spec, sender, watch, leave

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """uvicorn's own raises the signal again at the end, and the process would die of it."""
        for number in uvicorn.server.HANDLED_SIGNALS:
            signal.signal(number, self.handle_exit)
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Run the app's lifespan, then listen."""
        self._watch.lag_s = LoopLag(asyncio.get_running_loop().call_soon_threadsafe)
        await super().startup(sockets)
        if self.started:
            self._sender.send(Message("ready", os.getpid(), rss_bytes=rss_bytes()))

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
        clean = await self._finish()
        await self.lifespan.shutdown()
        if not clean:
            # Threads of the app that still work would keep the loop, and the process, for ever.
            self._leave()

    async def _finish(self) -> bool:
        """Wait for what runs, each kind within its time; False when something had to be cut."""
        state, settings = self.server_state, self._spec.settings
        # For requests that still come on kept connections.
        state.default_headers = [*state.default_headers, (b"connection", b"close")]
        began, cut = time.monotonic(), False
        lost: dict[Cycle, float] = {}
        while state.connections or state.tasks:
            past_s = time.monotonic() - began
            _end_lost(state.tasks, lost, past_s)
            connections: list[Any] = list(state.connections)
            for connection in connections:
                if _is_idle(connection):
                    if past_s >= _LINGER_S:
                        connection.shutdown()
                elif _is_stream(connection):
                    if past_s >= settings.stream_timeout_s:
                        connection.shutdown()  # A websocket is closed with 1012.
                        _abort(connection)
                else:
                    connection.cycle.keep_alive = False
            longest_s = max(settings.graceful_timeout_s, settings.stream_timeout_s)
            if past_s >= longest_s:
                for task in list(state.tasks):
                    task.cancel()
                    cut = True
                await asyncio.sleep(_POLL_S)
                break
            await asyncio.sleep(_POLL_S)
        return not cut or not state.tasks


def _end_lost(running: set[Any], lost: dict[Cycle, float], past_s: float) -> None:
    """End answers to clients that are gone, once each, after a time to notice that themselves.

    uvicorn drops what such an app sends and tells it nothing more: it may stream for ever. One
    whose answer has not begun may be at work that counts, and keeps its time.
    """
    for cycle in [one for one in running if isinstance(one, Cycle) and one.is_lost()]:
        if past_s - lost.setdefault(cycle, past_s) >= _LINGER_S:
            lost[cycle] = float("inf")
            cycle.cancel()


def _is_idle(connection: Any) -> bool:
    if not hasattr(connection, "cycle"):
        return False
    return connection.cycle is None or connection.cycle.response_complete


def _is_stream(connection: Any) -> bool:
    """A websocket, or an answer that has begun and whose end is not known."""
    cycle = getattr(connection, "cycle", None)
    return cycle is None or bool(cycle.response_started and cycle.chunked_encoding)


def _abort(connection: Any) -> None:
    cycle = getattr(connection, "cycle", None)
    if cycle is not None:
        connection.transport.close()


def serve(
    spec: ServerSpec, app: Asgi, sender: Sender, watch: Watch, leave: Callable[[], None]
) -> None:
    """Serve until told to stop; `leave` ends the process when something had to be cut."""
    errors: deque[str] = deque(maxlen=_LAST_ERRORS)
    settings = spec.settings

    def on_error(text: str) -> None:
        errors.append(text)
        sender.send(Message("error", os.getpid(), text=text))

    options: dict[str, Any] = {"ws_max_size": max(settings.max_body, _WS_BYTES)}
    if settings.command == "streamlit":
        # Only there: it imports the library.
        from seatrial_runtime.servers.streamlit import Scripts, uvicorn_options

        options = uvicorn_options()
        if settings.request_timeout_s:
            watch.on_beat = Scripts(settings.request_timeout_s).look
    config = uvicorn.Config(
        app,
        http=http_protocol(settings.max_header),
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        interface="asgi3",
        timeout_keep_alive=settings.keep_alive_s,
        timeout_graceful_shutdown=settings.graceful_timeout_s,
        **options,
    )
    log = logging.getLogger("uvicorn.error")
    log.handlers, log.propagate, log.disabled = [ServerLog(on_error)], False, False
    log.setLevel(logging.INFO)
    server = Server(config, spec, sender, watch, leave)
    listener = socket.socket(fileno=spec.listener_fd)
    # uvicorn says by SystemExit that the lifespan failed.
    with listener, contextlib.suppress(SystemExit):
        server.run(sockets=[listener])
    if not server.started and not server.should_exit:
        text, hint = "; ".join(errors), "its lifespan failed at start; the log says where"
        last = text.strip().splitlines()[-1] if text.strip() else "the app did not start"
        sender.send(Message("failed", os.getpid(), last, hint, text))
        raise SystemExit(LOAD_FAILED)
