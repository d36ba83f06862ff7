from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nestegg.plan import Plan
from nestegg.returns import draws, typical_return
from nestegg.simulate import market, simulate
from nestegg.strategies import DIVISORS, STRATEGIES
from tests import slow

CALM = Plan(
    model="own", equity_mean_percent=5, equity_sd_percent=0, bond_mean_percent=5, bond_sd_percent=0,
    fee_percent=0, scenarios=10,
)  # fmt: skip
SPENDERS = ("constant", "percentage", "guardrails")  # look at the spending asked for

plans = st.builds(
    Plan,
    portfolio_usd=st.integers(1_000, 100_000_000),
    spending_usd=st.integers(0, 1_000_000),
    years=st.integers(1, 60),
    age=st.integers(18, 110),
    equity_percent=st.integers(0, 100),
    fee_percent=st.floats(0, 5),
    inflation_percent=st.floats(0, 15),
    scenarios=st.just(10),
    seed=st.integers(0, 2**31 - 1),
    model=st.sampled_from(["us", "world", "forecast"]),
)


def test_without_volatility_the_balance_is_the_annuity_formula() -> None:
    paths = simulate(CALM, "constant", market(CALM))
    for year in range(CALM.years + 1):
        grown = 1.05**year
        paid = CALM.spending_usd * 1.05 * (grown - 1) / 0.05
        assert np.allclose(paths.balance[year], CALM.portfolio_usd * grown - paid, rtol=1e-12)


def test_the_annuity_payment_is_the_most_that_lasts() -> None:
    payment = CALM.portfolio_usd * 0.05 / (1 - 1.05**-30) / 1.05
    for spending, lasts in ((int(payment), True), (int(payment) + 1, False)):
        plan = replace(CALM, spending_usd=spending)
        lasted = simulate(plan, "constant", market(plan)).lasted
        assert set(lasted) == ({30} if lasts else {29})


def test_variable_percentage_is_that_annuity_without_volatility() -> None:
    payment = CALM.portfolio_usd * 0.05 / (1 - 1.05**-30) / 1.05
    paths = simulate(CALM, "vpw", market(CALM))
    assert np.allclose(paths.spending, payment, rtol=1e-10)
    assert np.allclose(paths.balance[-1], 0, atol=1e-6)
    assert set(paths.lasted) == {30}


def test_fixed_percentage_is_a_geometric_series_without_volatility() -> None:
    paths = simulate(CALM, "percentage", market(CALM))
    expected = 1_000_000 * (0.96 * 1.05) ** np.arange(31)
    assert np.allclose(paths.balance, expected[:, None], rtol=1e-12)


def test_guardrails_cut_raise_and_freeze() -> None:
    plan = Plan(years=20, spending_usd=50_000, scenarios=3, inflation_percent=3)
    factors = np.ones((20, 3))
    factors[0] = 0.75, 0.96, 1.5
    spending = simulate(plan, "guardrails", factors).spending
    rate = 0.05
    # 712,500 left: frozen to 48,544, still above 6 %, so a tenth less
    assert spending[1, 0] == pytest.approx(50_000 / 1.03 * 0.9)
    # 912,000 left: a losing year above the first rate, only the inflation rise is lost
    assert spending[1, 1] == pytest.approx(50_000 / 1.03)
    # 1,425,000 left: 3.5 %, below four fifths of the first rate
    assert spending[1, 2] == pytest.approx(55_000)
    assert spending[0].tolist() == [rate * 1_000_000] * 3


def test_guardrails_do_not_cut_in_the_last_fifteen_years() -> None:
    plan = Plan(years=16, spending_usd=50_000, scenarios=1, inflation_percent=0)
    factors = np.ones((16, 1))
    factors[0] = 0.6
    assert simulate(plan, "guardrails", factors).spending[1, 0] == 50_000
    longer = replace(plan, years=17)
    factors = np.ones((17, 1))
    factors[0] = 0.6
    assert simulate(longer, "guardrails", factors).spending[1, 0] == 45_000


