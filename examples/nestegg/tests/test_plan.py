from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nestegg import settings
from nestegg.plan import LIMITS, Plan, from_link, problem


def test_the_plan_one_starts_with_is_valid() -> None:
    assert Plan().problems() == []


@pytest.mark.parametrize("name", LIMITS)
def test_both_ends_are_allowed_and_beyond_them_nothing_is(name: str) -> None:
    limit = LIMITS[name]
    assert problem(name, limit.low) is None
    assert problem(name, limit.high) is None
    for value in (limit.low - 1, limit.high + 1):
        sentence = problem(name, value)
        assert sentence is not None
        assert limit.label in sentence and limit.range in sentence


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, None, "4", True])
def test_what_is_no_number_is_refused(value: object) -> None:
    assert problem("portfolio_usd", value) == (
        "Portfolio today: enter a number from $1,000 to $100,000,000."
    )


def test_messages_are_clear() -> None:
    plan = Plan(portfolio_usd=999, spending_usd=1_000_001, years=101, equity_percent=101)
    assert plan.problems() == [
        "Portfolio today: enter an amount from $1,000 to $100,000,000, not $999.",
        "Spending a year: enter an amount from $0 to $1,000,000, not $1,000,001.",
        "Years to plan for: enter an amount from 1 to 100, not 101.",
        "Equity share: enter an amount from 0 % to 100 %, not 101 %.",
    ]
    assert (
        problem("years", 2.5) == "Years to plan for: enter a whole number from 1 to 100, not 2.5."
    )
    assert problem("model", "mars") == ("Return model: choose one of us, world, forecast, own.")


def test_an_installation_may_allow_fewer_scenarios() -> None:
    assert Plan(scenarios=5_000).problems() == []
    assert Plan(scenarios=5_000).problems(max_scenarios=1_000) == [
        "Scenarios: enter an amount from 10 to 1,000, not 5,000."
    ]


@given(st.dictionaries(st.sampled_from([*LIMITS, "model", "theme"]), st.text(max_size=30)))
def test_no_link_breaks_the_check(query: dict[str, str]) -> None:
    values, problems = from_link(query)
    assert all(sentence.endswith(".") for sentence in problems)
    assert Plan(**values).problems() == []  # type: ignore[arg-type]


def test_links_are_checked() -> None:
    good = {"portfolio_usd": "500000", "model": "world", "fee_percent": "0.5", "other": "x"}
    assert from_link(good) == (
        {"portfolio_usd": 500_000, "fee_percent": 0.5, "model": "world"},
        [],
    )
    assert from_link({"portfolio_usd": "lots", "years": "0", "seed": "inf", "model": "x"}) == (
        {},
        [
            "Portfolio today: enter a number from $1,000 to $100,000,000.",
            "Years to plan for: enter an amount from 1 to 100, not 0.",
            "Random seed: enter a number from 0 to 2,147,483,647.",
            "Return model: choose one of us, world, forecast, own.",
        ],
    )


def test_settings_come_from_the_environment() -> None:
    assert settings.read({}) == settings.Settings(10_000, 3600)
    given_ = settings.read({"MAX_SCENARIOS": "5000", "CACHE_TTL": "1800"})
    assert given_ == settings.Settings(5_000, 1800)


@pytest.mark.parametrize("value", ["many", "9", "10001", "1e3"])
def test_wrong_settings_are_named(value: str) -> None:
    with pytest.raises(
        ValueError, match=f"MAX_SCENARIOS must be .* from 10 to 10000, not '{value}'"
    ):
        settings.read({"MAX_SCENARIOS": value})
