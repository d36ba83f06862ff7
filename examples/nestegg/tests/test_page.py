from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from nestegg import words
from nestegg.plan import LIMITS, Plan
from nestegg.returns import MODELS
from nestegg.strategies import STRATEGIES
from nestegg.summary import compare

APP = str(Path(__file__).parents[1] / "app.py")
TIMEOUT_S = 60


def page(**query: str) -> AppTest:
    app = AppTest.from_file(APP, default_timeout=TIMEOUT_S)
    for name, value in query.items():
        app.query_params[name] = value
    return app.run()


def metrics(app: AppTest) -> dict[str, str]:
    return {metric.label: metric.value for metric in app.metric}


def all_text(app: AppTest) -> str:
    return " ".join(str(m.value) for m in [*app.markdown, *app.caption]).replace(words.NBSP, " ")


def expected(plan: Plan, strategy: str = "constant") -> dict[str, str]:
    outcome = compare(plan)[strategy]
    return {
        "Money lasts": words.percent(outcome.lasts.value),
        "Typical spending a year": words.money(outcome.mean_spending[2]),
        "Median value at the end": words.money(outcome.end[2]),
    }


def test_the_page_shows_the_result_of_the_plan() -> None:
    app = page()
    assert not app.exception and not app.error and not app.warning
    assert metrics(app) == expected(Plan())
    assert "of 1,000 scenarios (95 % interval" in all_text(app)
    assert "seed 1" in all_text(app)
    assert "taxes" in all_text(app) and "not financial advice" in all_text(app)
    assert "Damodaran" in all_text(app)
    assert [tab.label for tab in app.tabs] == ["Balance", "Spending", "End value", "Lasting"]


CHANGES = {
    "portfolio_usd": 500_000, "spending_usd": 30_000, "years": 12, "age": 50, "fee_percent": 1.5,
    "inflation_percent": 6.0, "floor_percent": 90.0, "scenarios": 250, "seed": 99,
}  # fmt: skip


@pytest.mark.parametrize("name", CHANGES)
def test_every_number_changes_the_plan(name: str) -> None:
    app = page()
    app.number_input(key=name).set_value(CHANGES[name]).run()
    assert not app.exception
    changed: dict[str, Any] = {name: CHANGES[name]}
    assert metrics(app) == expected(Plan(**changed))
    assert words.lasts(Plan(**changed), compare(Plan(**changed))["constant"]).replace(
        words.NBSP, " "
    ) in all_text(app)


def test_the_equity_share_is_a_slider() -> None:
    app = page()
    app.slider(key="equity_percent").set_value(20).run()
    assert metrics(app) == expected(Plan(equity_percent=20))


@pytest.mark.parametrize("model", MODELS)
def test_every_return_model_can_be_chosen(model: str) -> None:
    app = page()
    app.selectbox(key="model").set_value(model).run()
    assert not app.exception
    assert metrics(app) == expected(Plan(model=model))
    assert MODELS[model].source[:60] in all_text(app)


def test_ones_own_figures_are_asked_for_and_used() -> None:
    app = page(model="own")
    own = {"equity_mean_percent": 3.0, "equity_sd_percent": 10.0, "bond_mean_percent": 0.5,
           "bond_sd_percent": 3.0, "correlation": 0.4}  # fmt: skip
    for name, value in own.items():
        app.number_input(key=name).set_value(value)
    app.run()
    assert metrics(app) == expected(Plan(model="own", **own))  # type: ignore[arg-type]


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_every_strategy_can_be_looked_at(strategy: str) -> None:
    app = page(strategy=strategy)
    assert not app.exception
    assert metrics(app) == expected(Plan(), strategy)
    assert STRATEGIES[strategy].about in [caption.value for caption in app.caption]


def test_strategies_are_side_by_side() -> None:
    table = page().table[0].value
    outcomes = compare(Plan())
    assert list(table["Strategy"]) == [STRATEGIES[name].name for name in outcomes]
    assert list(table["Money lasts"]) == [words.percent(o.lasts.value) for o in outcomes.values()]
    assert list(table["End, median"]) == [words.money(o.end[2]) for o in outcomes.values()]


def test_a_link_carries_the_plan() -> None:
    app = page(portfolio_usd="750000", years="25", equity_percent="40", model="world", seed="5")
    assert not app.warning
    plan = Plan(portfolio_usd=750_000, years=25, equity_percent=40, model="world", seed=5)
    assert metrics(app) == expected(plan)


def test_changes_go_into_the_link_and_defaults_do_not() -> None:
    app = page()
    assert dict(app.query_params) == {}
    app.number_input(key="years").set_value(40).run()
    app.number_input(key="fee_percent").set_value(0.35).run()
    app.selectbox(key="model").set_value("world").run()
    link = dict(app.query_params)
    assert link == {"years": "40", "fee_percent": "0.35", "model": "world"}
    assert metrics(page(**link)) == metrics(app)
    app.number_input(key="years").set_value(30).run()
    assert "years" not in app.query_params


@pytest.mark.parametrize("name", [name for name in LIMITS if name in CHANGES])
@pytest.mark.parametrize("beyond", [-1, 1])
def test_a_bad_link_is_said_and_not_used(name: str, beyond: int) -> None:
    limit = LIMITS[name]
    value = limit.low - 1 if beyond < 0 else limit.high + 1
    app = page(**{name: f"{value:.0f}"})
    assert not app.exception
    assert len(app.warning) == 1
    said = app.warning[0].value.replace("\\$", "$")
    assert limit.label in said and limit.range in said
    assert metrics(app) == expected(Plan())


def test_hostile_links_do_no_harm() -> None:
    app = page(
        portfolio_usd="<script>",
        model="../../etc",
        strategy="'; drop",
        years="9" * 5000,
        age="1e999",
    )
    assert not app.exception
    assert metrics(app) == expected(Plan())
    assert not any("<script>" in warning.value for warning in app.warning)


def test_widgets_have_the_limits_of_the_plan() -> None:
    app = page(model="own")
    for widget in app.number_input:
        assert widget.label
        assert widget.min == LIMITS[widget.key].low
        assert widget.max == LIMITS[widget.key].high


def test_the_environment_bounds_the_scenarios(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MAX_SCENARIOS", "500")
    app = page()
    assert app.number_input(key="scenarios").max == 500
    assert app.number_input(key="scenarios").value == 500
    app = page(scenarios="1000")
    assert "from 10 to 500" in app.warning[0].value


def test_a_wrong_environment_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MAX_SCENARIOS", "lots")
    app = page()
    assert not app.exception
    assert "MAX_SCENARIOS must be a whole number" in app.error[0].value
    assert not app.metric
