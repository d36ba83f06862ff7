"""Random demands and fleets for the comparison of tiers: what people run, drawn widely."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from msgspec.structs import replace

from seatrial.assessor.simulate.failures import replica_rps
from seatrial.kernel.simulation import Arrivals, Fleet, Policy, PolicyKind, RouteLaw

KINDS: tuple[PolicyKind, ...] = (
    "fixed", "target-tracking", "step", "hpa", "knative", "cloud-run", "per-request",
)  # fmt: skip
CELLS = 200
MOST = 60
"""Replicas of a fleet at most, so that the exact replay of hundreds stays minutes."""
ENVIRONMENTS = 300


class Demand(NamedTuple):
    """Requests that come and what they take."""

    arrivals: Arrivals
    laws: tuple[RouteLaw, ...]


def demand(chance: np.random.Generator) -> Demand:
    """A week of 2 to 60 requests a second, flat to peaked, calm to bursty; one to three routes."""
    hours = np.arange(24)
    height = chance.uniform(0.0, 0.9)
    day = 1 + height * np.cos((hours - chance.integers(8, 21)) / 24 * 2 * math.pi)
    weekend = chance.uniform(0.4, 1.2)
    week = np.concatenate([day * (weekend if number >= 5 else 1.0) for number in range(7)])
    seconds = float(chance.choice([1.0, 1.0, 2.0, 4.0]))
    arrivals = Arrivals(
        requests_day=86_400 * 2 * 30 ** chance.random(),
        weekly_weights=tuple((week / week.mean()).tolist()),
        dispersion_1s=seconds,
        dispersion_60s=seconds * float(chance.choice([1.0, 1.5, 3.0])),
    )
    return Demand(arrivals, tuple(_law(chance, n) for n in range(chance.integers(1, 4))))


def _law(chance: np.random.Generator, number: int) -> RouteLaw:
    mean_s = 0.02 * 15 ** chance.random()
    ranks = (np.arange(CELLS) + 0.5) / CELLS
    shape = str(chance.choice(["exponential", "narrow", "heavy"]))
    drawn = -np.log1p(-ranks)
    if shape != "exponential":
        # Logarithms are spread as a logistic law: 0.2 and 0.6 of it are narrow and heavy.
        drawn = (ranks / (1 - ranks)) ** (0.1 if shape == "narrow" else 0.35)
    wall = drawn / drawn.mean() * mean_s
    share = float(chance.choice([0.0, 0.2, 0.5, 1.0]))
    return RouteLaw(path=f"/{number}", weight=float(chance.uniform(0.2, 1)),
                    wall_s=tuple(wall.tolist()), cpu_share=share)  # fmt: skip


def fleet(chance: np.random.Generator, given: Demand, kind: PolicyKind) -> Fleet:
    """A fleet whose capacity fits: 45 to 85 % of it is used in the usual peak hour."""
    vcpu = float(chance.choice([0.5, 1.0, 2.0, 4.0]))
    one = Fleet(
        replicas_min=1, replicas_max=1, vcpu=vcpu,
        workers=int(chance.integers(1, 1 + 2 * max(1, int(vcpu)))),
        slots=int(chance.choice([1, 1, 4, 8])),
        queue="worker" if chance.random() < 0.8 else "replica",
        start_s=float(chance.choice([5.0, 30.0, 60.0, 120.0])),
    )  # fmt: skip
    peak = max(given.arrivals.weekly_weights) * given.arrivals.requests_day / 86_400
    if kind == "per-request":
        # As `fleet_of` has functions: nothing is kept, and the account's limit is far away.
        return replace(one, replicas_min=0, replicas_max=ENVIRONMENTS, workers=1, slots=1,
                       queue="replica", policy=Policy(kind=kind))  # fmt: skip
    capacity, _ = replica_rps(one, given.laws)
    wanted = math.ceil(peak / capacity / chance.uniform(0.45, 0.85))
    if kind == "fixed":
        return replace(one, replicas_min=min(wanted, MOST), replicas_max=min(wanted, MOST))
    policy = _policy(chance, one, given, kind)
    return replace(
        one, replicas_min=min(int(chance.integers(1, 4)), MOST),
        replicas_max=min(2 * wanted + 2, MOST), policy=policy,
    )  # fmt: skip


def _policy(chance: np.random.Generator, one: Fleet, given: Demand, kind: PolicyKind) -> Policy:
    """Scaling by what gets scarce first: processors, or slots where requests mostly wait."""
    target = float(chance.choice([0.5, 0.6, 0.7]))
    (rate, wall_s), endless = replica_rps(one, given.laws), replace(one, slots=10**9)
    by_slots = kind == "knative" or (
        kind != "cloud-run" and rate < 0.99 * replica_rps(endless, given.laws)[0]
    )
    # What a replica that is full has at once of it.
    full = rate * wall_s if by_slots else min(one.workers, one.vcpu) / one.vcpu
    steps = ((target, 1.0), (target + 0.2, 2.0), (target / 2, -1.0))
    return Policy(
        kind=kind, metric="concurrency" if by_slots else "cpu", target=target * full,
        steps=tuple((bound * full, change) for bound, change in steps) if kind == "step" else (),
    )  # fmt: skip


def can_hold(given: Demand, one: Fleet) -> bool:
    """Whether the most replicas have 5 % more capacity than the usual peak hour takes."""
    peak = max(given.arrivals.weekly_weights) * given.arrivals.requests_day / 86_400
    capacity, _ = replica_rps(one, given.laws)
    return one.replicas_max * capacity >= 1.05 * peak
