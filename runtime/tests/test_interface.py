import asyncio
import functools
from typing import Any

import pytest

from seatrial_runtime.servers.interface import as_asgi3, interface_of


async def asgi3(scope: Any, receive: Any, send: Any) -> None:
    await send(scope)


def asgi2(scope: Any) -> Any:
    async def instance(receive: Any, send: Any) -> None:
        await send(scope)

    return instance


def decorated(scope: Any, receive: Any, send: Any) -> Any:
    return asgi3(scope, receive, send)


def wsgi(environ: Any, start_response: Any) -> Any:
    return []


class AsgiObject:
    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        await send(scope)


class AsgiClass:
    """The double-callable style: calling the class makes the instance of one connection."""

    def __init__(self, scope: Any) -> None:
        self.scope = scope

    async def __call__(self, receive: Any, send: Any) -> None:
        await send(self.scope)


class WsgiObject:
    def __call__(self, environ: Any, start_response: Any) -> Any:
        return []


class Anything:
    def __call__(self, *args: Any) -> Any:
        return []


@pytest.mark.parametrize(
    ("app", "interface"),
    [
        (asgi3, "asgi"),
        (asgi2, "asgi"),
        (decorated, "asgi"),
        (AsgiObject(), "asgi"),
        (AsgiClass, "asgi"),
        (functools.partial(asgi3), "asgi"),
        (wsgi, "wsgi"),
        (WsgiObject(), "wsgi"),
        (Anything(), "wsgi"),
        (functools.partial(wsgi), "wsgi"),
        (dict, "wsgi"),
    ],
)
def test_plain_callables(app: Any, interface: str) -> None:
    assert interface_of(app) == interface


@pytest.mark.parametrize("app", [asgi3, asgi2, decorated, AsgiObject(), AsgiClass])
def test_every_asgi_style_is_served_as_asgi_3(app: Any) -> None:
    sent = []

    async def send(message: Any) -> None:
        sent.append(message)

    asyncio.run(as_asgi3(app)("scope", None, send))  # type: ignore[arg-type]
    assert sent == ["scope"]


def framework(name: str) -> Any:
    if name == "django":
        settings = pytest.importorskip("django.conf").settings
        if not settings.configured:
            settings.configure(ROOT_URLCONF=__name__, SECRET_KEY="placeholder")
            pytest.importorskip("django").setup()
        asgi = pytest.importorskip("django.core.asgi").get_asgi_application()
        return asgi, pytest.importorskip("django.core.wsgi").get_wsgi_application()
    module = pytest.importorskip(name)
    made = {
        "fastapi": lambda: module.FastAPI(),
        "starlette": lambda: pytest.importorskip("starlette.applications").Starlette(),
        "litestar": lambda: module.Litestar([]),
        "quart": lambda: module.Quart("shop"),
        "flask": lambda: module.Flask("shop"),
    }
    return made[name]()


urlpatterns: list[Any] = []  # Django's, which takes this module for its routes.


@pytest.mark.parametrize("name", ["fastapi", "starlette", "litestar", "quart"])
def test_frameworks_of_asgi(name: str) -> None:
    assert interface_of(framework(name)) == "asgi"


def test_frameworks_of_wsgi() -> None:
    assert interface_of(framework("flask")) == "wsgi"
    asgi, wsgi = framework("django")
    assert (interface_of(asgi), interface_of(wsgi)) == ("asgi", "wsgi")
