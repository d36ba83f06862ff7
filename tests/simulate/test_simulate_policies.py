"""Scaling policies: the examples of their documentation, and bounds that always hold."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seatrial.kernel import policies as p


def track(metrics: list[float], desired: float, **over: float) -> list[float]:
    """Replicas after each minute; `metrics` as seen."""
    rules = {"least": 1.0, "most": 100.0, "target": 50.0, "cooldown_out": 300.0,
             "cooldown_in": 300.0, **over}  # fmt: skip
    state = [0.0] * p.TRACKING_STATE
    seen = []
    for minute, metric in enumerate(metrics):
        desired = p.target_tracking(state, 60.0 * minute, metric, desired, **rules)
        seen.append(desired)
    return seen


def test_out_needs_three_datapoints_of_three() -> None:
    assert track([80, 80, 40, 80, 80, 80], 10) == [10, 10, 10, 10, 10, 16]


def test_in_needs_fifteen_datapoints_below_nine_tenths() -> None:
    assert track([20] * 15, 10) == [10.0] * 14 + [4]
    assert track([46] * 40, 10) == [10.0] * 40
    # 44 is below 45, but nine replicas would be at 48.9: allowed; of two, one would be at 88.
    assert track([44] * 15, 10)[-1] == 9
    assert track([44] * 40, 2)[-1] == 2


def test_no_metric_is_never_low_use() -> None:
    assert track([-1.0] * 60, 10) == [10.0] * 60
    assert track([20] * 14 + [-1.0] + [20] * 14, 10)[-1] == 10


def test_capacity_of_the_running_cooldown_counts_for_the_next_step() -> None:
    # 10 at 80 want 16; still 80 (the six are not there yet): nothing more; 100 wants 20 of 10.
    assert track([80] * 5 + [100], 10) == [10, 10, 16, 16, 16, 20]
    # After the cooldown what runs is what counts.
    assert track([80] * 7 + [60], 10)[-1] == math.ceil(16 * 60 / 50)


def test_in_cooldown_blocks_and_a_step_out_ends_it() -> None:
    seen = track([40] * 15 + [30] * 5, 100, cooldown_in=300.0)
    assert seen[14] == 80 and seen[15:19] == [80] * 4 and seen[19] == 48
    seen = track([40] * 15 + [60] * 3, 100)
    assert seen[-1] == 96


def test_step_scaling_of_the_user_guide() -> None:
    """+1 from 60, +3 from 70: in the cooldown of the first only two more are added."""
    steps = ((60.0, 1.0), (70.0, 3.0), (40.0, -1.0), (30.0, -3.0))
    state = [0.0] * p.STEP_STATE

    def step(now: float, metric: float, desired: float) -> float:
        return p.step_scaling(state, now, metric, desired, 1, 20, steps, 300, 300, 1, 1)

    assert step(0, 65, 10) == 11
    assert step(60, 75, 11) == 13
    assert step(120, 50, 13) == 13
    assert step(600, 35, 13) == 12
    assert step(660, 25, 12) == 12
    assert step(960, 25, 12) == 9


def hpa(metrics: list[float], desired: float, **over: float) -> list[float]:
    rules = {"least": 1.0, "most": 100.0, "target": 100.0, **over}
    state = [0.0] * p.HPA_STATE
    seen = []
    for tick, metric in enumerate(metrics):
        desired = p.hpa(state, 15.0 * tick, metric, desired, desired, **rules)
        seen.append(desired)
    return seen


@pytest.mark.parametrize(
    ("metric", "current", "wanted"),
    [(200, 5, 10), (50, 1, 1), (110, 10, 10), (90, 10, 10), (111, 10, 12), (300, 2, 6),
     (1000, 2, 6), (1000, 10, 20), (-1, 7, 7)],
)  # fmt: skip
def test_hpa_out(metric: float, current: float, wanted: float) -> None:
    """200m of 100m doubles; within 10 % nothing; at most 4 pods or 100 % in 15 s."""
    assert hpa([metric], current) == [wanted]


def test_hpa_in_waits_for_the_highest_advice_of_five_minutes() -> None:
    seen = hpa([100] + [50] * 21, 10)
    assert seen[:20] == [10.0] * 20
    assert seen[20] == 5


def test_hpa_counts_pods_that_are_not_ready_as_idle_on_the_way_out() -> None:
    state = [0.0] * p.HPA_STATE
    # Four ready at 150 %: with two starting pods 100 %, so no action; all six would be nine.
    assert p.hpa(state, 0.0, 150, 6, 4, 1, 50, 100) == 6
    assert p.hpa([0.0] * p.HPA_STATE, 0.0, 150, 6, 6, 1, 50, 100) == 9


def test_knative_panics_at_twice_and_never_falls_in_it() -> None:
    state = [0.0] * p.KNATIVE_STATE
    rules = {"least": 0.0, "most": 100.0, "target": 70.0}
    assert p.knative(state, 0, 140, 140, 2, start=2, **rules) == 2
    assert p.knative(state, 2, 150, 700, 2, start=2, **rules) == 10
    assert p.knative(state, 4, 140, 140, 10, start=10, **rules) == 10
    assert p.knative(state, 60, 140, 140, 10, start=10, **rules) == 10
    # A stable window later, down by half of what is ready at most.
    assert p.knative(state, 64, 140, 140, 10, start=10, **rules) == 5


def test_knative_keeps_one_for_the_grace_before_zero() -> None:
    state = [0.0] * p.KNATIVE_STATE
    seen = [p.knative(state, now, 0, 0, 1, 0, 10, 70, 1) for now in (0, 10, 28, 30)]
    assert seen == [1, 1, 1, 0]


def test_lambda_adds_a_thousand_in_ten_seconds() -> None:
    state = [0.0] * p.REQUEST_STATE
    present, seen = 0.0, []
    for now in (0.0, 10.0, 15.0):
        present = p.per_request(state, now, 2600.0, present, 0, 10_000)
        seen.append(present)
    assert seen == [1000, 2000, 2500]
    assert p.per_request(state, 614.0, 10.0, present, 0, 10_000) == 2500
    assert p.per_request(state, 616.0, 10.0, present, 0, 10_000) == 10
    assert p.per_request([0.0] * p.REQUEST_STATE, 0, 5000, 0, 0, 800) == 800


def test_cloud_run_takes_the_larger_need() -> None:
    def run(cpu: float, busy: float) -> float:
        return p.cloud_run([0.0] * p.CLOUD_RUN_STATE, 0, cpu, busy, 1, 80, 0, 100, 0.6)

    assert run(3.0, 10) == 5
    assert run(0.5, 480) == 10
    assert run(0, 0) == 0


def step(name: str, s: list[float], now: float, m: float, d: float, low: float, high: float
         ) -> float:  # fmt: skip
    """One step of the policy of that name."""
    steps = ((0.8, 2.0), (0.3, -1.0))
    if name == "target-tracking":
        return p.target_tracking(s, now, m, d, low, high, 0.6, 60, 300)
    if name == "step":
        return p.step_scaling(s, now, m, d, low, high, steps, 60, 60, 3, 15)
    if name == "hpa":
        return p.hpa(s, now, m, d, d, low, high, 0.6)
    if name == "knative":
        return p.knative(s, now, m * 9, m * 9, d, low, high, 0.6, d)
    if name == "per-request":
        return p.per_request(s, now, m * 9, d, low, high)
    if name == "cloud-run":
        return p.cloud_run(s, now, m, m * 9, 1, 10, low, high, 0.6)
    return p.fixed(low, high)


SIZES = {
    "target-tracking": p.TRACKING_STATE, "step": p.STEP_STATE, "hpa": p.HPA_STATE,
    "knative": p.KNATIVE_STATE, "per-request": p.REQUEST_STATE, "cloud-run": p.CLOUD_RUN_STATE,
    "fixed": 0,
}  # fmt: skip


@settings(max_examples=60, deadline=None)
@given(
    st.integers(0, 10), st.integers(0, 50),
    st.lists(st.one_of(st.just(-1.0), st.floats(0, 40)), min_size=1, max_size=80),
    st.sampled_from([2.0, 15.0, 60.0]),
)  # fmt: skip
def test_bounds_hold_and_replicas_are_whole(
    least: int, more: int, metrics: list[float], period: float
) -> None:
    low, high = float(least), float(least + more)
    for name, size in SIZES.items():
        state, wanted = [0.0] * size, low
        for tick, metric in enumerate(metrics):
            wanted = step(name, state, tick * period, metric, wanted, low, high)
            assert low <= wanted <= high and wanted == int(wanted), name
        assert all(math.isfinite(value) for value in state)


@settings(max_examples=30, deadline=None)
@given(st.lists(st.floats(0.01, 3.0), min_size=1, max_size=120))
def test_hpa_window_is_the_plain_maximum(metrics: list[float]) -> None:
    """The queue gives what keeping every recommendation of 300 s gives."""
    state: Any = [0.0] * p.HPA_STATE
    history: list[tuple[float, float]] = []
    desired = 10.0
    for tick, metric in enumerate(metrics):
        now = tick * 15.0
        advice = desired if 1.0 - 0.1 <= metric <= 1.0 + 0.1 else math.ceil(metric * desired - 1e-9)
        history.append((now, advice))
        window = max(a for at, a in history if at > now - 300)
        plain = advice if advice >= desired else min(desired, window)
        plain = max(2, min(40, min(plain, max(desired + 4, 2 * desired))))
        desired = p.hpa(state, now, metric, desired, desired, 2, 40, 1.0)
        assert desired == plain
