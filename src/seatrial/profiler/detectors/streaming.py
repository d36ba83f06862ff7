"""Answers that are sent piece by piece, and connections that stay open."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from seatrial.kernel.workload import Fact
from seatrial.profiler.detectors.index import indexes
from seatrial.profiler.detectors.origins import origin_of
from seatrial.profiler.detectors.sites import Site, handlers, sites
from seatrial.profiler.part import Part
from seatrial.profiler.reach import last, literal
from seatrial.profiler.rules import fact
from seatrial.profiler.scopes import Def

_STREAMS = frozenset({
    "StreamingResponse", "EventSourceResponse", "StreamingHttpResponse", "stream_with_context",
    "ServerSentEvent", "StreamResponse", "ResponseStream", "write_stream", "stream_token",
    "sse_response", "DatastarResponse", "Stream", "ServerSentEventsResponse",
})  # fmt: skip
_PACKAGES = ("fastapi", "starlette", "sse_starlette", "django", "flask", "aiohttp", "sanic",
             "sanic_ext", "litestar", "streamlit", "chainlit", "quart", "datastar_py")  # fmt: skip
_SOCKET_MAKERS = frozenset({
    "flask_socketio.SocketIO", "socketio.AsyncServer", "socketio.Server", "flask_sock.Sock",
    "aiohttp.web.WebSocketResponse", "websockets.serve", "starlette.routing.WebSocketRoute",
})  # fmt: skip
_SOCKET_NAMES = frozenset(maker.rpartition(".")[2] for maker in _SOCKET_MAKERS)
_SOCKET_BASES = ("WebsocketConsumer", "AsyncWebsocketConsumer", "JsonWebsocketConsumer",
                 "AsyncJsonWebsocketConsumer", "WebSocketHandler", "WebSocketEndpoint")  # fmt: skip
# These keep one connection open for every visitor, by themselves.
_BY_ITSELF = {"streamlit": "a websocket for every visitor",
              "chainlit": "a websocket for every visitor",
              "shiny": "a websocket for every visitor",
              "nicegui": "a websocket for every visitor",
              "reflex": "a websocket for every visitor"}  # fmt: skip


def detect(part: Part) -> Iterator[Fact]:
    """Streams of handlers, and websockets by decorator, class, library or framework."""
    yield from _streams(part)
    yield from _sockets(part)


def _streams(part: Part) -> Iterator[Fact]:
    for site in sites(part):
        name = site.name
        if name not in _STREAMS and name != "Response":
            continue
        if name in _STREAMS and site.origin.startswith(_PACKAGES):
            kind = "events" if "Event" in name or _is_events(site.call) else name
            yield fact("time.streaming", kind, site.where, file=site.path, line=site.line)
        elif name == "Response" and _is_lazy(part, site):
            kind = "events" if _is_events(site.call) else "Response"
            yield fact("time.streaming", kind, site.where, file=site.path, line=site.line)
    if part.framework == "gradio":
        for one in handlers(part):
            for node in ast.walk(one.node):
                if isinstance(node, ast.Yield):
                    yield fact("time.streaming", "yield", f"in {one.name}()",
                               file=one.path, line=node.lineno)  # fmt: skip
                    break


def _is_lazy(part: Part, site: Site) -> bool:
    """Whether a Flask `Response` is given a generator."""
    if not site.origin.startswith(("flask", "werkzeug", "quart")) or not site.call.args:
        return False
    made = site.call.args[0]
    if not isinstance(made, ast.Call | ast.GeneratorExp):
        return False
    generator = isinstance(made, ast.GeneratorExp) or _makes_generator(part, site.path, made)
    return generator or _is_events(site.call)


def _is_events(call: ast.Call) -> bool:
    """Whether it says that it sends server-sent events."""
    given = [*call.args[1:], *(keyword.value for keyword in call.keywords)]
    return any((literal(one) or "").startswith("text/event-stream") for one in given)


def _makes_generator(part: Part, path: str, call: ast.Call) -> bool:
    """Whether the function of the app that is called has a `yield`."""
    found = part.code.resolve(path, call.func)
    if not isinstance(found, Def):
        return False
    return any(True for _ in part.code.file(found.path).inside(found, ast.Yield))


def _sockets(part: Part) -> Iterator[Fact]:
    if part.framework in _BY_ITSELF:
        yield fact("time.websocket", part.framework, _BY_ITSELF[part.framework], file=_file(part))
    for file in indexes(part):
        for node in file.functions:
            for decorator in node.decorator_list:
                called = decorator.func if isinstance(decorator, ast.Call) else decorator
                if last(called) in ("websocket", "websocket_route"):
                    yield fact("time.websocket", f"{node.name}()", _route(decorator),
                               file=file.path, line=node.lineno)  # fmt: skip
        for klass in file.of(ast.ClassDef):
            if any(last(base) in _SOCKET_BASES for base in klass.bases):
                yield fact("time.websocket", klass.name, file=file.path, line=klass.lineno)
        for call in file.of(ast.Call):
            if last(call.func) in _SOCKET_NAMES:
                origin = origin_of(part.code, file.path, call.func)
                if origin in _SOCKET_MAKERS:
                    yield fact("time.websocket", origin, file=file.path, line=call.lineno)


def _route(decorator: ast.AST) -> str:
    if isinstance(decorator, ast.Call) and decorator.args:
        return literal(decorator.args[0]) or ""
    return ""


def _file(part: Part) -> str:
    """The file of a component's entry, where that is one."""
    name = part.entry.partition(":")[0]
    for path in (name, f"{name.replace('.', '/')}.py"):
        if path in part.source:
            return path
    return part.paths[0] if part.paths else ""
