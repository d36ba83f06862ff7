"""Whether an app object speaks WSGI or ASGI, told from the object alone."""

import functools
import inspect
from collections.abc import Awaitable, Callable
from typing import Any, Literal

Interface = Literal["wsgi", "asgi"]
Asgi = Callable[[Any, Any, Any], Awaitable[None]]


def interface_of(app: Any) -> Interface:
    """`asgi` for an app that is a coroutine function, has an async `__call__` or takes ASGI's
    arguments; everything else is `wsgi`, the older convention."""
    if _is_async(app):
        return "asgi"
    # A plain function may hand on to a coroutine (a decorator); PEP 3333 gives an app exactly
    # (environ, start_response), ASGI 3 (scope, receive, send), ASGI 2 (scope).
    wanted = _required(app)
    return "asgi" if wanted in (1, 3) else "wsgi"


def as_asgi3(app: Any) -> Asgi:
    """The app as ASGI 3; one in the double-callable style of ASGI 2 is wrapped."""
    if _is_async(app) or _required(app) != 1:
        found: Asgi = app
        return found

    async def adapted(scope: Any, receive: Any, send: Any) -> None:
        await app(scope)(receive, send)

    return adapted


def _is_async(app: Any) -> bool:
    while isinstance(app, functools.partial):
        app = app.func
    if inspect.isclass(app):
        return False  # Calling a class makes an instance, whatever its `__call__` is.
    return inspect.iscoroutinefunction(app) or inspect.iscoroutinefunction(
        getattr(type(app), "__call__", None)  # noqa: B004  # Not whether: which one.
    )


def _required(app: Any) -> int | None:
    """How many positional arguments a call needs; None when that cannot be told."""
    try:
        parameters = inspect.signature(app).parameters.values()
    except (TypeError, ValueError):
        return None
    if any(p.kind is inspect.Parameter.VAR_POSITIONAL for p in parameters):
        return None
    kinds = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    return sum(p.kind in kinds and p.default is inspect.Parameter.empty for p in parameters)
