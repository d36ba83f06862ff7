"""The one ASGI layer in front of the app. Pure ASGI: what the app streams passes straight on."""

import asyncio
from collections.abc import Coroutine
from typing import Any

from seatrial_runtime.guard.asgi_exchange import Exchange, HttpExchange, Quick
from seatrial_runtime.guard.asgi_socket import SocketExchange
from seatrial_runtime.guard.flights import Flights
from seatrial_runtime.guard.limits import AsyncStore, Drawn, refusal_of, user_tag
from seatrial_runtime.guard.peers import forwarded_https, queued_s
from seatrial_runtime.guard.redis_store import AsyncRedisStore
from seatrial_runtime.guard.refusals import BAD_HOST, Refusal
from seatrial_runtime.guard.routes.find import asgi_finder
from seatrial_runtime.guard.rules import Rules
from seatrial_runtime.settings.settings import Settings
from seatrial_runtime.telemetry import requests
from seatrial_runtime.telemetry.context import RequestContext, correlation_id, current, new_id

Scope = dict[str, Any]
Headers = dict[bytes, bytes]
_HOSTS = (b"host", b"x-forwarded-host")


def guarded(
    app: Any,
    settings: Settings,
    flights: Flights,
    buckets_fd: int | None = None,
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
        self,
        app: Any,
        settings: Settings,
        flights: Flights,
        buckets_fd: int | None,
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
        if kind == "http":
            await self.serve(self._take(HttpExchange, scope, receive, send, None))
        elif kind == "websocket":
            await self.serve(self._take(SocketExchange, scope, receive, send, None))
        else:
            await self._app(scope, receive, send)

    def began(self, cycle: Quick) -> Coroutine[Any, Any, None]:
        """The same for a server of ours, as the coroutine of a task that it makes at once.

        A request is judged here and not in that task: the server reads what has come in on all
        connections before any task runs, so each finds the processor's caches as the one before
        has left them, and not as an app has.
        """
        exchange = self._take(HttpExchange, cycle.scope, cycle.receive, cycle.send, cycle)
        return self.serve(exchange)

    def _take(
        self, make: type[Exchange], scope: Scope, receive: Any, send: Any, quick: Quick | None
    ) -> Exchange:
        """One more that runs, judged by all that needs no waiting."""
        headers, path = scope["headers"], scope["path"]
        given: Headers = dict(headers)
        repeats = len(given) != len(headers)  # Some header came more than once.
        if b"x-request-id" in given or b"traceparent" in given:
            context = self._named(scope, given)
        else:
            context = RequestContext(new_id(), scope.get("method", "GET"), path, True)
            # The app's own use of ids agrees with ours.
            scope["headers"] = [*headers, (b"x-request-id", context.id.encode())]
        exchange = make(self, scope, receive, send, context, quick)
        exchange.refusal = self._refusal(scope, given, repeats, exchange)
        self.flights.begin(exchange)
        return exchange

    async def serve(self, exchange: Exchange) -> None:
        """Have the app answer, or refuse; runs in a task of its own, with a context of its own."""
        quick, context = exchange.quick, exchange.context
        exchange.task = asyncio.current_task() if quick is None else quick.task
        current.set(context)  # Nothing to undo: the context ends with the task.
        requests.began(context, alone=True)
        try:
            refusal = exchange.refusal
            if refusal is None and exchange.drawing is not None and self._redis is not None:
                refusal = _told(exchange, await exchange.drawing)
            if refusal is None:
                await self._app(exchange.scope, exchange.receives, exchange.send)
                if not exchange.begun:
                    await exchange.unanswered()
            else:
                requests.limited(refusal.kind)
                await exchange.refuse(refusal)
        except asyncio.CancelledError:
            if not exchange.expired:
                raise
            await exchange.cancelled()
        except (Exception, SystemExit, KeyboardInterrupt) as error:
            await exchange.failed(error)
        finally:
            exchange.finish()
            self.flights.end(exchange)
            if quick is not None:
                quick.ended()

    def _named(self, scope: Scope, given: Headers) -> RequestContext:
        """For a request that came with an id of its own; in its scope is the one that holds."""
        request_id = given.get(b"x-request-id", b"")
        parent = given.get(b"traceparent", b"").decode("latin-1")
        id = correlation_id(request_id.decode("latin-1"), parent)
        context = RequestContext(id, scope.get("method", "GET"), scope["path"])
        context.traceparent = parent
        if parent or id.encode() != request_id:
            others = [pair for pair in scope["headers"] if pair[0] != b"x-request-id"]
            scope["headers"] = [*others, (b"x-request-id", id.encode())]
        return context

    def _refusal(
        self, scope: Scope, given: Headers, repeats: bool, exchange: Exchange
    ) -> Refusal | None:
        rules, context = self.rules, exchange.context
        peer, peers = scope.get("client"), rules.peers
        client = peer[0] if peer else ""
        trusted = peers.known.get(client)
        if peers.trusts(client) if trusted is None else trusted:
            forwarded = given.get(b"x-forwarded-for")
            if forwarded is not None:
                told = None if repeats else peers.told.get((client, forwarded))
                if told is None:
                    told = self._forwarded(scope, given, repeats, client)
                if told != client:
                    client, scope["client"] = told, (told, 0)  # Its port is not told.
            protocol = given.get(b"x-forwarded-proto")
            if protocol is not None:
                https = protocol == b"https" or forwarded_https(protocol.decode("latin-1"))
                exchange.https = https
                plain = "http" if scope["type"] == "http" else "ws"
                scope["scheme"] = plain + "s" if https else plain
            if b"x-request-start" in given:
                waited_s = queued_s(given[b"x-request-start"].decode("latin-1"))
                if waited_s is not None:
                    requests.queued(waited_s)
        context.client = client
        hosts = rules.hosts
        if (
            hosts is not None
            and (repeats or b"x-forwarded-host" in given or given.get(b"host") not in hosts.good)
            and not self._known_host(scope, given, repeats)
        ):
            return BAD_HOST
        if self._user_header and self._user_header in given:
            salt = rules.salt if self._redis is None else self._redis.salt
            context.user = user_tag(given[self._user_header].decode("latin-1"), salt)
        limits = rules.limits
        if limits is not None and not context.path.startswith(limits.exempt):
            if self._redis is not None:
                exchange.drawing = limits.draw_async(self._redis, client, context.user)
            elif rules.local is not None:
                drawn = limits.draw(rules.local, client, context.user)
                if drawn is not None:
                    exchange.drawn = drawn
                    if not drawn[1][0]:
                        return refusal_of(drawn)
        if b"content-length" in given or b"transfer-encoding" in given:
            return self._body_refusal(given, exchange)
        return None

    def _forwarded(self, scope: Scope, given: Headers, repeats: bool, peer: str) -> str:
        value = given[b"x-forwarded-for"]
        if repeats:  # There may be several, and the order matters.
            values = [value for name, value in scope["headers"] if name == b"x-forwarded-for"]
            value = b",".join(values)
        return self.rules.peers.client(peer, value.decode("latin-1"), None if repeats else value)

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

    def _known_host(self, scope: Scope, given: Headers, repeats: bool) -> bool:
        hosts = self.rules.hosts
        assert hosts is not None
        if not repeats and b"x-forwarded-host" not in given:
            host = given.get(b"host", b"")
            allowed = hosts.allows(host.decode("latin-1"))
            if allowed:
                hosts.remember(host)
            return allowed
        # Apps behind a proxy build links with the second: a forged one is as bad.
        named = [value for name, value in scope["headers"] if name in _HOSTS]
        return bool(named) and all(map(self._allows, named))

    def _allows(self, header: bytes) -> bool:
        assert self.rules.hosts is not None
        text = header.decode("latin-1")
        return all(self.rules.hosts.allows(one.strip()) for one in text.split(","))


def _told(exchange: Exchange, drawn: Drawn | None) -> Refusal | None:
    if drawn is None:
        return None
    exchange.drawn = drawn
    return refusal_of(drawn)
