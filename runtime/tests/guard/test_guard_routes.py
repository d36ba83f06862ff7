"""Route templates of each framework, from a request that it served; never a raw path."""

from __future__ import annotations

import asyncio
import io
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from harness import web_settings
from seatrial_runtime.guard import asgi, wsgi
from seatrial_runtime.guard.flights import Flights
from seatrial_runtime.telemetry import requests

SETTINGS = web_settings(rate_limit="none")


@pytest.fixture
def routes(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    seen: list[str] = []
    monkeypatch.setattr(requests, "ended", lambda context, *_, **__: seen.append(context.route))
    return seen


def ask_wsgi(app: Any, *paths: str) -> None:
    served = wsgi.guarded(app, SETTINGS, Flights())
    for path in paths:
        environ = {"REQUEST_METHOD": "GET", "PATH_INFO": path, "REMOTE_ADDR": "127.0.0.1"}
        environ |= {"SERVER_NAME": "a", "SERVER_PORT": "80", "HTTP_HOST": "a", "SCRIPT_NAME": ""}
        whole: dict[str, Any] = {**environ, "QUERY_STRING": "", "SERVER_PROTOCOL": "HTTP/1.1"}
        whole |= {"wsgi.url_scheme": "http", "wsgi.errors": sys.stderr, "wsgi.input": io.BytesIO()}
        answer = served(whole, lambda status, headers, exc_info=None: None)
        for _ in answer:
            pass
        answer.close()


def ask_asgi(app: Any, *paths: str, command: str = "web") -> None:
    given: Iterator[bool] = iter(())

    async def receive() -> dict[str, Any]:
        if next(given, None) is None:
            await asyncio.Event().wait()  # The client stays, and says nothing more.
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: dict[str, Any]) -> None:
        return

    async def ask() -> None:
        served = asgi.guarded(app, SETTINGS, Flights())
        nonlocal given
        for path in paths:
            given = iter((True,))
            scope: dict[str, Any] = {
                "type": "http",
                "method": "GET",
                "path": path,
                "raw_path": path.encode(),
            }
            scope |= {"query_string": b"", "root_path": "", "headers": [(b"host", b"a")]}
            scope |= {"scheme": "http", "client": ("127.0.0.1", 1), "server": ("a", 80)}
            scope |= {"http_version": "1.1", "asgi": {"version": "3.0"}, "state": {}}
            await served(scope, receive, send)

    asyncio.run(ask())


def test_flask(routes: list[str]) -> None:
    flask = pytest.importorskip("flask")
    app = flask.Flask("a")
    app.route("/users/<int:id>")(lambda id: "one")
    part = flask.Blueprint("part", "part", url_prefix="/part")
    part.route("/<name>")(lambda name: "two")
    app.register_blueprint(part)
    ask_wsgi(app, "/users/7", "/part/secret", "/unknown/secret")
    assert routes == ["/users/<int:id>", "/part/<name>", ""]


def test_starlette_and_its_mounts(routes: list[str]) -> None:
    pytest.importorskip("starlette")
    from starlette.applications import Starlette
    from starlette.responses import PlainTextResponse
    from starlette.routing import Mount, Route

    async def one(request: Any) -> Any:
        return PlainTextResponse("one")

    inner = [Route("/items/{id}", one)]
    app = Starlette(
        routes=[
            Route("/users/{id:int}", one),
            Mount("/api", routes=inner),
            Mount("/of/{tenant}", routes=inner),
        ]
    )
    ask_asgi(app, "/users/7", "/api/items/secret", "/of/secret/items/secret", "/unknown/secret")
    assert routes[:2] == ["/users/{id:int}", "/api/items/{id}"]
    assert routes[2] == "/items/{id}" and routes[3] == ""


def test_fastapi_and_its_routers(routes: list[str]) -> None:
    fastapi = pytest.importorskip("fastapi")
    app, router = fastapi.FastAPI(), fastapi.APIRouter(prefix="/v1")

    async def one(id: str) -> str:
        return id

    app.get("/users/{id}")(one)
    router.get("/items/{id}")(one)
    app.include_router(router, prefix="/api")
    below = fastapi.FastAPI()
    below.get("/things/{id}")(one)
    app.mount("/below", below)
    ask_asgi(app, "/users/7", "/api/v1/items/secret", "/below/things/secret", "/unknown/secret")
    assert routes == ["/users/{id}", "/api/v1/items/{id}", "/below/things/{id}", ""]


_DJANGO = """
import sys
sys.path[:0] = {path!r}
import django
from django.conf import settings
from django.http import HttpResponse
from django.urls import include, path, re_path
import types
def one(request, **_): return HttpResponse("one")
urls = types.ModuleType("urls_of_test")
urls.urlpatterns = [
    path("users/<int:id>/", one), re_path(r"^old/(?P<x>\\w+)$", one),
    path("api/", include([path("items/<slug:s>", one)])),
]
sys.modules["urls_of_test"] = urls
settings.configure(ROOT_URLCONF="urls_of_test", ALLOWED_HOSTS=["*"], SECRET_KEY="x")
django.setup()
import test_guard_routes as t
seen = []
t.requests.ended = lambda context, *_, **__: seen.append(context.route)
paths = "/users/7/", "/old/secret", "/api/items/secret", "/unknown/secret"
from django.core.wsgi import get_wsgi_application
t.ask_wsgi(get_wsgi_application(), *paths)
from django.core.asgi import get_asgi_application
t.ask_asgi(get_asgi_application(), *paths)
print(seen)
"""


def test_django() -> None:
    pytest.importorskip("django")
    text = _DJANGO.format(path=sys.path)
    done = subprocess.run([sys.executable, "-c", text], capture_output=True, text=True)
    found = ["/users/<int:id>/", r"/old/(?P<x>\w+)$", "/api/items/<slug:s>", ""]
    assert done.stdout.splitlines()[-1:] == [str(found * 2)], done.stderr[-3000:]


def test_falcon(routes: list[str]) -> None:
    falcon = pytest.importorskip("falcon")
    falcon_asgi = pytest.importorskip("falcon.asgi")

    class One:
        def on_get(self, req: Any, resp: Any, id: str) -> None:
            resp.text = id

    class Other:
        async def on_get(self, req: Any, resp: Any, id: str) -> None:
            resp.text = id

    app = falcon.App()
    app.add_route("/users/{id}", One())
    ask_wsgi(app, "/users/7", "/unknown/secret")
    other = falcon_asgi.App()
    other.add_route("/users/{id}", Other())
    ask_asgi(other, "/users/7", "/unknown/secret")
    assert routes == ["/users/{id}", "", "/users/{id}", ""]


def test_litestar(routes: list[str]) -> None:
    litestar = pytest.importorskip("litestar")

    @litestar.get("/users/{id:int}")  # type: ignore[untyped-decorator,unused-ignore]
    async def one(id: int) -> str:
        return "one"

    ask_asgi(litestar.Litestar([one]), "/users/7", "/unknown/secret")
    assert routes[0] == "/users/{id:int}" or routes[0] == "/users/{id}"
    assert "secret" not in routes[1]


def test_streamlit(routes: list[str]) -> None:
    from seatrial_runtime.guard.routes.streamlit import streamlit_route

    told = [
        streamlit_route({"path": path})
        for path in ("/", "/_stcore/health", "/_stcore/upload_file/s/f", "/media/x.png", "/page")
    ]
    assert told == ["/", "/_stcore/health", "/_stcore/upload_file/{rest}", "/media/{rest}", ""]
