"""Answers of the guard itself: small JSON in the form of RFC 9457 (application/problem+json)."""

import json
from dataclasses import dataclass
from http import HTTPStatus

from seatrial_runtime.telemetry.context import RequestContext

CONTENT_TYPE = "application/problem+json"


@dataclass(frozen=True)
class Refusal:
    """Why a request is not served.

    `kind` is the word for it in metrics and in the member `error`. `closes`: unread parts of the
    request are left on the connection, so it cannot carry another.
    """

    status: int
    kind: str
    detail: str
    closes: bool = False
    retry_after_s: int = 0

    def body(self, context: RequestContext) -> bytes:
        """The problem as JSON, with the id of the request."""
        return json.dumps(
            {
                "type": "about:blank",
                "title": HTTPStatus(self.status).phrase,
                "status": self.status,
                "detail": self.detail,
                "error": self.kind,
                "request_id": context.id,
            }
        ).encode()

    @property
    def status_line(self) -> str:
        """Like `404 Not Found`."""
        return f"{self.status} {HTTPStatus(self.status).phrase}"

    def headers(self, body: bytes) -> list[tuple[str, str]]:
        """What goes with `body`."""
        found = [("Content-Type", CONTENT_TYPE), ("Content-Length", str(len(body)))]
        if self.retry_after_s:
            found.append(("Retry-After", str(self.retry_after_s)))
        return found


class BodyRefusedError(OSError):
    """Raised where the app reads a request body that is not to be served.

    An OSError, because that is what apps and frameworks expect of a client that fails them.
    """

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.detail)
        self.refusal = refusal


BAD_HOST = Refusal(400, "host", "this service does not answer to that host name")
FAILED = Refusal(500, "internal", "the app failed")
NO_TIME = Refusal(504, "timeout", "the app took too long to begin its answer", closes=True)


def too_large(max_body: int) -> Refusal:
    """The body is above the limit."""
    return Refusal(413, "body", f"the request body is larger than {max_body} bytes", closes=True)


def unsupported(detail: str) -> Refusal:
    """The body, or a part of it, is of a type that may not be uploaded."""
    return Refusal(415, "upload_type", detail, closes=True)


def malformed(detail: str) -> Refusal:
    """The body cannot be checked, so it is not let through."""
    return Refusal(400, "upload_form", detail, closes=True)


def limited(retry_after_s: int) -> Refusal:
    """Too many requests."""
    return Refusal(
        429, "rate", f"too many requests; try again in {retry_after_s} s", False, retry_after_s
    )
