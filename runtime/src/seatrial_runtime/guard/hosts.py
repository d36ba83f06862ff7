"""Which host names are answered."""

from collections.abc import Sequence

_MAX_CACHED = 1024


class Hosts:
    """The allow-list; `*.example.org` is every name below example.org, and not itself."""

    def __init__(self, allowed: Sequence[str]) -> None:
        self._names = frozenset(name for name in allowed if not name.startswith("*"))
        self._endings = tuple(name[1:] for name in allowed if name.startswith("*."))
        self.known: dict[str, bool] = {}
        """Verdicts on headers seen before: a look at it is cheaper than a call."""

    def allows(self, header: str) -> bool:
        """Whether a request with this Host is answered; the port does not matter."""
        known = self.known.get(header)
        if known is None:
            name = header.strip().lower()
            if not name.endswith("]"):  # An IPv6 address without a port.
                name = name.rpartition(":")[0] or name
            name = name.rstrip(".")
            # "-.a_b" and the like are let through to nobody: a name is all the list can hold.
            known = bool(name) and (name in self._names or name.endswith(self._endings))
            if len(self.known) >= _MAX_CACHED:
                self.known = {}
            self.known[header] = known
        return known


def allow_list(allowed: Sequence[str]) -> Hosts | None:
    """None when every name is answered."""
    return None if "*" in allowed else Hosts(allowed)
