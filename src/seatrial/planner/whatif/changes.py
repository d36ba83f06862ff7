"""What has to change in the code before a design works, and the steps from one to the next."""

from __future__ import annotations

from typing import NamedTuple

from seatrial.assessor.assess import Question
from seatrial.kernel.advice import Change
from seatrial.kernel.design import Design
from seatrial.kernel.workload import Fact

SEVERAL, REPLACED, RESTS = "several", "replaced", "rests"
"""When a fact hurts: with more than one process; when a replica's disk goes with it; when nothing
runs between requests."""


class Move(NamedTuple):
    """What is done about a fact, and when it has to be."""

    what: str
    when: tuple[str, ...]
    service: str = ""


_SESSIONS = Move("move sessions to Redis", (SEVERAL, REPLACED), "redis")
_SHARED = Move("move what is kept in memory to Redis or the database", (SEVERAL, RESTS), "redis")
_FILES = Move("move uploads and files to object storage", (SEVERAL, REPLACED), "object-storage")
_QUEUE = Move("move background work to a queue and a worker", (SEVERAL, RESTS), "queue")
_DATABASE = Move("move the SQLite data to PostgreSQL", (SEVERAL, REPLACED), "postgresql")

MOVES: dict[str, Move] = {
    "state.session-memory": _SESSIONS,
    "state.session-file": _SESSIONS,
    "state.session-state": _SESSIONS,
    "state.chat-memory": _SHARED,
    "state.module-mutable": _SHARED,
    "state.rate-limit-memory": _SHARED,
    "state.websocket": _SHARED,
    "state.local-cache": _SHARED,
    "state.upload-folder": _FILES,
    "state.file": _FILES,
    "state.embedded-store": _FILES,
    "state.sqlite": _DATABASE,
    "state.sqlite-default": _DATABASE,
    "state.memory-queue": _QUEUE,
    "state.background-work": _QUEUE,
    "state.background-loop": _QUEUE,
    "state.in-process-scheduler": _QUEUE,
}
"""Facts of the profile that stand against some design."""


def facts_of(asked: Question) -> tuple[Fact, ...]:
    """The facts of all components that stand against some design, no place twice."""
    found: dict[tuple[str, str, int, str], Fact] = {}
    for component in asked.workload.components:
        for fact in component.facts:
            if fact.rule in MOVES:
                key = (fact.rule, fact.proof.file, fact.proof.line, fact.subject)
                found.setdefault(key, fact)
    return tuple(found.values())


def situation(asked: Question, design: Design) -> dict[str, str]:
    """What is true of a design that facts may stand against, with the reason in words."""
    platform = asked.catalog.platform(design.platform)
    true: dict[str, str] = {}
    processes = max(1, design.replicas_max) * max(1, design.workers)
    if processes > 1:
        true[SEVERAL] = f"{processes} processes answer, and each would have its own"
    if not platform.capabilities.persistent_disk:
        true[REPLACED] = f"the disk goes with a replica on {platform.name}"
    if platform.kind == "functions" or platform.scaling.to_zero:
        true[RESTS] = f"on {platform.name} nothing is sure to run between requests"
    return true


def changes(asked: Question, design: Design) -> tuple[Change, ...]:
    """The places in the code that a design asks to be changed, in the order of the facts."""
    true, told = situation(asked, design), []
    for fact in facts_of(asked):
        move = MOVES[fact.rule]
        why = next((true[when] for when in move.when if when in true), "")
        if not why or (move is _DATABASE and design.database is None):
            continue
        what = f"{move.what}: {fact.subject}" if fact.subject else move.what
        told.append(Change(what=what, why=why, proof=fact.proof))
    return tuple(told)


def migration(asked: Question, old: Design, new: Design) -> tuple[str, ...]:
    """The steps from one design to the next, in the order in which they are done."""
    steps: list[str] = []
    before, after = (asked.catalog.platform(d.platform) for d in (old, new))
    due = {change.proof for change in changes(asked, old)}
    for move in dict.fromkeys(
        MOVES[fact.rule] for fact in facts_of(asked)
        if fact.proof in {c.proof for c in changes(asked, new)} - due
    ):  # fmt: skip
        steps.append(f"{move.what}, and release that on {before.name} first")
    steps.extend(_data(old, new, before.provider != after.provider))
    moved = (old.platform, old.region) != (new.platform, new.region)
    if moved:
        where = f"{after.name} in {new.region}"
        steps.append(f"build the infrastructure of {where} beside the old one and load-test it")
        steps.append(f"shift traffic to {where} in steps of 5, 25, 50 and 100 %, watching errors")
        steps.append(f"stop {before.name} after a week without a return")
    elif (old.size, old.arch) != (new.size, new.arch):
        steps.append(f"roll out {new.replicas_min} x {new.size} in place of {old.size}")
    elif old.replicas_min != new.replicas_min:
        steps.append(f"run {new.replicas_min} replicas instead of {old.replicas_min}")
    if new.commitment not in (old.commitment, "on-demand"):
        steps.append(f"buy {new.commitment} once a month of use has confirmed the need")
    return tuple(steps)


def _data(old: Design, new: Design, other_provider: bool) -> list[str]:
    """Moves of the database and of other services."""
    steps = []
    one, other = old.database, new.database
    if other is not None and one is None:
        steps.append(f"create PostgreSQL {other.instance}, copy the data, switch the address")
    elif other is not None and one is not None:
        if other_provider or old.region != new.region:
            steps.append(
                f"replicate the database to {other.instance} in {new.region}, then switch to it "
                "while writes are stopped"
            )
        elif one.instance != other.instance:
            steps.append(f"change the database from {one.instance} to {other.instance}")
        if other.multi_az and not one.multi_az:
            steps.append("add a standby of the database in a second zone")
    had = {service.kind for service in old.services}
    for service in new.services:
        if service.kind not in had:
            steps.append(f"create {service.kind} {service.size}".rstrip())
        elif other_provider:
            steps.append(f"copy what is in {service.kind} to the new provider's")
    return steps
