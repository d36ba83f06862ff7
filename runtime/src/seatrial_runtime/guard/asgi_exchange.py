"""One ASGI request and its answer."""

import asyncio
from collections.abc import Awaitable, Coroutine
from threading import get_ident
from time import monotonic
from types import FrameType
from typing import TYPE_CHECKING, Any, Protocol

from seatrial_runtime.guard.bodies import BodyWatch
from seatrial_runtime.guard.flights import NEVER_S, Flight
from seatrial_runtime.guard.limits import Drawn, told_bytes, told_lines
from seatrial_runtime.guard.refusals import FAILED, NO_TIME, BodyRefusedError, Refusal
from seatrial_runtime.telemetry import requests
from seatrial_runtime.telemetry.context import RequestContext

if TYPE_CHECKING:
    from seatrial_runtime.guard.asgi import Guard

_LINGER_S = 2.0
# Starlette's, where an app lets them out: nothing has failed.
_CLIENT_LEFT = ("WebSocketDisconnect", "ClientDisconnect")


class Quick(Protocol):
    """A request and its answer in a server of ours, which knows shorter ways than `send`."""

    scope: dict[str, Any]
    task: "asyncio.Task[Any] | None"

    async def receive(self) -> Any:
        """As in ASGI."""

    async def send(self, message: Any) -> None:
        """As in ASGI."""

    def begin(self, message: Any, lines: bytes) -> bool:
        """Send a head, `lines` in it; False, and nothing is done, when it has to wait."""

    def end(self, message: Any) -> bool:
        """Send the whole body; False when there is more to it, or no head of `begin` waits."""

    def ended(self) -> None:
        """The app has returned, or was broken off."""


class Exchange(Flight):
    """What HTTP and websockets have in common. All but `expire` runs in the event loop."""

    __slots__ = (
        "_answering",
        "_finished",
        "_guard",
        "_receive",
        "_root_path",
        "_send",
        "_shut",
        "_told_loop",
        "_watch",
        "begun",
        "drawing",
        "drawn",
        "expects",
        "https",
        "quick",
        "receives",
        "refusal",
        "scope",
        "task",
    )

    def __init__(
        self,
        guard: "Guard",
        scope: dict[str, Any],
        receive: Any,
        send: Any,
        context: RequestContext,
        quick: Quick | None,
    ) -> None:
        # All in one place: a call of another initialiser costs as much as six of these.
        self.context, self.expired, self.thread_id = context, False, get_ident()
        timeout_s = guard.rules.timeout_s(context.path)
        self.deadline_s = context.began_s + timeout_s if timeout_s else NEVER_S
        self._guard, self.scope, self._receive, self._send = guard, scope, receive, send
        self.receives = receive
        self._root_path = scope.get("root_path", "")
        self.quick = quick
        self.refusal: Refusal | None = None
        self.task: asyncio.Task[Any] | None = None
        self._answering: asyncio.Task[None] | None = None
        self._watch: BodyWatch | None = None
        # `_shut`: the guard has answered, and what the app still sends goes nowhere.
        self._finished = self._told_loop = self._shut = False
        self.begun = self.https = self.expects = False
        self.drawing: Coroutine[Any, Any, Drawn | None] | None = None
        self.drawn: Drawn | None = None

    def send(self, message: Any) -> Awaitable[None]:
        """The app's `send`."""
        raise NotImplementedError

    async def refuse(self, refusal: Refusal) -> None:
        """Answer this."""
        raise NotImplementedError

    def watch_body(self, watch: BodyWatch) -> None:
        """Have `watch` see the body; websockets have none."""

    async def unanswered(self) -> None:
        """The app has returned without an answer."""

    async def failed(self, error: BaseException) -> None:
        """The app raised; answer 500, or break off what has begun."""
        if type(error).__name__ not in _CLIENT_LEFT:
            requests.caught(error, self.context)
        if not self.begun:
            await self.refuse(FAILED)

    async def cancelled(self) -> None:
        """The app has ended because its time was over."""
        if self.task is not None and hasattr(self.task, "uncancel"):
            self.task.uncancel()
        if self._answering is not None:
            await self._answering

    def finish(self) -> None:
        """The end of the answer; only the first call counts."""
        if self._finished:
            return
        self._finished = True
        if self.drawing is not None:
            self.drawing.close()
        context, guard = self.context, self._guard
        context.route = guard.route(self.scope, self._root_path)
        duration_s = monotonic() - context.began_s
        requests.ended(context, duration_s, log=guard.rules.request_log, alone=True)

    def expire(self) -> None:
        """From the side thread: have the loop answer 504, once it gets to it."""
        if not self._told_loop and self.task is not None:
            self._told_loop = True
            self.task.get_loop().call_soon_threadsafe(self._expire)

    def _expire(self) -> None:
        if self.begun or self._finished or self.task is None or self.task.done():
            return
        self.expired = True
        missed_s = self.deadline_s
        # Before the cancellation: an app that waits for a thread cannot be cancelled.
        self._answering = self.task.get_loop().create_task(self.refuse(NO_TIME))
        self.begun = self._shut = True
        self.deadline_s = missed_s  # The app runs on, and is overdue, until it has returned.
        self.context.status = NO_TIME.status
        self.context.route = self._guard.route(self.scope, self._root_path)
        requests.timed_out(self.context)
        self.finish()
        self.task.cancel()

    def frames(self) -> list[FrameType]:
        """Where the loop is, and where this request waits."""
        waits = [] if self.task is None else self.task.get_stack(limit=8)
        return [*super().frames(), *waits]

    def problem(self, refusal: Refusal) -> tuple[list[tuple[bytes, bytes]], bytes]:
        """Head and body of an answer of the guard's own."""
        body = refusal.body(self.context)
        own = [(name.lower().encode(), value.encode()) for name, value in refusal.headers(body)]
        if refusal.closes:
            own.append((b"connection", b"close"))
        return self._complete(own), body

    def _complete(self, own: Any) -> list[tuple[bytes, bytes]]:
        told = told_bytes(self.drawn) if self.drawn is not None else []
        complete = self._guard.rules.headers.complete_bytes
        return complete(own, self.context.id, told, self.https)


