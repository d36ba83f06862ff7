"""What to do after a loss, for this design: the steps, and the times of the failure model."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from typing import NamedTuple

from seatrial.assessor.simulate.failure_rates import packaged_rates
from seatrial.assessor.simulate.fleet import START_S
from seatrial.assessor.simulate.zone_loss import REGION, ZONE
from seatrial.kernel.advice import Procedure
from seatrial.kernel.values import Value
from seatrial.planner.advice.ground import Ground, decoded, has_standby
from seatrial.planner.advice.shown import shown
from seatrial.planner.advice.shown_app import STATE

REPLICA, DEPLOY, MACHINE = "replica", "bad deployment", "database machine"
DATA, FILES, MODEL, SERVICE = "database data", "files on disk", "language model", "service outside"


class Step(Value):
    """One step after a loss; for all platforms when none is named.

    `when` is what the design has to have: a database with a standby, one without, a disk.
    """

    loss: str
    text: str
    platforms: tuple[str, ...] = ()
    when: str = ""


class _Steps(Value):
    step: tuple[Step, ...]


class Times(NamedTuple):
    """How long a loss lasts and how much data it takes, none when nothing can be restored."""

    loss: str
    rto_s: float
    rpo_s: float | None


@cache
def packaged_steps() -> tuple[Step, ...]:
    """All steps, in their order."""
    return decoded("procedures.toml", _Steps).step


def procedures(ground: Ground) -> tuple[Procedure, ...]:
    """The procedures for the losses that this design can suffer."""
    return tuple(
        Procedure(loss=t.loss, rto_s=t.rto_s, rpo_s=t.rpo_s, steps=tuple(_steps(t.loss, ground)))
        for t in _times(ground)
    )


def _times(ground: Ground) -> Iterator[Times]:
    known = packaged_rates()
    yield Times(REPLICA, _replica_s(ground), None if ground.app.found(STATE) else 0.0)
    yield Times(DEPLOY, known.amount("human-s"), 0.0)
    if ground.stores:
        lone = not all(has_standby(store) for store in ground.stores)
        failover = known.amount("database-recover-s" if lone else "database-failover-s")
        yield Times(MACHINE, failover, 0.0)
        restore = known.amount("decide-s") + known.amount("database-restore-s")
        lost = shown("backups", ground.app, ground).state == "no"
        yield Times(DATA, restore, None if lost else known.amount("backup-lag-s"))
    elif ground.app.service("sqlite") is not None:
        yield Times(FILES, known.amount("decide-s") + known.amount("database-restore-s"), None)
    for name in (ZONE, REGION):
        found = ground.recovery(name)
        if found is not None:
            yield Times(name, found.rto_s, found.rpo_s)
    if ground.app.service("llm") is not None:
        yield Times(MODEL, known.amount("llm-outage-s"), 0.0)
    others = [s for s in ground.design.services if s.kind not in ("llm", *_kinds(ground))]
    if others:
        yield Times(SERVICE, known.amount("database-recover-s"), None)


def _kinds(ground: Ground) -> tuple[str, ...]:
    return tuple(store.kind for store in ground.stores)


def _replica_s(ground: Ground) -> float:
    """Until a crashed replica is seen and another one answers."""
    seen = packaged_rates().amount("detect-crash-s")
    restart, start = ground.platform.failure.restart_s, ground.platform.scaling.start_s
    if restart is not None:
        return seen + restart.value
    return seen + (start.value if start else START_S) + (ground.asked.profile.boot_s or 0.0)


def _steps(loss: str, ground: Ground) -> Iterator[str]:
    has = _has(ground)
    words = _words(ground)
    for step in packaged_steps():
        here = not step.platforms or ground.platform.id in step.platforms
        if step.loss == loss and here and (not step.when or has[step.when]):
            yield re.sub(r"\{(\w+)\}", lambda m: words[m.group(1)], step.text)


def _has(ground: Ground) -> dict[str, bool]:
    stores = ground.stores
    standby = bool(stores) and all(has_standby(store) for store in stores)
    alone = ground.design.standby is None
    return {
        "one-region": alone,
        "second-region": not alone,
        "moved-by-hand": alone and ground.platform.bundled,
        "data-left": alone and bool(stores),
        "database": bool(stores),
        "standby": standby,
        "single": bool(stores) and not standby,
        "rollback": ground.written("rollback") is not None,
        "by-hand": ground.written("rollback") is None,
        "written": ground.platform.bundled,
        "fallback": bool(ground.app.found(("llm.fallback",))),
        "no-fallback": not ground.app.found(("llm.fallback",)),
        "scales": ground.design.replicas_max > ground.design.replicas_min,
        "survives": ground.platform.failure.zone_loss == "survives",
        "down": ground.platform.failure.zone_loss == "down",
        "moves": ground.platform.failure.zone_loss == "moves",
        "migrates": ground.app.depends("alembic", "flask-migrate", "django") is not None,
    }


def _words(ground: Ground) -> dict[str, str]:
    design = ground.design
    slug = re.sub(r"[^a-z0-9]+", "-", ground.asked.workload.app.lower()).strip("-") or "app"
    return {
        "app": slug,
        "region": design.region,
        "second": design.standby.region if design.standby else "",
        "platform": ground.platform.name,
        "min": str(design.replicas_min),
        "max": str(design.replicas_max),
        "size": design.size,
        "store": ground.stores[0].kind if ground.stores else "database",
        "services": ", ".join(s.kind for s in design.services if s.kind != "llm"),
    }
