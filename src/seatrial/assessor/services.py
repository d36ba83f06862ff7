"""Which managed services an app needs, and as what they are bought."""

from __future__ import annotations

import re

from seatrial.kernel.platform import Platform
from seatrial.kernel.workload import Component, Fact, Service, ServiceKind, Workload

BOUGHT: dict[str, str] = {
    "postgresql": "postgresql",
    "mysql": "mysql",
    "redis": "redis",
    "s3": "object-storage",
    "sqs": "queue",
    "elasticsearch": "search",
    "llm": "llm",
}
"""What a provider runs for the app, by the kind of the app's service: it stands in the design, on
the bill, and has to be offered. All other services are reached by an address wherever they are."""

PRIVATE = frozenset({"postgresql", "mysql", "redis", "search"})
"""Services that have addresses in a private network only."""


_UNLESS = re.compile(r"\bunless (\w+) is set\b")


NAMED = frozenset({"s3", "llm"})
"""Services that are billed by use alone: an app that knows one gets it, needed or not."""


def needed(workload: Workload) -> tuple[ServiceKind, ...]:
    """The kinds of bought services that the app gets, each once: those it does not run without,
    those without which it keeps in one process what all have to see, and those billed by use."""
    web = workload.web
    return tuple(
        dict.fromkeys(
            s.kind
            for part in (web, *background(workload))
            for s in part.services
            if s.kind in BOUGHT
            and (
                s.required
                or s.kind in NAMED
                or (part is web and any(keeps_instead(s, fact) for fact in part.facts))
            )
        )
    )


def used(workload: Workload, kind: ServiceKind) -> Service:
    """The first service of a kind that a component names; of the web component if it does."""
    return next(
        s for part in (workload.web, *background(workload)) for s in part.services if s.kind == kind
    )


def background(workload: Workload) -> tuple[Component, ...]:
    """The components that run beside the one that answers requests."""
    return tuple(part for part in workload.components if part.kind in ("worker", "scheduler"))


def runs_beside(platform: Platform) -> bool:
    """Whether the platform keeps a process running to which nobody sends requests."""
    return platform.kind != "functions" and platform.capabilities.background


def keeps_instead(service: Service, fact: Fact) -> bool:
    """Whether the app keeps in a service, when that is given, what a fact says is in memory.

    The profile says so by naming the service's variable: `in memory, unless REDIS_URL is set`.
    """
    variable = _UNLESS.search(fact.value) if fact.rule.startswith("state.") else None
    return variable is not None and variable.group(1) == service.env
