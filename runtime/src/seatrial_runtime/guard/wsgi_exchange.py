"""One WSGI request and its answer, held back until its first byte so that it can be another."""

import errno
import socket
from collections.abc import Iterator
from email.utils import formatdate
from threading import Lock, get_ident
from time import monotonic
from typing import TYPE_CHECKING, Any

from seatrial_runtime.guard.bodies import BodyWatch
from seatrial_runtime.guard.flights import NEVER_S, Flight
from seatrial_runtime.guard.refusals import FAILED, NO_TIME, Refusal
from seatrial_runtime.telemetry import requests
from seatrial_runtime.telemetry.context import RequestContext, current

if TYPE_CHECKING:
    from seatrial_runtime.guard.wsgi import Guard

_LINGER_S = 2.0
_LINGER_BYTES = 65536


class Exchange(Flight):
    """The iterable that the server is given, and the flight that the side thread watches.

    The one who acquires `_turn` answers: the serving thread when the first byte is there, or the
    side thread when the deadline is over first. The loser waits until the winner has let go of
    the connection, because the server closes it next, and its number may be another's then.
    """

    __slots__ = (
        "_begun",
        "_close",
        "_environ",
        "_finished",
        "_guard",
        "_headers",
        "_lingers",
        "_own",
        "_parts",
        "_start_response",
        "_status",
        "_turn",
        "_unblocked",
        "_write",
        "https",
        "told",
        "watch",
    )

    def __init__(
        self,
        guard: "Guard",
        environ: dict[str, Any],
        start_response: Any,
        context: RequestContext,
        timeout_s: float,
    ) -> None:
        # All in one place: a call of another initialiser costs as much as six of these.
        self.context, self.expired, self.thread_id = context, False, get_ident()
        self.deadline_s = context.began_s + timeout_s if timeout_s else NEVER_S
        self._guard, self._environ, self._start_response = guard, environ, start_response
        self._turn = Lock()
        self._begun = self._finished = self._lingers = self._unblocked = False
        self._own: Refusal | None = None
        self._status = ""
        self._headers: list[tuple[str, str]] = []
        self._parts: Any = None
        self._close: Any = None
        self._write: Any = None
        self.https = False
        self.told: list[tuple[str, str]] = []
        self.watch: BodyWatch | None = None

    def start(self, status: str, headers: Any, exc_info: Any = None) -> Any:
        """The app's start_response."""
        if exc_info is not None:
            try:
                if self._begun:
                    raise exc_info[1].with_traceback(exc_info[2])
            finally:
                exc_info = None
        elif self._status:
            raise AssertionError("start_response was called before")
        self._status, self._headers = status, headers
        # Here, because Flask takes its request out of the environ before it returns.
        self.context.route = self._guard.route(self._environ)
        return self.write

    def write(self, data: bytes) -> None:
        """What start_response returns, for apps of the oldest kind."""
        if not self._begun:
            self._begin()
        if self._own is None:
            self._write(data)

    def serve(self, answer: Any) -> Any:
        """What the server is to iterate over, for what the app returned."""
        self._close = getattr(answer, "close", None)
        wrapper = self._environ.get("wsgi.file_wrapper")
        if wrapper is not None and isinstance(answer, wrapper):
            # The server knows its own class, and has the kernel send the file.
            if not self._begin():
                answer.close = self.close
                return answer
        elif self._own is None:
            self._parts = iter(answer)
        return self

    def __iter__(self) -> Iterator[bytes]:
        # A generator: to a server each of its steps costs half of a call of `__next__`.
        parts, first = self._parts, None
        try:
            first = next(parts, None)
        except (Exception, SystemExit) as error:
            self.failed(error)
            parts = self._parts
        if not self._begun and self._begin():
            parts, first = self._parts, None
        if first is not None:
            yield first
        try:
            yield from parts
        except (Exception, SystemExit) as error:
            self.failed(error)

    def answer_with(self, refusal: Refusal) -> None:
        """Answer this, whatever the app may have said."""
        body = refusal.body(self.context)
        self._own = refusal
        self._status, self._headers = refusal.status_line, refusal.headers(body)
        self._parts = iter((body,))
        if refusal.closes:
            # The only way to have gunicorn say `Connection: close`; other servers look after it.
            response: Any = getattr(self._start_response, "__self__", None)
            if hasattr(response, "force_close"):
                response.force_close()
                self._lingers = True

    def failed(self, error: BaseException) -> "Exchange":
        """The app raised; answer 500, or break off what has begun."""
        if isinstance(error, _LostError):
            self.finish()
            raise error
        refused = self.watch is not None and self.watch.refusal is not None
        if not self.expired and not refused:
            requests.caught(error, self.context)
        if self._begun:
            self.close()
            # The server closes the connection without a word: the client sees it cut short.
            raise BrokenPipeError(errno.EPIPE, "the app failed within its answer") from None
        self.answer_with(FAILED)
        return self

    def _begin(self) -> bool:
        """Claim the connection and hand over the head; whether the answer became another."""
        if not self._turn.acquire(False):
            raise self._lost()
        self._begun, self.deadline_s = True, NEVER_S
        before = self._own
        if self.watch is not None and self.watch.refusal is not None:
            requests.limited(self.watch.refusal.kind)
            self.answer_with(self.watch.refusal)
        elif not self._status:
            error = AssertionError("the app answered without start_response")
            requests.caught(error, self.context)
            self.answer_with(FAILED)
        self.context.status = int(self._status[:3])
        self._write = self._start_response(self._status, self._all_headers())
        return self._own is not before

    def _all_headers(self) -> list[tuple[str, str]]:
        headers = self._guard.rules.headers
        return headers.complete(self._headers, self.context.id, self.told, self.https)

    def _lost(self) -> "_LostError":
        with self._guard.flights.answering:
            return _LostError(errno.EPIPE, "was answered 504 meanwhile")

    def close(self) -> None:
        """The server is done with the answer."""
        try:
            close, self._close = self._close, None
            if close is not None:
                close()
        finally:
            self.finish()

    def finish(self) -> None:
        """The end, however it came; only the first call counts."""
        if self._finished:
            return
        self._finished = True
        flights, context = self._guard.flights, self.context
        if not self._begun and not self._turn.acquire(False):
            with flights.answering:  # The side thread has answered, and told telemetry.
                flights.end(self)
        else:
            context.route = context.route or self._guard.route(self._environ)
            duration_s = monotonic() - context.began_s
            requests.ended(context, duration_s, log=self._guard.rules.request_log)
            if self._lingers:
                self._linger()
            flights.end(self)
        current.set(None)

    def expire(self) -> None:
        """Answer 504 on the connection itself: the thread that serves cannot be stopped."""
        connection = self._environ.get("gunicorn.socket")
        if connection is None:
            return  # Another server: it stays overdue, which has the worker replaced.
        with self._guard.flights.answering:
            if self.expired:
                self._unblock(connection)
                return
            if not self._turn.acquire(False):
                return
            self.expired = True
            self._send_no_time(connection)
        context = self.context
        context.status = NO_TIME.status
        context.route = context.route or self._guard.route(self._environ)
        requests.timed_out(context)
        duration_s = monotonic() - context.began_s
        requests.ended(context, duration_s, log=self._guard.rules.request_log)

    def _send_no_time(self, connection: Any) -> None:
        body = NO_TIME.body(self.context)
        self._headers = NO_TIME.headers(body)
        version = self._environ.get("SERVER_PROTOCOL", "HTTP/1.1")
        lines = [f"{version} {NO_TIME.status_line}", f"Date: {formatdate(usegmt=True)}"]
        lines += [f"{name}: {value}" for name, value in self._all_headers()]
        head = "\r\n".join([*lines, "Connection: close", "", ""]).encode("latin-1")
        try:
            # Never waits: there is room for it, or nobody reads.
            connection.send(
                head if self.context.method == "HEAD" else head + body, socket.MSG_DONTWAIT
            )
            connection.shutdown(socket.SHUT_WR)
        except OSError:
            return  # The client has gone.

    def _unblock(self, connection: Any) -> None:
        """A tick later the answer has arrived: free a thread that waits for the client's body."""
        if self._unblocked or not self._guard.flights.runs(self):
            return
        self._unblocked = True
        try:
            connection.shutdown(socket.SHUT_RD)
        except OSError:
            return

    def _linger(self) -> None:
        """Read on for a while: closing with unread bytes would take the answer from the client."""
        connection = self._environ.get("gunicorn.socket")
        if connection is None:
            return
        until_s = monotonic() + _LINGER_S
        try:
            connection.shutdown(socket.SHUT_WR)
            while (left_s := until_s - monotonic()) > 0:
                connection.settimeout(left_s)
                if not connection.recv(_LINGER_BYTES):
                    return
        except OSError:
            return


class _LostError(BrokenPipeError):
    """The side thread has answered. gunicorn closes the connection and says nothing."""
