"""Headers that browsers heed, made once and added where the app has not set them."""

from collections.abc import Set

from seatrial_runtime.settings.settings import Settings

# A year, and this host only: other names below it are not ours to bind.
_HSTS = ("Strict-Transport-Security", "max-age=31536000")
_CSP, _CSP_REPORT = "content-security-policy", "content-security-policy-report-only"

Pairs = list[tuple[str, str]]


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
        self.names = frozenset(name.lower() for name, _ in self.secure) | {_CSP}
        self.names_bytes = frozenset(name.encode() for name in self.names)

    def beside(self, present: Set[str], https: bool) -> Pairs:
        """What is left to add when the app has set some of these; `present` in lower case."""
        if _CSP in present:  # A policy in force is the app's own matter.
            present = present | {_CSP_REPORT}
        return [
            (name, value)
            for name, value in (self.secure if https else self.plain)
            if name.lower() not in present
        ]

    def beside_bytes(self, present: Set[bytes], https: bool) -> list[tuple[bytes, bytes]]:
        """The same for ASGI."""
        found = self.beside({name.decode("latin-1") for name in present}, https)
        return [_encoded(pair) for pair in found]


def _encoded(pair: tuple[str, str]) -> tuple[bytes, bytes]:
    return pair[0].lower().encode(), pair[1].encode("latin-1", "replace")
