from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seatrial.kernel.errors import InputError
from seatrial.kernel.values import from_json, to_json
from seatrial.trials.generator import Schedule, Target, schedule

HOME = Target(route="/", path="/")
MIX = (
    Target(route="/", path="/", weight=6),
    Target(route="/race/<int:id>", path="/race/1", weight=3),
    Target(route="/race/<int:id>", path="/race/2?full=1", weight=1),
    Target(route="/never", path="/never", weight=0),
)

seeds = st.integers(0, 2**64)
rates = st.floats(0.05, 2_000)
durations = st.floats(0.05, 20)
mixes = st.lists(st.floats(0.01, 100), min_size=1, max_size=6).map(
    lambda weights: tuple(
        Target(route=f"/{i}", path=f"/{i}", weight=weight) for i, weight in enumerate(weights)
    )
)


@given(seeds, rates, durations, mixes)
@settings(max_examples=60, deadline=None)
def test_times_rise_within_the_duration_and_targets_exist(
    seed: int, rate: float, duration: float, targets: tuple[Target, ...]
) -> None:
    drawn = schedule(seed, rate, duration, targets)
    assert list(drawn.at_us) == sorted(drawn.at_us)
    assert all(0 <= at < duration * 1e6 for at in drawn.at_us)
    assert len(drawn.at_us) == len(drawn.target)
    assert set(drawn.target) <= set(range(len(targets)))


@given(seeds, rates, durations, mixes)
@settings(max_examples=40, deadline=None)
def test_same_seed_same_bytes_and_they_survive_the_disk(
    seed: int, rate: float, duration: float, targets: tuple[Target, ...]
) -> None:
    drawn = schedule(seed, rate, duration, targets)
    assert to_json(drawn) == to_json(schedule(seed, rate, duration, targets))
    assert from_json(to_json(drawn), Schedule) == drawn


@given(seeds)
@settings(max_examples=40, deadline=None)
def test_the_mean_rate_is_kept_within_five_sigma(seed: int) -> None:
    mean = 200 * 20
    assert abs(len(schedule(seed, 200, 20, (HOME,)).at_us) - mean) < 5 * math.sqrt(mean)


@given(seeds, seeds)
@settings(max_examples=40, deadline=None)
def test_other_seeds_give_other_times(one: int, other: int) -> None:
    same = schedule(one, 100, 2, (HOME,)).at_us == schedule(other, 100, 2, (HOME,)).at_us
    assert same == (one == other)


@given(seeds)
@settings(max_examples=20, deadline=None)
def test_a_longer_schedule_starts_with_the_shorter_one(seed: int) -> None:
    short, long = schedule(seed, 50, 3, MIX), schedule(seed, 50, 9, MIX)
    assert long.at_us[: len(short.at_us)] == short.at_us
    assert long.target[: len(short.target)] == short.target


def test_streams_of_one_seed_differ() -> None:
    assert schedule(7, 50, 3, MIX).at_us != schedule(7, 50, 3, MIX, stream=1).at_us


def test_the_bits_of_a_seed_are_these() -> None:
    """A trial replays from its seed on any machine and with any NumPy, or this fails."""
    drawn = schedule(2026, 20, 0.5, MIX)
    assert drawn.at_us == (19905, 97623, 242191)
    assert drawn.target == (0, 1, 2)


@pytest.mark.parametrize("seed", range(5))
def test_gaps_are_exponential(seed: int) -> None:
    """Kolmogorov-Smirnov: 1.63 / sqrt(n) is the distance 1 sample in 100 exceeds."""
    gaps = np.sort(np.diff(schedule(seed, 100, 100, (HOME,)).at_us)) / 1e6
    n = gaps.size
    expected = 1 - np.exp(-100 * gaps)
    steps = np.arange(n + 1) / n
    distance = max(np.max(steps[1:] - expected), np.max(expected - steps[:-1]))
    assert distance < 1.63 / math.sqrt(n)


@pytest.mark.parametrize("seed", range(5))
def test_counts_of_disjoint_seconds_are_poisson(seed: int) -> None:
    """The variance of a Poisson count is its mean; evenly spaced sends would have none."""
    at_us = np.array(schedule(seed, 50, 1000, (HOME,)).at_us)
    counts = np.bincount(at_us // 1_000_000, minlength=1000)
    # The variance of the sample variance of 1,000 counts makes 5 sigma about 0.22.
    assert counts.var() / counts.mean() == pytest.approx(1, abs=0.22)


@pytest.mark.parametrize("seed", range(5))
def test_weights_are_respected(seed: int) -> None:
    drawn = schedule(seed, 1000, 10, MIX)
    counts = np.bincount(drawn.target, minlength=4)
    for count, share in zip(counts, (0.6, 0.3, 0.1, 0), strict=True):
        sigma = math.sqrt(len(drawn.target) * share * (1 - share))
        assert abs(count - share * len(drawn.target)) <= 5 * sigma


@pytest.mark.parametrize(
    ("change", "where"),
    [
        ({"seed": -1}, "seed"),
        ({"rate_rps": 0}, "rate_rps"),
        ({"rate_rps": -5}, "rate_rps"),
        ({"rate_rps": math.nan}, "rate_rps"),
        ({"rate_rps": math.inf}, "rate_rps"),
        ({"rate_rps": 10_001}, "rate_rps"),
        ({"duration_s": 0}, "duration_s"),
        ({"duration_s": math.nan}, "duration_s"),
        ({"duration_s": math.inf}, "duration_s"),
        ({"rate_rps": 1000, "duration_s": 2001}, "duration_s"),
        ({"targets": ()}, "targets"),
        ({"targets": (Target(route="/", path="/", weight=0),)}, "targets"),
        ({"targets": (HOME, Target(route="/x", path="/x", weight=-1))}, "targets[1] /x"),
        ({"targets": (Target(route="/", path="/", weight=math.nan),)}, "targets[0] /"),
        ({"targets": (Target(route="/", path="/", weight=math.inf),)}, "targets[0] /"),
        ({"targets": (Target(route="/", path=""),)}, "targets[0] /"),
        ({"targets": (Target(route="/", path="race"),)}, "targets[0] /"),
        ({"targets": (Target(route="/", path="/a b"),)}, "targets[0] /"),
        ({"targets": (Target(route="/", path="/a#b"),)}, "targets[0] /"),
        ({"targets": (Target(route="/", path="/\r\nX-Evil: 1"),)}, "targets[0] /"),
        ({"targets": (Target(route="/", path="/ok\n"),)}, "targets[0] /"),
        ({"targets": (Target(route="/", path="/é"),)}, "targets[0] /"),
        ({"targets": (Target(route="/", path="/" + "x" * 8000),)}, "targets[0] /"),
    ],
)
def test_bad_input_is_named(change: dict[str, Any], where: str) -> None:
    good: dict[str, Any] = {"seed": 1, "rate_rps": 10, "duration_s": 1, "targets": (HOME,)}
    with pytest.raises(InputError) as caught:
        schedule(**(good | change))
    assert caught.value.where == where
    assert caught.value.fix
