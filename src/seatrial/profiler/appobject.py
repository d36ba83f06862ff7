"""What an app object is: a framework's, a wrapper around one, or a plain callable."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from seatrial.kernel.values import Value
from seatrial.profiler.frameworks import Framework, frameworks, makers
from seatrial.profiler.objects import Bound, Call, Function, Place, Thing

# What puts itself around an app and is served in its place.
WRAPPERS = frozenset({
    "ASGIApp", "ASGIMiddleware", "AsgiToWsgi", "CORSMiddleware", "Cling", "DispatcherMiddleware",
    "GZipMiddleware", "OpenTelemetryMiddleware", "ProxyFix", "ProxyHeadersMiddleware",
    "SentryAsgiMiddleware", "SentryWsgiMiddleware", "SessionMiddleware", "SharedDataMiddleware",
    "TrustedHostMiddleware", "WSGIApp", "WSGIMiddleware", "WhiteNoise", "WsgiToAsgi",
    "mount_gradio_app",
})  # fmt: skip
_WSGI_ARGS, _ASGI_ARGS = ("environ", "start_response"), ("scope", "receive", "send")


class App(Value):
    """An app object: its framework, where it was made, and whether it is around another."""

    framework: Framework
    place: Place
    thing: Thing | None
    wraps: bool = False


def app_of(value: Any, deep: int = 4) -> App | None:
    """The app that a value is, none when it is none."""
    if isinstance(value, Function):
        return _plain(value)
    if isinstance(value, Call) and value.method == "make_wsgi_app":
        return App(framework=frameworks()["pyramid"], place=value.place, thing=None)
    if isinstance(value, Bound) and isinstance(value.owner, Thing):
        made = next((m for m in made_by(value.owner) if f"{m}.{value.name}" in makers()), "")
        if not made:
            return None
        framework = makers()[f"{made}.{value.name}"]
        return App(framework=framework, place=value.owner.made.place, thing=value.owner)
    if not isinstance(value, Thing):
        return None
    if value.made_by.rpartition(".")[2] in WRAPPERS and deep:
        for given in (*reversed(value.made.args), *value.made.kwargs.values()):
            inner = app_of(given, deep - 1)
            if inner is not None:
                return App(
                    framework=inner.framework, place=inner.place, thing=inner.thing, wraps=True
                )
    for made in made_by(value):
        if made in makers():
            return App(framework=makers()[made], place=value.made.place, thing=value)
    if value.kind is not None:
        call = value.kind.find("__call__")
        return _plain(call, value) if isinstance(call, Function) else None
    return None


def made_by(value: Thing) -> Iterator[str]:
    """The dotted names of what made a thing, directly or as a base of its class."""
    yield value.made_by
    if value.kind is not None:
        yield from value.kind.externals()


def _plain(function: Function, thing: Thing | None = None) -> App | None:
    """A WSGI or ASGI callable by the names of its parameters."""
    args = function.node.args
    names = tuple(a.arg for a in (*args.posonlyargs, *args.args))
    names = names[1:] if names[:1] == ("self",) else names
    kind = {_WSGI_ARGS: "wsgi", _ASGI_ARGS: "asgi"}.get(names)
    if kind is None:
        return None
    return App(framework=frameworks()[kind], place=function.place, thing=thing)
