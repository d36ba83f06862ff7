"""The two checklists: what Seatrial can see is ticked with its evidence, the rest is open."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Literal

from seatrial.kernel.advice import Check
from seatrial.kernel.values import Value
from seatrial.planner.advice.ground import App, Ground, decoded
from seatrial.planner.advice.shown import shown


class Item(Value):
    """One line of a checklist.

    `shown` names what shows it, nothing when only a person can say; `when` is what the app or the
    design has to have for the line to make sense.
    """

    phase: Literal["before migration", "go live"]
    item: str
    shown: str = ""
    when: str = ""


class _Items(Value):
    item: tuple[Item, ...]


WHEN: dict[str, Callable[[App, Ground | None], bool]] = {
    "": lambda app, ground: True,
    "design": lambda app, ground: ground is not None,
    "database": lambda app, ground: ground is not None and bool(ground.stores),
    "data": lambda app, ground: app.service("sqlite") is not None,
    "llm": lambda app, ground: app.service("llm") is not None,
    "uploads": lambda app, ground: bool(app.found(("upload.accepted", "upload.no-limit"))),
    "worker": lambda app, ground: any(
        c.kind in ("worker", "scheduler") for c in app.asked.workload.components
    ),
    "events": lambda app, ground: ground is not None and bool(app.asked.demand.traffic.events),
    "once": lambda app, ground: bool(app.found(("scheduler.single", "bot.single"))),
}
"""When a line is there, by its word."""


@cache
def packaged_items() -> tuple[Item, ...]:
    """The lines of both checklists, in their order."""
    return decoded("checklist.toml", _Items).item


def checklist(app: App, ground: Ground | None) -> tuple[Check, ...]:
    """Both checklists for this app and design."""
    return tuple(
        _check(item, app, ground) for item in packaged_items() if _there(item, app, ground)
    )


def _there(item: Item, app: App, ground: Ground | None) -> bool:
    return WHEN[item.when](app, ground)


def _check(item: Item, app: App, ground: Ground | None) -> Check:
    if not item.shown:
        return Check(phase=item.phase, item=item.item, done=False, evidence="")
    found = shown(item.shown, app, ground)
    done = found.state == "yes"
    text = item.item if done else f"{item.item} ({found.evidence})"
    return Check(
        phase=item.phase, item=text, done=done, evidence=found.evidence if done else ""
    )  # fmt: skip
