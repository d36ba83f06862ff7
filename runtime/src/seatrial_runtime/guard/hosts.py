"""Which host names are answered."""

import re
from collections.abc import Sequence

_MAX_CACHED = 1024
_NAME = re.compile(r"[a-z0-9._-]+")


class Hosts:
    """The allow-list; `*.example.org` is every name below example.org, and not itself."""

    def __init__(self, allowed: Sequence[str]) -> None:
        self._names = frozenset(name for name in allowed if not name.startswith("*"))
        self._endings = tuple(name[1:] for name in allowed if name.startswith("*."))
        self.known: dict[str, bool] = {}
        """Verdicts on headers seen before: a look at it is cheaper than a call."""
        self.good: set[bytes] = set()
        """The same for ASGI; only headers that are allowed."""

    def allows(self, header: str) -> bool:
        """Whether a request with this Host is answered; the port does not matter."""
        known = self.known.get(header)
        if known is None:
            name = header.strip().lower()
            if not name.endswith("]"):  # An IPv6 address without a port.
                name = name.rpartition(":")[0] or name
            name = name.rstrip(".")
            # "evil.test/.example.org" ends right, and is no name: links made of it lead elsewhere.
            known = name in self._names or (
                name.endswith(self._endings) and _NAME.fullmatch(name) is not None
            )
            if len(self.known) >= _MAX_CACHED:
                self.known = {}
            self.known[header] = known
        return known

    def remember(self, header: bytes) -> None:
        """This one is allowed."""
        if len(self.good) >= _MAX_CACHED:
            self.good = set()
        self.good.add(header)


def allow_list(allowed: Sequence[str]) -> Hosts | None:
    """None when every name is answered."""
    return None if "*" in allowed else Hosts(allowed)
