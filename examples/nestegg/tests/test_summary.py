from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nestegg import words
from nestegg.plan import Plan
from nestegg.simulate import Paths, market, simulate
from nestegg.summary import BINS, PERCENTILES, Share, compare, percentiles, summarise


def test_wilson_interval_of_the_textbook() -> None:
    """Newcombe 1998, table I: 81 of 263 gives 0.2553 to 0.3662; 0 of 20 gives 0 to 0.1611."""
    low, high = Share(81, 263).interval
    assert (round(low, 4), round(high, 4)) == (0.2553, 0.3662)
    low, high = Share(0, 20).interval
    assert (round(low, 4), round(high, 4)) == (0.0, 0.1611)


@given(st.integers(10, 10_000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_the_interval_holds_the_share(counts: tuple[int, int]) -> None:
    share = Share(*counts)
    low, high = share.interval
    assert 0 <= low <= share.value <= high <= 1
    assert low < high


def test_the_interval_covers_the_truth_about_as_often_as_it_says() -> None:
    rng = np.random.default_rng(5)
    hits = 0
    for count in rng.binomial(200, 0.9, 2000):
        low, high = Share(int(count), 200).interval
        hits += low <= 0.9 <= high
    assert abs(hits / 2000 - 0.95) < 0.03


@given(st.lists(st.floats(0, 1e9), min_size=1, max_size=40), st.integers(1, 3))
def test_percentiles_are_those_of_numpy(row: list[float], rows: int) -> None:
    values = np.array([row] * rows) * np.arange(1, rows + 1)[:, None]
    expected = np.percentile(values, PERCENTILES, axis=1)
    assert np.allclose(percentiles(values), expected, rtol=1e-12, atol=1e-6)
    assert np.allclose(percentiles(values[0]), expected[:, 0], rtol=1e-12, atol=1e-6)


def test_a_small_case_by_hand() -> None:
    plan = Plan(years=2, age=70, spending_usd=40, portfolio_usd=1000, floor_percent=50)
    paths = Paths(
        balance=np.array([[100.0, 100, 100, 100], [60, 50, 10, 0], [20, 10, 0, 0]]),
        spending=np.array([[40.0, 40, 40, 40], [40, 40, 10, 0]]),
        lasted=np.array([2, 2, 1, 1]),
    )
    outcome = summarise(plan, "constant", paths)
    assert outcome.lasts == Share(2, 4)
    assert outcome.keeps_floor == Share(2, 4)
    assert outcome.lasted_share.tolist() == [1, 1, 0.5]
    assert outcome.run_out_ages == (71, 71, 71)
    assert outcome.balance[2].tolist() == [100, 30, 5]
    assert outcome.mean_spending[2] == 32.5
    assert outcome.worst_spending[4] == 40


def test_all_strategies_are_compared_and_results_are_small() -> None:
    plan = Plan(scenarios=500)
    outcomes = compare(plan)
    assert len(outcomes) == 5
    for name, outcome in outcomes.items():
        alone = summarise(plan, name, simulate(plan, name, market(plan)))
        assert np.array_equal(alone.balance, outcome.balance)
        assert outcome.balance.shape == (5, 31) and outcome.spending.shape == (5, 30)
        assert (np.diff(outcome.balance, axis=0) >= 0).all()
        assert outcome.lasted_share[0] == 1
        assert outcome.lasted_share[-1] == outcome.lasts.value
        assert outcome.end_counts.size == BINS and outcome.end_counts.sum() >= 490
    size = sum(v.nbytes for o in outcomes.values() for v in vars(o).values()
               if isinstance(v, np.ndarray))  # fmt: skip
    assert size < 60_000


def test_words() -> None:
    shown = [950, 9_994, 40_000, 999_499, 999_999, 1_310_000, 2_050_000_000]
    assert [words.money(usd).replace(words.NBSP, " ") for usd in shown] == [
        "$950", "$9,994", "$40,000", "$999,500", "$1.00 M", "$1.31 M", "$2.05 B",
    ]  # fmt: skip
    shares = [0, 1e-6, 0.5, 0.99999, 1]
    assert [words.percent(share).replace(words.NBSP, " ") for share in shares] == [
        "0.0 %", "0.1 %", "50.0 %", "99.9 %", "100 %",
    ]  # fmt: skip
    assert not math.isnan(Share(1, 2).value)


def test_sentences() -> None:
    plan = Plan(scenarios=500, spending_usd=60_000)
    outcome = compare(plan)["constant"]
    said = words.lasts(plan, outcome).replace(words.NBSP, " ")
    assert said.startswith(
        f"The money lasts 30 years in {outcome.lasts.count} of 500 scenarios (95"
    )
    assert "median" in words.runs_out(outcome)
    calm = compare(Plan(scenarios=10, spending_usd=0))["constant"]
    assert words.runs_out(calm) == "It ran out in none of the scenarios."


@pytest.mark.parametrize("years", [1, 100])
def test_extreme_plans_are_summarised(years: int) -> None:
    plan = Plan(years=years, portfolio_usd=1_000, spending_usd=1_000_000, scenarios=10, age=110)
    outcome = compare(plan)["constant"]
    assert outcome.lasts.count == 0 and outcome.run_out_ages == (110, 110, 110)
    assert np.isfinite(outcome.end_edges).all()
