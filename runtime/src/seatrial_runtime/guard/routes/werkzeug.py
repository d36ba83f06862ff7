"""Flask, Dash and others on werkzeug; Bottle."""

from typing import Any


def wsgi_route(environ: dict[str, Any]) -> str:
    """werkzeug's request leaves itself in the environ, and Flask its rule in the request."""
    request = environ.get("werkzeug.request")
    if request is not None:
        rule = getattr(request, "url_rule", None)
        return "" if rule is None else str(rule.rule)
    bottle = environ.get("bottle.route")
    return "" if bottle is None else str(bottle.rule)
