"""Which managed services an app needs, and as what they are bought."""

from __future__ import annotations

import re

from seatrial.kernel.workload import Component, Fact, Service, ServiceKind

BOUGHT: dict[str, str] = {
    "postgresql": "postgresql",
    "mysql": "mysql",
    "redis": "redis",
    "s3": "object-storage",
    "sqs": "queue",
    "elasticsearch": "search",
}
"""What a provider runs for the app, by the kind of the app's service: it stands in the design, on
the bill, and has to be offered. All other services are reached by an address wherever they are."""

PRIVATE = frozenset({"postgresql", "mysql", "redis", "search"})
"""Services that have addresses in a private network only."""


_UNLESS = re.compile(r"\bunless (\w+) is set\b")


def needed(component: Component) -> tuple[ServiceKind, ...]:
    """The kinds of bought services that the app needs, each once: those it does not run without,
    and those without which it keeps in one process what all have to see."""
    return tuple(
        dict.fromkeys(
            s.kind
            for s in component.services
            if s.kind in BOUGHT
            and (s.required or any(keeps_instead(s, fact) for fact in component.facts))
        )
    )


def keeps_instead(service: Service, fact: Fact) -> bool:
    """Whether the app keeps in a service, when that is given, what a fact says is in memory.

    The profile says so by naming the service's variable: `in memory, unless REDIS_URL is set`.
    """
    variable = _UNLESS.search(fact.value) if fact.rule.startswith("state.") else None
    return variable is not None and variable.group(1) == service.env
