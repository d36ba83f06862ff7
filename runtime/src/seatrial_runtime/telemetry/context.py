"""The request that runs right now, as far as anything needs to know it."""

import contextlib
import os
import random
import re
from collections.abc import Iterator
from contextvars import ContextVar
from time import monotonic
from typing import Any

_GIVEN_ID = re.compile(r"[A-Za-z0-9._:/+=-]{1,128}")
_TRACEPARENT = re.compile(r"[0-9a-f]{2}-([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}")
_chance = random.Random()
_bits = _chance.getrandbits


class RequestContext:
    """One request, or one task of a worker. Mutable: filled while it is served.

    `route` is the template the app matched ("/users/<id>"), never a raw path, and empty until the
    framework has told it. `began_s` is on the monotonic clock; `status` 0 until the answer began.
    `traceparent` is the caller's header, for traces; `span` belongs to them. `made` tells that the
    id is `new_id`'s: nothing of the caller is in it.
    """

    __slots__ = (
        "began_s",
        "client",
        "id",
        "made",
        "method",
        "path",
        "route",
        "span",
        "status",
        "traceparent",
        "user",
    )

    def __init__(self, id: str, method: str = "", path: str = "", made: bool = False) -> None:
        self.id, self.method, self.path, self.made = id, method, path, made
        self.route = self.client = self.user = self.traceparent = ""
        self.status = 0
        self.span: Any = None
        self.began_s = monotonic()


current: ContextVar[RequestContext | None] = ContextVar("seatrial_request", default=None)


def correlation_id(request_id: str, traceparent: str) -> str:
    """The id that the caller gave, in either header, else a new one; a hostile one is not used."""
    if request_id and _GIVEN_ID.fullmatch(request_id):
        return request_id
    match = _TRACEPARENT.fullmatch(traceparent) if traceparent else None
    return match[1] if match else new_id()


def new_id() -> str:
    """An id for a request that came without; 32 hexadecimal digits.

    Not a secret: it only has to differ from the others, for a tenth of the cost of uuid4.
    """
    return _bits(128).to_bytes(16, "big").hex()


os.register_at_fork(after_in_child=_chance.seed)  # Both sides would otherwise make the same ids.


@contextlib.contextmanager
def running(context: RequestContext) -> Iterator[RequestContext]:
    """Make it the current one."""
    token = current.set(context)
    try:
        yield context
    finally:
        current.reset(token)
