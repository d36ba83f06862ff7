"""Headers that browsers heed, made once and added where the app has not set them."""

from collections.abc import Iterable, Set

from seatrial_runtime.settings.settings import Settings

# A year, and this host only: other names below it are not ours to bind.
_HSTS = ("Strict-Transport-Security", "max-age=31536000")
_CSP, _CSP_REPORT = "content-security-policy", "content-security-policy-report-only"

_ID, _ID_LOWER = "X-Request-ID", "x-request-id"
_MAX_KEPT = 1024

Pairs = list[tuple[str, str]]
PairsBytes = list[tuple[bytes, bytes]]


class SecurityHeaders:
    """`names` are those which, set by the app, change what is added; all in lower case."""

    def __init__(self, settings: Settings) -> None:
        always: Pairs = []
        if settings.security_headers:
            always = [
                ("X-Content-Type-Options", "nosniff"),
                ("X-Frame-Options", "SAMEORIGIN"),
                ("Referrer-Policy", "strict-origin-when-cross-origin"),
            ]
            policy = " ".join(settings.content_security_policy.split())
            if policy:
                always.append(("Content-Security-Policy-Report-Only", policy))
        self.plain = always
        self.secure = [*always, _HSTS] if settings.security_headers else []
        self.plain_bytes = [_encoded(pair) for pair in self.plain]
        self.secure_bytes = [_encoded(pair) for pair in self.secure]
        self.plain_lines, self.secure_lines = map(_lines, (self.plain_bytes, self.secure_bytes))
        self.names = frozenset(name.lower() for name, _ in self.secure) | {_CSP, _ID_LOWER}
        # Names, as apps write them, that change nothing: looking one up is cheaper than a `lower`.
        self.harmless: set[str] = set()
        self.harmless_bytes: set[bytes] = set()

    def beside(self, present: Set[str], https: bool) -> Pairs:
        """What is left to add when the app has set some of these; `present` in lower case."""
        if _CSP in present:  # A policy in force is the app's own matter.
            present = present | {_CSP_REPORT}
        return [
            (name, value)
            for name, value in (self.secure if https else self.plain)
            if name.lower() not in present
        ]

    def complete(
        self, given: Iterable[tuple[str, str]], id: str, told: Pairs, https: bool
    ) -> Pairs:
        """The app's own, the id and `told`, and what is left to add."""
        own = given if type(given) is list else list(given)  # It may be a generator.
        for name, _ in own:
            if name not in self.harmless:
                break
        else:
            return [*own, (_ID, id), *told, *(self.secure if https else self.plain)]
        present = {name.lower() for name, _ in own}
        if len(self.harmless) < _MAX_KEPT:
            self.harmless.update(name for name, _ in own if name.lower() not in self.names)
        ids = [] if _ID_LOWER in present else [(_ID, id)]
        return [*own, *ids, *told, *self.beside(present, https)]

    def complete_bytes(
        self, given: Iterable[tuple[bytes, bytes]], id: str, told: PairsBytes, https: bool
    ) -> PairsBytes:
        """The same for ASGI."""
        own = given if type(given) is list else list(given)
        for name, _ in own:
            if name not in self.harmless_bytes:
                break
        else:
            rest = self.secure_bytes if https else self.plain_bytes
            return [*own, (b"x-request-id", id.encode()), *told, *rest]
        present = {name.decode("latin-1").lower() for name, _ in own}
        if len(self.harmless_bytes) < _MAX_KEPT:
            named = ((name, name.decode("latin-1").lower()) for name, _ in own)
            self.harmless_bytes.update(name for name, lower in named if lower not in self.names)
        ids = [] if _ID_LOWER in present else [(b"x-request-id", id.encode())]
        return [*own, *ids, *told, *map(_encoded, self.beside(present, https))]

    def lines(self, given: object, id: str, told: bytes, https: bool) -> bytes | None:
        """What `complete_bytes` adds, as lines of a head; None when that depends on the app's."""
        if type(given) is not list:
            return None
        harmless = self.harmless_bytes
        for name, _ in given:
            if name not in harmless:
                return None
        rest = self.secure_lines if https else self.plain_lines
        return b"".join((b"x-request-id: ", id.encode(), b"\r\n", told, rest))


def _lines(pairs: PairsBytes) -> bytes:
    return b"".join(b"%b: %b\r\n" % pair for pair in pairs)


def _encoded(pair: tuple[str, str]) -> tuple[bytes, bytes]:
    return pair[0].lower().encode(), pair[1].encode("latin-1", "replace")