class HttpExchange(Exchange):
    """One request."""

    __slots__ = ()

    async def send(self, message: Any) -> None:
        """The app's `send`; the server's short ways first, where it has them."""
        if self._shut:
            return
        kind, quick = message["type"], self.quick
        if kind == "http.response.start":
            if self._watch is not None and self._watch.refusal is not None:
                requests.limited(self._watch.refusal.kind)
                await self.refuse(self._watch.refusal)
                return
            self.begun, self.deadline_s = True, NEVER_S
            self.context.status = message["status"]
            own = message.get("headers", ())
            if quick is not None:
                lines = self._lines(own)
                if lines is not None and quick.begin(message, lines):
                    return
            message = {**message, "headers": self._complete(own)}
        elif kind == "http.response.body" and not message.get("more_body", False):
            self.finish()  # Here and not at the app's return: background tasks follow.
            if quick is not None and quick.end(message):
                return
        await self._send(message)

    def _lines(self, own: object) -> bytes | None:
        told = told_lines(self.drawn) if self.drawn is not None else b""
        return self._guard.rules.headers.lines(own, self.context.id, told, self.https)

    def watch_body(self, watch: BodyWatch) -> None:
        """Have `watch` see the body as the app receives it."""
        self._watch = watch
        self.receives = self._seen

    async def _seen(self) -> Any:
        watch = self._watch
        assert watch is not None
        if watch.refusal is not None:
            raise BodyRefusedError(watch.refusal)
        message = await self._receive()
        if message["type"] == "http.request":
            watch.see(message.get("body", b""), last=not message.get("more_body", False))
        return message

    async def refuse(self, refusal: Refusal) -> None:
        """Answer this, whatever the app still says."""
        self.begun = self._shut = True
        self.deadline_s = self.deadline_s if self.expired else NEVER_S
        self.context.status = refusal.status
        headers, body = self.problem(refusal)
        start = {"type": "http.response.start", "status": refusal.status, "headers": headers}
        await self._send(start)
        if refusal.closes and not self.expired and not self.expects:
            await self._send({"type": "http.response.body", "body": body, "more_body": True})
            await self._linger()
            body = b""
        await self._send({"type": "http.response.body", "body": body})
        self.finish()

    async def _linger(self) -> None:
        """Read on for a while: closing with unread bytes would take the answer from the client."""
        until_s = monotonic() + _LINGER_S
        more = True
        while more and (left_s := until_s - monotonic()) > 0:
            try:
                message = await asyncio.wait_for(self._receive(), left_s)
            except TimeoutError:
                return
            more = message["type"] == "http.request" and message.get("more_body", False)

    async def unanswered(self) -> None:
        """The app has returned without an answer: that is a failure of it."""
        if self._watch is not None and self._watch.refusal is not None:
            requests.limited(self._watch.refusal.kind)
            await self.refuse(self._watch.refusal)
        else:
            await self.refuse(FAILED)

    async def failed(self, error: BaseException) -> None:
        """The app raised. When its answer is not complete, the server closes the connection."""
        if self._watch is not None and self._watch.refusal is not None:
            if not self.begun:
                await self.unanswered()
            return
        if self.expired:
            await self.cancelled()
            return
        await super().failed(error)
