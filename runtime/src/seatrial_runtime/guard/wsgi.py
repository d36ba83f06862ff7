"""The one WSGI layer in front of the app."""

from typing import Any

from seatrial_runtime.guard.flights import NEVER_S, Flights
from seatrial_runtime.guard.limits import Store, refusal_of, told, user_tag
from seatrial_runtime.guard.peers import forwarded_https, queued_s
from seatrial_runtime.guard.redis_store import RedisStore
from seatrial_runtime.guard.refusals import BAD_HOST, Refusal
from seatrial_runtime.guard.routes.find import wsgi_finder
from seatrial_runtime.guard.rules import Rules
from seatrial_runtime.guard.wsgi_exchange import Exchange
from seatrial_runtime.guard.wsgi_input import Input
from seatrial_runtime.settings.settings import Settings
from seatrial_runtime.telemetry import requests
from seatrial_runtime.telemetry.context import RequestContext, correlation_id, current, new_id

Environ = dict[str, Any]


def guarded(
    app: Any, settings: Settings, flights: Flights, buckets_fd: int | None = None
) -> "Guard":
    """The app with the guard in front; call it after any fork, once in a process.

    `buckets_fd` is what `buckets.create` gave in the supervisor; without it this process counts
    alone. ImportError, with the fix, when an extra is configured that is not installed.
    """
    return Guard(app, settings, flights, buckets_fd)


class Guard:
    """Judges each request, has the app serve it, and tells telemetry."""

    def __init__(
        self, app: Any, settings: Settings, flights: Flights, buckets_fd: int | None
    ) -> None:
        self._app, self.flights = app, flights
        self.rules = rules = Rules(settings, buckets_fd)
        self.route = wsgi_finder(app)
        self._store: Store | None = rules.local
        if rules.redis_url and rules.local is not None:
            self._store = RedisStore(rules.redis_url, rules.local)
        self._user_key = "HTTP_" + rules.user_header.upper().replace("-", "_")

    def __call__(self, environ: Environ, start_response: Any) -> Any:
        """Serve one request."""
        get = environ.get
        path: str = environ["PATH_INFO"]
        if not path.isascii():
            path = path.encode("latin-1").decode("utf-8", "replace")
        method, request_id = environ["REQUEST_METHOD"], get("HTTP_X_REQUEST_ID", "")
        traceparent = get("HTTP_TRACEPARENT", "")
        if request_id or traceparent:
            context = RequestContext(correlation_id(request_id, traceparent), method, path)
            context.traceparent = traceparent
        else:
            context = RequestContext(new_id(), method, path, True)
        environ["HTTP_X_REQUEST_ID"] = context.id  # The app's own use of ids agrees with ours.
        # A websocket on a thread takes the connection over, and cannot say when it began.
        timeout_s = 0.0 if "HTTP_UPGRADE" in environ else self.rules.timeout_s(path)
        exchange = Exchange(self, environ, start_response, context, timeout_s)
        current.set(context)
        self.flights.begin(exchange)
        requests.began(context)
        try:
            refusal = self._refusal(environ, exchange)
            if refusal is not None:
                requests.limited(refusal.kind)
                exchange.answer_with(refusal)
                return exchange
            return exchange.serve(self._app(environ, exchange.start))
        except StopIteration:
            # How an app that took the connection over says that there is nothing to answer.
            context.status = 101
            exchange.finish()
            raise
        except (Exception, SystemExit) as error:
            return exchange.failed(error)
        except BaseException:
            exchange.finish()
            raise

    def _refusal(self, environ: Environ, exchange: Exchange) -> Refusal | None:
        get, rules, context = environ.get, self.rules, exchange.context
        client = peer = get("REMOTE_ADDR", "")
        peers = rules.peers
        trusted = peers.known.get(peer)
        if peers.trusts(peer) if trusted is None else trusted:
            forwarded = get("HTTP_X_FORWARDED_FOR")
            if forwarded:
                client = environ["REMOTE_ADDR"] = peers.client(peer, forwarded)
            protocol = get("HTTP_X_FORWARDED_PROTO")
            if protocol is not None:
                exchange.https = protocol == "https" or forwarded_https(protocol)
                environ["wsgi.url_scheme"] = "https" if exchange.https else "http"
            if "HTTP_X_REQUEST_START" in environ:
                waited_s = queued_s(environ["HTTP_X_REQUEST_START"])
                if waited_s is not None:
                    requests.queued(waited_s)
        context.client = client
        hosts = rules.hosts
        if hosts is not None:
            plain = "HTTP_X_FORWARDED_HOST" not in environ
            known = plain and hosts.known.get(get("HTTP_HOST", ""))
            if not known and not self._known_host(environ):
                return BAD_HOST
        if rules.user_header and self._user_key in environ:
            salt = rules.salt if self._store is None else self._store.salt
            context.user = user_tag(environ[self._user_key], salt)
        limits = rules.limits
        store = self._store
        if limits is not None and store is not None and not context.path.startswith(limits.exempt):
            drawn = limits.draw(store, client, context.user)
            if drawn is not None:
                exchange.told = told(drawn)
                if not drawn[1][0]:
                    return refusal_of(drawn)
        if "CONTENT_LENGTH" in environ or "HTTP_TRANSFER_ENCODING" in environ:
            return self._body_refusal(environ, exchange)
        return None

    def _body_refusal(self, environ: Environ, exchange: Exchange) -> Refusal | None:
        length: int | None = None
        if "HTTP_TRANSFER_ENCODING" not in environ:
            length = int(environ["CONTENT_LENGTH"] or 0)  # The server has checked it.
        judged = self.rules.bodies.watch(
            length, environ.get("CONTENT_TYPE", ""), "HTTP_CONTENT_ENCODING" in environ
        )
        if isinstance(judged, Refusal):
            return judged
        exchange.watch = judged
        if length != 0 and (judged is not None or exchange.deadline_s != NEVER_S):
            environ["wsgi.input"] = Input(environ["wsgi.input"], exchange, judged)
        return None

    def _known_host(self, environ: Environ) -> bool:
        assert self.rules.hosts is not None
        allows = self.rules.hosts.allows
        # Apps behind a proxy build links with the second: a forged one is as bad.
        forwarded = environ.get("HTTP_X_FORWARDED_HOST")
        if forwarded and not all(allows(host.strip()) for host in forwarded.split(",")):
            return False
        return allows(environ.get("HTTP_HOST", ""))
