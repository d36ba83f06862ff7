"""The scaling policy of a fleet as one step of a replay: a reading in, replicas wanted out."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import NamedTuple

from seatrial.kernel import policies
from seatrial.kernel.simulation import Fleet


class Reading(NamedTuple):
    """What the fleet did since the last reading, `span_s` before.

    `cpu` is the busy share of the processors of replicas that run, `busy` the mean of processors
    busy, `requests_minute` what each ready replica was asked in a minute, `in_flight` the mean of
    requests whose clients wait. -1 where there was no replica to measure.
    """

    now_s: float
    span_s: float
    desired: int
    ready: int
    cpu: float
    busy: float
    requests_minute: float
    in_flight: float


Step = Callable[[Reading], float]

HPA_PERIOD_S = 15.0
KNATIVE_PERIOD_S = 2.0
CLOUD_RUN_PERIOD_S = 5.0
"""How often each of them looks; AWS looks once in the policy's own period."""
KNATIVE_STABLE_S = 60.0
KNATIVE_PANIC_S = 6.0
CLOUD_RUN_WINDOW_S = 60.0
STEP_POINTS = 1.0
"""Datapoints a step scaling alarm needs either way."""


def _metric(fleet: Fleet, reading: Reading) -> float:
    """The policy's metric of a reading; -1 when there was nothing to measure it on."""
    if fleet.policy.metric == "cpu":
        return reading.cpu
    if fleet.policy.metric == "requests":
        return reading.requests_minute
    return reading.in_flight / reading.ready if reading.ready else -1.0


def _tracking(fleet: Fleet) -> Step:
    policy, state = fleet.policy, [0.0] * policies.TRACKING_STATE

    def step(reading: Reading) -> float:
        return policies.target_tracking(
            state, reading.now_s, _metric(fleet, reading), reading.desired,
            fleet.replicas_min, fleet.replicas_max, policy.target,
            policy.cooldown_out_s, policy.cooldown_in_s,
        )  # fmt: skip

    return step


def _steps(fleet: Fleet) -> Step:
    policy, state = fleet.policy, [0.0] * policies.STEP_STATE

    def step(reading: Reading) -> float:
        return policies.step_scaling(
            state, reading.now_s, _metric(fleet, reading), reading.desired,
            fleet.replicas_min, fleet.replicas_max, policy.steps,
            policy.cooldown_out_s, policy.cooldown_in_s, STEP_POINTS, STEP_POINTS,
        )  # fmt: skip

    return step


def _hpa(fleet: Fleet) -> Step:
    state = [0.0] * policies.HPA_STATE

    def step(reading: Reading) -> float:
        return policies.hpa(
            state, reading.now_s, _metric(fleet, reading), reading.desired, reading.ready,
            fleet.replicas_min, fleet.replicas_max, fleet.policy.target,
        )  # fmt: skip

    return step


class _Window:
    """Means of the last seconds, over readings of equal spans."""

    def __init__(self, span_s: float, period_s: float) -> None:
        self._values: deque[float] = deque(maxlen=max(1, round(span_s / period_s)))

    def mean(self, value: float) -> float:
        self._values.append(value)
        return sum(self._values) / len(self._values)


def _knative(fleet: Fleet) -> Step:
    state = [0.0] * policies.KNATIVE_STATE
    stable = _Window(KNATIVE_STABLE_S, KNATIVE_PERIOD_S)
    panic = _Window(KNATIVE_PANIC_S, KNATIVE_PERIOD_S)

    def step(reading: Reading) -> float:
        return policies.knative(
            state, reading.now_s, stable.mean(reading.in_flight), panic.mean(reading.in_flight),
            reading.ready, fleet.replicas_min, fleet.replicas_max, fleet.policy.target,
            reading.desired,
        )  # fmt: skip

    return step


def _cloud_run(fleet: Fleet) -> Step:
    state = [0.0] * policies.CLOUD_RUN_STATE
    cpu = _Window(CLOUD_RUN_WINDOW_S, CLOUD_RUN_PERIOD_S)
    busy = _Window(CLOUD_RUN_WINDOW_S, CLOUD_RUN_PERIOD_S)

    def step(reading: Reading) -> float:
        return policies.cloud_run(
            state, reading.now_s, cpu.mean(reading.busy), busy.mean(reading.in_flight),
            fleet.vcpu, fleet.workers * fleet.slots,
            fleet.replicas_min, fleet.replicas_max, fleet.policy.target,
        )  # fmt: skip

    return step


def policy_of(fleet: Fleet) -> tuple[Step | None, float]:
    """The step of a fleet's policy and its period; none when nothing is decided by readings."""
    kind = fleet.policy.kind
    if kind == "target-tracking":
        return _tracking(fleet), fleet.policy.period_s
    if kind == "step":
        return _steps(fleet), fleet.policy.period_s
    if kind == "hpa":
        return _hpa(fleet), HPA_PERIOD_S
    if kind == "knative":
        return _knative(fleet), KNATIVE_PERIOD_S
    if kind == "cloud-run":
        return _cloud_run(fleet), CLOUD_RUN_PERIOD_S
    return None, 0.0
