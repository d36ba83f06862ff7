"""Falcon and Litestar."""

import sys
from typing import Any

KEY = "seatrial.falcon_route"
_WRAPPERS = ("app", "wsgi_app", "asgi_app", "application", "_app", "wrapped")


class _Recorder:
    """A Falcon middleware, by its public interface; runs after the route is found."""

    def process_resource(self, req: Any, resp: Any, resource: Any, params: Any) -> None:
        req.env[KEY] = req.uri_template

    async def process_resource_async(self, req: Any, resp: Any, resource: Any, params: Any) -> None:
        req.scope[KEY] = req.uri_template


def watch_falcon(app: Any) -> None:
    """Add it to a Falcon app, also when that is inside some wrappers."""
    falcon = sys.modules.get("falcon")
    for _ in range(5):
        if falcon is None or app is None:
            return
        if isinstance(app, falcon.App):
            app.add_middleware(_Recorder())
            return
        app = next((getattr(app, name) for name in _WRAPPERS if hasattr(app, name)), None)


def falcon_route(place: dict[str, Any]) -> str:
    """What the recorder noted in the environ or scope."""
    return str(place.get(KEY) or "")


def litestar_route(scope: dict[str, Any]) -> str:
    """Litestar's router leaves the template in the scope."""
    return str(scope.get("path_template") or "")
