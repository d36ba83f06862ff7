"""The session cookie, protection against forged requests, and headers."""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from urllib.parse import urlsplit

from flask import Flask, Response, abort, current_app, g, request

SESSION = re.compile(r"[A-Za-z0-9_-]{43}")
COOKIE_S = 30 * 24 * 3600
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
        "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
}


def _over_https() -> bool:
    """Whether the browser's side is HTTPS. A lie in the header only makes a cookie stricter."""
    forwarded = request.headers.get("X-Forwarded-Proto", "").strip().lower()
    return bool(current_app.config["PRISM"].https or request.is_secure or forwarded == "https")


def _cookie_name() -> str:
    return "__Host-prism" if _over_https() else "prism"


def owner() -> str:
    """The session of this request; a new one when the browser has none."""
    if "owner" not in g:
        sent = request.cookies.get(_cookie_name(), "")
        g.owner = sent if SESSION.fullmatch(sent) else secrets.token_urlsafe(32)
        g.new_owner = g.owner != sent
    return str(g.owner)


def owner_key() -> str:
    """The session's name in the store, from which the cookie cannot be told."""
    return hashlib.sha256(owner().encode()).hexdigest()


def csrf_token() -> str:
    """What forms of this session have to send; only this session's pages know it."""
    return hmac.new(owner().encode(), b"csrf", hashlib.sha256).hexdigest()


def _check_origin() -> None:
    """Refuse unsafe requests that another site began, then those without the token."""
    if request.method in SAFE_METHODS:
        return
    site = request.headers.get("Sec-Fetch-Site")
    origin = request.headers.get("Origin")
    foreign = site not in (None, "same-origin", "none")
    if site is None and origin is not None:
        foreign = urlsplit(origin).netloc != request.host
    if foreign:
        abort(403, "This request came from another site.")
    sent = request.headers.get("X-CSRF-Token") or request.form.get("csrf_token", "")
    if not hmac.compare_digest(sent.encode(), csrf_token().encode()):
        abort(403, "The form is out of date. Load the page again and repeat.")


def _finish(response: Response) -> Response:
    for name, value in HEADERS.items():
        response.headers.setdefault(name, value)
    if request.endpoint != "static":
        response.headers.setdefault("Cache-Control", "no-store")
    if g.get("new_owner") and response.status_code < 400:
        response.set_cookie(
            _cookie_name(),
            owner(),
            max_age=COOKIE_S,
            httponly=True,
            samesite="Lax",
            secure=_over_https(),
        )
    return response


def protect(app: Flask) -> None:
    """Check every unsafe request, and give every answer its headers."""
    app.before_request(_check_origin)
    app.after_request(_finish)
    app.jinja_env.globals["csrf_token"] = csrf_token


def wants_json() -> bool:
    """Whether the request comes from the page's script instead of a plain form."""
    return request.accept_mimetypes.best_match(["text/html", "application/json"]) == (
        "application/json"
    )
