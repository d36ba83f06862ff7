"""The one ASGI layer in front of the app. Pure ASGI: what the app streams passes straight on."""

import asyncio
from typing import Any

from seatrial_runtime.guard.asgi_exchange import Exchange, HttpExchange
from seatrial_runtime.guard.asgi_socket import SocketExchange
from seatrial_runtime.guard.flights import Flights
from seatrial_runtime.guard.limits import AsyncStore, Drawn, refusal_of, told, user_tag
from seatrial_runtime.guard.peers import forwarded_https, queued_s
from seatrial_runtime.guard.redis_store import AsyncRedisStore
from seatrial_runtime.guard.refusals import BAD_HOST, Refusal
from seatrial_runtime.guard.routes.find import asgi_finder
from seatrial_runtime.guard.rules import Rules
from seatrial_runtime.settings.settings import Settings
from seatrial_runtime.telemetry import requests
from seatrial_runtime.telemetry.context import RequestContext, correlation_id, current

Scope = dict[str, Any]
Headers = dict[bytes, bytes]
_HOSTS = (b"host", b"x-forwarded-host")


def guarded(
    app: Any, settings: Settings, flights: Flights, buckets_fd: int | None = None
) -> "Guard":
    """The app, ASGI 3, with the guard in front; call it after any fork, once in a process.

    `buckets_fd` is what `buckets.create` gave in the supervisor; without it this process counts
    alone. The server must not rewrite `client` and `scheme` by proxy headers itself: the guard
    would take a forged address for the peer's. ImportError, with the fix, when an extra is
    configured that is not installed.
    """
    return Guard(app, settings, flights, buckets_fd)


class Guard:
    """Judges each request, has the app serve it, and tells telemetry."""

    def __init__(
        self, app: Any, settings: Settings, flights: Flights, buckets_fd: int | None
    ) -> None:
        self._app, self.flights = app, flights
        self.rules = rules = Rules(settings, buckets_fd)
        self.route = asgi_finder(app, settings.command)
        self._redis: AsyncStore | None = None
        if rules.redis_url and rules.local is not None:
            self._redis = AsyncRedisStore(rules.redis_url, rules.local)
        self._user_header = rules.user_header.encode()

    async def __call__(self, scope: Scope, receive: Any, send: Any) -> None:
        """Serve one request or websocket; anything else passes through."""
        kind = scope["type"]
        if kind not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        given: Headers = dict(scope["headers"])
        path = scope["path"]
        request_id, traceparent = given.get(b"x-request-id"), given.get(b"traceparent")
        parent = traceparent.decode("latin-1") if traceparent else ""
        id = correlation_id(request_id.decode("latin-1") if request_id else "", parent)
        context = RequestContext(id, scope.get("method", "GET"), path)
        context.traceparent = parent
        if request_id is None:  # The app's own use of ids agrees with ours.
            scope["headers"] = [*scope["headers"], (b"x-request-id", id.encode())]
        elif parent or id.encode() != request_id:
            others = [pair for pair in scope["headers"] if pair[0] != b"x-request-id"]
            scope["headers"] = [*others, (b"x-request-id", id.encode())]
        make = HttpExchange if kind == "http" else SocketExchange
        exchange = make(self, scope, receive, send, context, self.rules.timeout_s(path))
        current.set(context)  # The server made a task for this request: there is nothing to undo.
        self.flights.begin(exchange)
        requests.began(context)
        try:
            refusal = self._refusal(scope, given, exchange)
            if refusal is None and exchange.drawing is not None and self._redis is not None:
                refusal = self._told(exchange, await exchange.drawing)
            if refusal is None:
                await self._app(scope, exchange.receives, exchange.send)
                if not exchange.begun:
                    await exchange.unanswered()
            else:
                requests.limited(refusal.kind)
                await exchange.refuse(refusal)
        except asyncio.CancelledError:
            if not exchange.expired:
                raise
            await exchange.cancelled()
        except (Exception, SystemExit) as error:
            await exchange.failed(error)
        finally:
            exchange.finish()
            self.flights.end(exchange)

    def _refusal(self, scope: Scope, given: Headers, exchange: Exchange) -> Refusal | None:
        rules, context = self.rules, exchange.context
        peer = scope.get("client")
        client = peer[0] if peer else ""
        if rules.peers.trusts(client):
            if b"x-forwarded-for" in given:
                client = self._forwarded(scope, client)
            if b"x-forwarded-proto" in given:
                exchange.https = forwarded_https(given[b"x-forwarded-proto"].decode("latin-1"))
                plain = "http" if scope["type"] == "http" else "ws"
                scope["scheme"] = plain + "s" if exchange.https else plain
            if b"x-request-start" in given:
                waited_s = queued_s(given[b"x-request-start"].decode("latin-1"))
                if waited_s is not None:
                    requests.queued(waited_s)
        context.client = client
        if rules.hosts is not None and not self._known_host(scope):
            return BAD_HOST
        if self._user_header and self._user_header in given:
            salt = rules.salt if self._redis is None else self._redis.salt
            context.user = user_tag(given[self._user_header].decode("latin-1"), salt)
        limits = rules.limits
        if limits is not None and limits.counts(context.path):
            if self._redis is not None:
                exchange.drawing = limits.draw_async(self._redis, client, context.user)
            elif rules.local is not None:
                refusal = self._told(exchange, limits.draw(rules.local, client, context.user))
                if refusal is not None:
                    return refusal
        if b"content-length" in given or b"transfer-encoding" in given:
            return self._body_refusal(given, exchange)
        return None

    def _told(self, exchange: Exchange, drawn: Drawn | None) -> Refusal | None:
        if drawn is None:
            return None
        exchange.told = told(drawn)
        return refusal_of(drawn)

    def _forwarded(self, scope: Scope, peer: str) -> str:
        # There may be several, and the order matters.
        values = [value for name, value in scope["headers"] if name == b"x-forwarded-for"]
        client = self.rules.peers.client(peer, b",".join(values).decode("latin-1"))
        if client != peer:
            scope["client"] = (client, 0)  # Its port is not told.
        return client

    def _body_refusal(self, given: Headers, exchange: Exchange) -> Refusal | None:
        chunked = b"transfer-encoding" in given
        length = None if chunked else int(given[b"content-length"])  # The server has checked it.
        content_type = given.get(b"content-type", b"").decode("latin-1")
        judged = self.rules.bodies.watch(length, content_type, b"content-encoding" in given)
        if isinstance(judged, Refusal):
            exchange.expects = b"expect" in given
            return judged
        if judged is not None:
            exchange.watch_body(judged)
        return None

    def _known_host(self, scope: Scope) -> bool:
        assert self.rules.hosts is not None
        # Apps behind a proxy build links with the second: a forged one is as bad.
        named = [value for name, value in scope["headers"] if name in _HOSTS]
        return bool(named) and all(map(self._allows, named))

    def _allows(self, header: bytes) -> bool:
        assert self.rules.hosts is not None
        text = header.decode("latin-1")
        return all(self.rules.hosts.allows(one.strip()) for one in text.split(","))
