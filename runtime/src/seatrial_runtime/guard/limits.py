"""Which bucket a request draws from, and what its answer tells of it."""

import hashlib
from collections.abc import Generator
from typing import Protocol

from seatrial_runtime.guard.buckets import Pace, Taken
from seatrial_runtime.guard.peers import rate_key
from seatrial_runtime.guard.refusals import Refusal, limited
from seatrial_runtime.settings.settings import Settings

Drawn = tuple[Pace, Taken]


class Store(Protocol):
    """Where buckets are. `salt` is the same for all who share them."""

    salt: bytes

    def take(self, key: str, pace: Pace) -> Taken:
        """Count one request of `key`, if its rate allows it."""


class AsyncStore(Protocol):
    """The same for an event loop."""

    salt: bytes

    async def take(self, key: str, pace: Pace) -> Taken:
        """Count one request of `key`, if its rate allows it."""


class Limits:
    """The rates of one app.

    A user's rate replaces that of the address. But a user of whom nothing is known yet draws from
    the address too: else a client would name another one with each request, and have no limit.
    """

    def __init__(self, settings: Settings) -> None:
        self._address = Pace(settings.rate_limit) if settings.rate_limit else None
        self._user = Pace(settings.rate_limit_user) if settings.rate_limit_user else None
        self.exempt = settings.rate_limit_exempt
        """Requests whose path begins so draw from no bucket."""

    def draw(self, store: Store, client: str, user: str) -> Drawn | None:
        """Count one request; None when no rate holds for it. `user` is what `user_tag` made."""
        if not user and self._address is not None:
            key = rate_key(client) if ":" in client else client
            return self._address, store.take(key, self._address)
        drawing = self._drawing(client, user)
        try:
            key, pace = next(drawing)
            while True:
                key, pace = drawing.send(store.take(key, pace))
        except StopIteration as end:
            found: Drawn | None = end.value
            return found

    async def draw_async(self, store: AsyncStore, client: str, user: str) -> Drawn | None:
        """The same, where counting has to be waited for."""
        drawing = self._drawing(client, user)
        try:
            key, pace = next(drawing)
            while True:
                key, pace = drawing.send(await store.take(key, pace))
        except StopIteration as end:
            found: Drawn | None = end.value
            return found

    def _drawing(self, client: str, user: str) -> Generator[tuple[str, Pace], Taken, Drawn | None]:
        """Yields what to take, is sent what came of it, returns what the client is told."""
        mine: Drawn | None = None
        if user and self._user is not None:
            taken = yield "user " + user, self._user
            mine = self._user, taken
            allowed, *_, fresh = taken
            if not fresh or not allowed:
                return mine
        if self._address is None:
            return mine
        taken = yield rate_key(client), self._address
        return mine if mine is not None and taken[0] else (self._address, taken)


def user_tag(value: str, salt: bytes) -> str:
    """What stands for a user or an API key, which itself is kept nowhere."""
    return hashlib.blake2b(value.encode(), digest_size=8, key=salt).hexdigest()


def refusal_of(drawn: Drawn) -> Refusal | None:
    """The 429, when nothing was left."""
    allowed, _, _, retry_s, _ = drawn[1]
    return None if allowed else limited(max(retry_s, 1))


def told(drawn: Drawn) -> list[tuple[str, str]]:
    """What the answer says: the three fields of draft-ietf-httpapi-ratelimit-headers-06.

    They are what clients and gateways read. Later drafts (-11 of May 2026) have two fields of
    another form; they are work in progress, and their form has changed with every few of them.
    """
    pace, (_, remaining, full_s, _, _) = drawn
    return [
        pace.told,
        ("RateLimit-Remaining", str(remaining)),
        ("RateLimit-Reset", str(full_s)),
    ]


def told_bytes(drawn: Drawn) -> list[tuple[bytes, bytes]]:
    """The same for ASGI."""
    pace, (_, remaining, full_s, _, _) = drawn
    return [
        (b"ratelimit-limit", b"%d" % pace.count),
        (b"ratelimit-remaining", b"%d" % remaining),
        (b"ratelimit-reset", b"%d" % full_s),
    ]


def told_lines(drawn: Drawn) -> bytes:
    """The same as lines of a head."""
    pace, (_, remaining, full_s, _, _) = drawn
    return pace.told_lines % (remaining, full_s)
