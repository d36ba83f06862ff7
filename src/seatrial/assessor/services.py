"""Which managed services an app needs, and as what they are bought."""

from __future__ import annotations

from seatrial.kernel.workload import Component, ServiceKind

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


def needed(component: Component) -> tuple[ServiceKind, ...]:
    """The kinds of bought services that the app does not run without, each once."""
    return tuple(
        dict.fromkeys(s.kind for s in component.services if s.required and s.kind in BOUGHT)
    )
