"""Routes of Django Ninja: an API with its operations and routers."""

from __future__ import annotations

from typing import Any

from seatrial.profiler.objects import Thing, text
from seatrial.profiler.routes.found import VERBS, Found, join, methods_given, name_of

_APIS = frozenset({"ninja.NinjaAPI", "ninja.main.NinjaAPI", "ninja_extra.NinjaExtraAPI"})
_ROUTERS = frozenset({"ninja.Router", "ninja.router.Router"})


def collect(api: Thing, prefix: str, found: Found, deep: int) -> bool:
    """Add the operations of an API; whether it is one."""
    if not api.is_a(_APIS):
        return False
    _operations(api, prefix, found, deep)
    return True


def _operations(owner: Thing, prefix: str, found: Found, deep: int) -> None:
    for call in owner.calls:
        if call.decorated is not None and (call.method in VERBS or call.method == "api_operation"):
            first = call.method == "api_operation"
            path = text(call.argument(1 if first else 0, "path"))
            verbs: tuple[str, ...] = (
                methods_given(call.argument(0, "methods")) if first else (VERBS[call.method],)
            )
            if path is None:
                found.unread(call.method, "a path that is not constant", call.place)
            else:
                found.add(join(prefix, path), verbs, name_of(call.decorated), call.place)
        elif call.method == "add_router":
            path, router = text(call.argument(0, "prefix")), call.argument(1, "router")
            if path is None or not _is_router(router):
                found.unread("add_router", "a router that cannot be told", call.place)
            elif found.enter("add_router", deep, call.place):
                _operations(router, join(prefix, path), found, deep - 1)


def _is_router(value: Any) -> bool:
    return isinstance(value, Thing) and value.is_a(_ROUTERS)
