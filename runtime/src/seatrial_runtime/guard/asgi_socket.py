"""One websocket: its deadline is for the handshake, its one log line comes at its end."""

import contextlib
from collections.abc import Awaitable
from typing import Any

from seatrial_runtime.guard.asgi_exchange import Exchange
from seatrial_runtime.guard.flights import NEVER_S
from seatrial_runtime.guard.refusals import Refusal

_SWITCHING, _FORBIDDEN = 101, 403
_POLICY_VIOLATION, _INTERNAL_ERROR = 1008, 1011


class SocketExchange(Exchange):
    """One websocket."""

    __slots__ = ()

    def send(self, message: Any) -> Awaitable[None]:
        """The app's `send`; once the handshake is over, messages pass straight on."""
        if self._shut:
            return _nothing()
        if not self.begun:
            self.begun, self.deadline_s = True, NEVER_S
            kind = message["type"]
            if kind == "websocket.accept":
                self.context.status = _SWITCHING
                headers = list(message.get("headers", ()))
                if all(name.lower() != b"x-request-id" for name, _ in headers):
                    headers.append((b"x-request-id", self.context.id.encode()))
                message = {**message, "headers": headers}
            elif kind == "websocket.http.response.start":
                self.context.status = message["status"]
            else:  # Closed before it was accepted: servers answer 403.
                self.context.status = _FORBIDDEN
        sent: Awaitable[None] = self._send(message)
        return sent

    async def refuse(self, refusal: Refusal) -> None:
        """Answer the handshake with this; a server that cannot, answers 403."""
        self.begun = self._shut = True
        self.deadline_s = self.deadline_s if self.expired else NEVER_S
        if "websocket.http.response" in self.scope.get("extensions", {}):
            self.context.status = refusal.status
            headers, body = self.problem(refusal)
            kind = "websocket.http.response."
            start = {"type": kind + "start", "status": refusal.status, "headers": headers}
            await self._send(start)
            await self._send({"type": kind + "body", "body": body})
        else:
            self.context.status = _FORBIDDEN
            await self._send({"type": "websocket.close", "code": _POLICY_VIOLATION})
        self.finish()

    async def failed(self, error: BaseException) -> None:
        """The app raised; an open websocket is closed with 1011, as servers do."""
        if self.expired:
            await self.cancelled()
            return
        open_before = self.begun
        await super().failed(error)
        if open_before:
            # One that is closed already says so by an exception, of whichever kind.
            with contextlib.suppress(Exception):
                await self._send({"type": "websocket.close", "code": _INTERNAL_ERROR})


async def _nothing() -> None:
    """What the app sends after the guard has answered."""
