"""A light HTTP/1.1 client for trials: keep-alive connections, no queue, no retry, no surprise.

General clients queue requests when their pool is full, repeat some that failed and follow
redirects. Each of these hides what a trial is there to see. Measured (benchmarks/trials), this
client also takes a fraction of their processor time, which the server under trial shares.
"""

from __future__ import annotations

import asyncio
import errno
from collections.abc import Callable
from typing import Literal

import httptools

Kind = Literal["ok", "connect", "timeout", "reset", "http-4xx", "http-5xx", "bad-body", "not-sent"]
"""How a request ended.

`connect`: no connection; `timeout`: no complete answer in time; `reset`: the connection closed
before an answer, or was reset; `http-4xx`, `http-5xx`: a complete answer with such a status;
`bad-body`: an answer that is not HTTP, was cut short, or is too long; `not-sent`: the limit of
requests in flight was reached, or this machine had no socket left.
"""

Settle = Callable[[int, Kind, float], None]
"""Told once for each request: its index, how it ended, and when."""

ANSWER_BYTES_MAX = 64 << 20
"""Longest answer that is read; an endless one must not keep the trial busy."""

HEAD_BYTES_MAX = 256 << 10
"""Longest head of an answer; several times what browsers take."""

IDLE_S_MAX = 1.0
"""How long an unused connection is kept.

Below the idle time-outs of common servers (gunicorn 2 s, uvicorn and Node.js 5 s), so that a
request does not cross with the server closing its connection. A repeat would also deal with
that, but would hide a worker that dies over the request.
"""

_OWN_FAULT = (errno.EMFILE, errno.ENFILE, errno.EADDRNOTAVAIL, errno.ENOBUFS, errno.ENOMEM)


class Client:
    """Sends GET requests to one address; as many at once as it is asked to."""

    def __init__(
        self,
        address: tuple[str, int],
        settle: Settle,
        clock: Callable[[], float],
    ) -> None:
        self._address = address
        self._settle = settle
        self.clock = clock
        self._idle: list[Connection] = []
        self._pending: dict[int, Connection | asyncio.Task[None]] = {}
        self._closed = False

    def send(self, index: int, payload: bytes) -> None:
        """Send a request now: on the connection used last, or else on a new one."""
        oldest = self.clock() - IDLE_S_MAX
        while self._idle:
            connection = self._idle.pop()
            if connection.idle_since >= oldest and connection.open:
                self._pending[index] = connection
                connection.start(index, payload)
                return
            connection.abort()
        loop = asyncio.get_running_loop()
        self._pending[index] = loop.create_task(self._connect(index, payload))

    def give_up(self, index: int, kind: Kind) -> None:
        """Settle a request that is still in flight, and drop its connection."""
        pending = self._pending[index]
        self.settle(index, kind, self.clock())
        if isinstance(pending, Connection):
            pending.abort()
        else:
            pending.cancel()

    def settle(self, index: int, kind: Kind, at_s: float) -> None:
        """Tell how a request ended; only the first word counts."""
        if self._pending.pop(index, None) is not None:
            self._settle(index, kind, at_s)

    def release(self, connection: Connection) -> None:
        """Keep a connection for the next request; drop those that nobody needed lately."""
        connection.idle_since = self.clock()
        self._idle.append(connection)
        while self._idle[0].idle_since < connection.idle_since - IDLE_S_MAX:
            self._idle.pop(0).abort()

    def forget(self, connection: Connection) -> None:
        """The server closed a connection that was not in use."""
        if connection in self._idle:
            self._idle.remove(connection)

    def close(self) -> None:
        """Drop every connection; what is in flight is not settled any more."""
        self._closed = True
        pending, self._pending = self._pending, {}
        for waiting in pending.values():
            if isinstance(waiting, Connection):
                waiting.abort()
            else:
                waiting.cancel()
        for connection in self._idle:
            connection.abort()
        self._idle.clear()

    async def _connect(self, index: int, payload: bytes) -> None:
        loop = asyncio.get_running_loop()
        try:
            _, connection = await loop.create_connection(lambda: Connection(self), *self._address)
        except OSError as error:
            kind: Kind = "not-sent" if error.errno in _OWN_FAULT else "connect"
            self.settle(index, kind, self.clock())
            return
        if self._closed or index not in self._pending:
            connection.abort()
        elif not connection.open:  # Taken and dropped again before the request could be sent.
            self.settle(index, "reset", self.clock())
        else:
            self._pending[index] = connection
            connection.start(index, payload)


class Connection(asyncio.Protocol):
    """One keep-alive connection with at most one request on it.

    The methods `on_*` are called by the parser (llhttp, as in Node.js) while it reads.
    """

    def __init__(self, client: Client) -> None:
        self._client = client
        self._transport: asyncio.Transport | None = None
        self._parser = httptools.HttpResponseParser(self)
        self._index: int | None = None
        self._reset()
        self.idle_since = 0.0
        self.open = True

    def _reset(self) -> None:
        self._bytes = 0
        self._head_complete = False
        self._framed = False
        self._complete = False
        self._excess = False
        self._keep = False

    def start(self, index: int, payload: bytes) -> None:
        """Send a request on this connection."""
        assert self._transport is not None and self._index is None
        self._index = index
        self._transport.write(payload)

    def abort(self) -> None:
        """Close at once; a request on it is not settled."""
        self.open = False
        self._index = None
        if self._transport is not None:
            self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        at_s = self._client.clock()
        if self._index is None:  # Bytes nobody asked for: the next answer could not be trusted.
            self._client.forget(self)
            self.abort()
            return
        self._bytes += len(data)
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):
            self._fail("bad-body", at_s)
            return
        limit = ANSWER_BYTES_MAX if self._head_complete else HEAD_BYTES_MAX
        if self._excess or self._bytes > limit:
            self._fail("bad-body", at_s)
        elif self._complete:
            self._answered(at_s)

    def connection_lost(self, exc: Exception | None) -> None:
        self.open = False
        if self._index is None:
            self._client.forget(self)
        elif exc is not None or self._bytes == 0:
            self._fail("reset", self._client.clock())
        elif self._head_complete and not self._framed:
            # Without a length, the end of the connection is the end of the answer.
            self._answered(self._client.clock())
        else:
            self._fail("bad-body", self._client.clock())
        # Parser and connection refer to each other, and nobody collects cycles during a trial.
        del self._parser
        self._transport = None

    def on_message_begin(self) -> None:
        self._excess = self._complete  # A second answer to one request.

    def on_header(self, name: bytes, value: bytes) -> None:
        if name.lower() in (b"content-length", b"transfer-encoding"):
            self._framed = True

    def on_headers_complete(self) -> None:
        self._head_complete = True

    def on_message_complete(self) -> None:
        if self._parser.get_status_code() >= 200:
            self._complete = True
            self._keep = self._parser.should_keep_alive()  # Forgotten after this call.
        else:  # 103 Early Hints: the answer itself is still to come.
            self._head_complete = self._framed = False

    def _answered(self, at_s: float) -> None:
        index, keep = self._index, self._keep and self.open
        status = self._parser.get_status_code()
        assert index is not None
        kind: Kind = "http-5xx" if status >= 500 else "http-4xx" if status >= 400 else "ok"
        self._index = None
        self._client.settle(index, kind, at_s)
        if keep:
            self._reset()
            self._client.release(self)
        else:
            self.abort()

    def _fail(self, kind: Kind, at_s: float) -> None:
        index = self._index
        assert index is not None
        self.abort()
        self._client.settle(index, kind, at_s)
