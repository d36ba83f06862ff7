"""What a rule may look at, what it finds, and where its proof stands."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, NamedTuple

from seatrial.assessor.profile import Profile
from seatrial.kernel.assessment import Bill, Promise
from seatrial.kernel.demand import Demand
from seatrial.kernel.design import Design
from seatrial.kernel.platform import Catalog, Platform, Sourced
from seatrial.kernel.simulation import Simulation
from seatrial.kernel.workload import Component, Fact, Proof, Service, Workload

Severity = Literal["violated", "risk", "note"]


class Case(NamedTuple):
    """Everything a rule may look at."""

    workload: Workload
    component: Component
    demand: Demand
    design: Design
    platform: Platform
    profile: Profile
    bill: Bill
    promise: Promise
    catalog: Catalog
    simulation: Simulation | None = None


class Found(NamedTuple):
    """What a rule found; `check` makes it a finding with the rule's id and the design's."""

    severity: Severity
    sentence: str
    proof: Proof
    fix: str = ""


Choice = Literal[
    "region",
    "size",
    "load",
    "workers",
    "most",
    "replicas",
    "commitment",
    "database",
    "services",
    "bill",
]
"""A choice of a design that a rule can depend on. `load` is what the queues see of a size,
`workers` its processes and `most` how many replicas of it run; `bill` is all of them, by the
total alone."""


class Rule(NamedTuple):
    """What is asked of a case, and which choices of its design the answer depends on.

    The demand, the workload and the platform are the same for all designs of a space. After a
    `gate` that finds a violation nothing else is asked: the design is out of the question.
    """

    read: Callable[[Case], Found | None]
    depends: tuple[Choice, ...] = ()
    gate: bool = False


def limit_proof(case: Case, limit: Sourced, rule: str) -> Proof:
    file = f"catalog/platforms/{case.platform.id}.toml"
    return Proof(kind="declared", rule=rule, file=file, note=f"{limit.source}, as of {limit.as_of}")


def catalogue_proof(case: Case, rule: str) -> Proof:
    return Proof(
        kind="declared",
        rule=rule,
        file=f"catalog/platforms/{case.platform.id}.toml",
        note=f"{case.platform.source}, as of {case.platform.as_of}",
    )


def settings_proof(key: str, rule: str) -> Proof:
    return Proof(kind="declared", rule=rule, file="seatrial.toml", note=key)


def service_of(case: Case, kind: str) -> Service | None:
    return next((s for s in case.component.services if s.kind == kind), None)


def fact_of(case: Case, rule: str) -> Fact | None:
    return next((f for f in case.component.facts if f.rule == rule), None)


def stated(platform: Platform, key: str) -> str:
    """Where the platform's file takes a key from, "" where it names no reference for it."""
    found = next((one for one in platform.references if key in one.says), None)
    return f"{found.source}, as of {found.as_of}" if found is not None else ""
