"""What a design and a demand become for the simulator."""

from __future__ import annotations

import pytest

from seatrial.assessor.simulate.fleet import STEPS, TARGET, arrivals_of
from seatrial.kernel import policies
from seatrial.kernel.demand import SHAPES, Traffic


def test_a_day_is_repeated_and_a_week_is_not() -> None:
    day = arrivals_of(Traffic(hourly_weights=SHAPES["evening"])).weekly_weights
    assert day[:24] * 7 == day
    assert sum(day) == pytest.approx(168)
    week = arrivals_of(Traffic(hourly_weights=SHAPES["weekend"])).weekly_weights
    assert week[120] == pytest.approx(3 * week[0])
    assert sum(week) == pytest.approx(168)


@pytest.mark.parametrize(
    ("busy", "wanted"), [(0.05, 3), (0.45, 4), (TARGET + 0.05, 5), (0.95, 6), (-1.0, 4)]
)
def test_rules_of_the_user_go_out_and_in(busy: float, wanted: int) -> None:
    state = [0.0] * policies.STEP_STATE
    found = policies.step_scaling(state, 0.0, busy, 4.0, 1.0, 9.0, STEPS, 300.0, 300.0, 1.0, 1.0)
    assert found == wanted
