"""How a deployment replaces the replicas: the capacity that is left, and who gets the new version.

Rolling follows the rule of Kubernetes and Amazon ECS: never fewer than all minus `unavailable`
ready, never more than all plus `surge` running. Blue and green starts a whole second fleet, a
canary one part of it, and then traffic is switched, which costs no capacity. `recreate` stops
everything and starts everything.
"""

from __future__ import annotations

import math
from typing import Literal, NamedTuple

from seatrial.kernel.errors import InputError
from seatrial.kernel.values import Value

StrategyKind = Literal["recreate", "rolling", "blue-green", "canary"]


class Strategy(Value):
    """How a new version goes out, and how a bad one is noticed.

    `surge` and `unavailable` are shares of the replicas, the first rounded up and the second down.
    The canary gets `canary_share` of the traffic for `canary_s`, and longer as long as the alarm
    has not seen enough. The alarm goes off when `alarm_datapoints` periods of `alarm_period_s` in a
    row had more than `alarm_share` errors, each of at least `alarm_requests` requests; for
    a canary only its own requests count, otherwise all of them. `switch_s` is how long changing
    weights takes.
    """

    kind: StrategyKind = "rolling"
    surge: float = 0.25
    unavailable: float = 0.25
    canary_share: float = 0.10
    canary_s: float = 600.0
    alarm_share: float = 0.05
    alarm_period_s: float = 60.0
    alarm_datapoints: int = 3
    alarm_requests: float = 20.0
    switch_s: float = 5.0


class Phase(NamedTuple):
    """So many seconds, with the replicas ready and the share of traffic on the new version."""

    seconds: float
    ready: float
    new_share: float


def check_strategy(strategy: Strategy) -> None:
    """Raises `InputError` for a strategy that could never end."""
    shares = (strategy.surge, strategy.unavailable, strategy.canary_share, strategy.alarm_share)
    if not all(0 <= share <= 1 for share in shares):
        raise InputError(
            "a share of the deployment is not between 0 and 1",
            where="deploy strategy: surge, unavailable, canary_share, alarm_share",
            fix="give shares such as 0.25",
        )
    times = (strategy.canary_s, strategy.alarm_period_s, strategy.alarm_requests, strategy.switch_s)
    if not all(math.isfinite(time) and time >= 0 for time in times):
        raise InputError(
            "a time or number of the deployment is negative or not finite",
            where="deploy strategy: canary_s, alarm_period_s, alarm_requests, switch_s",
            fix="give seconds and requests that are 0 or more",
        )


def rollout(count: int, strategy: Strategy, start_s: float) -> tuple[Phase, ...]:
    """The phases of a deployment that nobody stops; afterwards all replicas are new."""
    check_strategy(strategy)
    if strategy.kind == "recreate":
        return (Phase(start_s, 0.0, 0.0),)
    if strategy.kind == "blue-green":
        return (Phase(start_s, count, 0.0),)
    if strategy.kind == "canary":
        trial = Phase(strategy.canary_s, count, strategy.canary_share)
        return (Phase(start_s, count, 0.0), trial, Phase(start_s, count, strategy.canary_share))
    return _rolling(count, count, strategy, start_s)


def _rolling(count: int, replace: int, strategy: Strategy, start_s: float) -> tuple[Phase, ...]:
    """Replaces `replace` of `count` replicas in batches; the others are new already."""
    surge = math.ceil(count * strategy.surge)
    unavailable = math.floor(count * strategy.unavailable)
    if surge + unavailable == 0:
        surge = 1  # as Kubernetes refuses both to be zero, and ECS adds one at least
    phases: list[Phase] = []
    done, old = count - replace, replace
    while old > 0:
        old = min(old, max(0, count - unavailable - done))
        starting = min(count - done, count + surge - done - old)
        ready = done + old
        phases.append(Phase(start_s, ready, done / ready if ready else 0.0))
        done += starting
        old = min(old, count - done)
    return tuple(phases)


def bad_rollout(
    count: int, strategy: Strategy, start_s: float, rate_rps: float, bad_share: float,
    human_s: float,
) -> tuple[Phase, ...]:  # fmt: skip
    """A deployment of a version that fails `bad_share` of its requests, until it is rolled back.

    What the alarm does not notice, people notice `human_s` after the deployment has ended.
    """
    check_strategy(strategy)
    going = [*rollout(count, strategy, start_s), Phase(math.inf, count, 1.0)]
    if strategy.kind == "canary":
        noticed = _alarm_s(strategy, rate_rps * strategy.canary_share)
        if bad_share > strategy.alarm_share and strategy.canary_share > 0:
            stays = min(noticed, human_s) + strategy.switch_s
            return (going[0], Phase(stays, count, strategy.canary_share))
        ran = [*going[:-1], Phase(human_s, count, 1.0)]
        return (*ran, *_rollback(count, count, strategy, start_s))
    before = sum(phase.seconds for phase in going[:-1])
    noticed = min(_noticed_s(going, strategy, rate_rps, bad_share), before + human_s)
    ran, left = [], noticed
    for phase in going:
        ran.append(Phase(min(phase.seconds, left), phase.ready, phase.new_share))
        left -= phase.seconds
        if left <= 0:
            break
    there = max(1, round(ran[-1].new_share * ran[-1].ready))
    return (*ran, *_rollback(count, there, strategy, start_s))


def _alarm_s(strategy: Strategy, rate_rps: float) -> float:
    """How long the alarm needs once there are errors enough: whole periods with enough requests."""
    if rate_rps <= 0:
        return math.inf
    period = max(strategy.alarm_period_s, strategy.alarm_requests / rate_rps)
    return max(1, strategy.alarm_datapoints) * period


def _noticed_s(phases: list[Phase], strategy: Strategy, rate_rps: float, bad_share: float) -> float:
    """When the alarm goes off, from the start: errors are the new version's share of all requests.

    While no replica is ready everything fails, but a deployment that is about to start replicas
    is not rolled back for it.
    """
    now = 0.0
    for phase in phases:
        if phase.new_share * bad_share > strategy.alarm_share:
            return now + _alarm_s(strategy, rate_rps)
        now += phase.seconds
    return math.inf


def _rollback(count: int, there: int, strategy: Strategy, start_s: float) -> tuple[Phase, ...]:
    """Back to the old version from a state in which `there` replicas are new."""
    if strategy.kind == "recreate":
        return (Phase(start_s, 0.0, 0.0),)
    if strategy.kind == "blue-green":
        return (Phase(strategy.switch_s, count, 1.0),)
    steps = _rolling(count, min(there, count), strategy, start_s)
    return tuple(Phase(step.seconds, step.ready, 1 - step.new_share) for step in steps)