def test_required_minimum_follows_the_table() -> None:
    plan = Plan(age=72, years=50, scenarios=1)
    paths = simulate(plan, "rmd", np.ones((50, 1)))
    share = (paths.balance[:-1] / paths.spending)[:, 0]
    assert np.allclose(share[:49], DIVISORS)
    assert share[49] == pytest.approx(2.0)
    assert Plan(age=65).portfolio_usd / simulate(
        Plan(age=65, years=1, scenarios=1), "rmd", np.ones((1, 1))
    ).spending[0, 0] == pytest.approx(34.4)


@pytest.mark.parametrize("strategy", STRATEGIES)
@given(plan=plans)
@settings(max_examples=25, deadline=None)
def test_the_engine_equals_a_loop_over_the_same_draws(strategy: str, plan: Plan) -> None:
    paths = simulate(plan, strategy, market(plan))
    luck = draws(plan.years, plan.scenarios, plan.seed)
    for scenario in range(plan.scenarios):
        first, second = luck[0, :, scenario].tolist(), luck[1, :, scenario].tolist()
        balances, spending, lasted = slow.run(plan, strategy, first, second)
        assert np.allclose(paths.balance[:, scenario], balances, rtol=1e-9, atol=1e-6)
        assert np.allclose(paths.spending[:, scenario], spending, rtol=1e-9, atol=1e-6)
        assert paths.lasted[scenario] == lasted


@pytest.mark.parametrize("strategy", SPENDERS)
@given(plan=plans)
@settings(max_examples=40, deadline=None)
def test_spending_nothing_never_fails(strategy: str, plan: Plan) -> None:
    plan = replace(plan, spending_usd=0)
    paths = simulate(plan, strategy, market(plan))
    assert (paths.lasted == plan.years).all()
    assert (paths.spending == 0).all() and (paths.balance > 0).all()


@given(plan=plans, more=st.integers(0, 1_000_000))
@settings(max_examples=60, deadline=None)
def test_more_spending_never_lasts_longer(plan: Plan, more: int) -> None:
    factors = market(plan)
    less = simulate(plan, "constant", factors)
    greedy = replace(plan, spending_usd=min(plan.spending_usd + more, 1_000_000))
    worse = simulate(greedy, "constant", factors)
    assert (worse.lasted <= less.lasted).all()
    assert (worse.balance <= less.balance * (1 + 1e-12) + 1e-6).all()


@given(plan=plans, more=st.integers(0, 10_000_000))
@settings(max_examples=60, deadline=None)
def test_a_larger_portfolio_never_lasts_shorter(plan: Plan, more: int) -> None:
    factors = market(plan)
    poor = simulate(plan, "constant", factors)
    rich = replace(plan, portfolio_usd=min(plan.portfolio_usd + more, 100_000_000))
    better = simulate(rich, "constant", factors)
    assert (better.lasted >= poor.lasted).all()
    assert (better.balance >= poor.balance * (1 - 1e-12) - 1e-6).all()


@pytest.mark.parametrize("strategy", STRATEGIES)
@given(plan=plans)
@settings(max_examples=40, deadline=None)
def test_money_is_neither_made_nor_lost(strategy: str, plan: Plan) -> None:
    factors = market(plan)
    paths = simulate(plan, strategy, factors)
    assert np.isfinite(paths.balance).all() and (paths.balance >= 0).all()
    assert (paths.spending >= 0).all() and (paths.spending <= paths.balance[:-1]).all()
    assert np.allclose((paths.balance[:-1] - paths.spending) * factors, paths.balance[1:])


def test_all_strategies_see_the_same_market_and_a_seed_is_a_seed() -> None:
    plan = Plan()
    assert np.array_equal(market(plan), market(replace(plan, spending_usd=1, portfolio_usd=5000)))
    assert np.array_equal(market(plan), market(plan))
    assert not np.array_equal(market(plan), market(replace(plan, seed=2)))


def test_typical_return_is_the_median_growth() -> None:
    plan = Plan(scenarios=10_000, years=100)
    median = np.exp(np.log(market(plan)).mean()) - 1
    expected = typical_return(plan.returns().moments, 0.6, 0.002)
    assert median == pytest.approx(expected, abs=0.001)
