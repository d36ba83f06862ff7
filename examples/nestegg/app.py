"""Nestegg: the page. Run with: streamlit run app.py"""

from __future__ import annotations

import os
from dataclasses import asdict, replace

import streamlit as st

from nestegg import charts, settings, words
from nestegg.plan import LIMITS, WHOLE, Plan, from_link
from nestegg.report import report
from nestegg.returns import MODELS
from nestegg.strategies import STRATEGIES
from nestegg.summary import Outcome, compare

st.set_page_config(
    page_title="Nestegg: how long will it last?",
    page_icon="nestegg/egg.svg",
    layout="wide",
    menu_items={"About": "Nestegg, a retirement spending simulator. Not financial advice."},
)

try:
    LIMITS_HERE = settings.read(os.environ)
except ValueError as error:
    st.error(f"Nestegg is not set up correctly. {error}", icon=":material/error:")
    st.stop()

# Small results (percentiles, not paths: about 50 kB each), for a bounded time and number of plans.
outcomes_of = st.cache_data(
    ttl=LIMITS_HERE.cache_ttl_s, max_entries=500, show_spinner="Simulating"
)(compare)
pdf_of = st.cache_data(ttl=LIMITS_HERE.cache_ttl_s, max_entries=50, show_spinner=False)(report)

JOINER = "\u2060"  # keeps an interval on one line
DEFAULT = replace(Plan(), scenarios=min(Plan().scenarios, LIMITS_HERE.max_scenarios))
STEPS = {"portfolio_usd": 10_000, "spending_usd": 1_000, "fee_percent": 0.05,
         "inflation_percent": 0.1, "correlation": 0.05}  # fmt: skip
HELP = {
    "spending_usd": "In the first year, in today's dollars, after other income and before taxes.",
    "equity_percent": "The rest is in bonds. Rebalanced every year.",
    "fee_percent": "Of the portfolio: funds, platform, adviser.",
    "inflation_percent": "All results are in today's dollars; only the guardrails look at this.",
    "floor_percent": "Of the spending you ask for. For “keeps to the floor” in the comparison.",
    "seed": "The same seed gives the same scenarios, and so the same result.",
}


def plain(text: str) -> str:
    """Text for Streamlit's Markdown, where a pair of dollar signs would be mathematics."""
    return text.replace("$", r"\$")


def open_link() -> list[str]:
    """Put the link's values into the widgets when the page is opened; what is wrong with it."""
    if st.session_state.get("opened"):
        return []
    st.session_state["opened"] = True
    query = st.query_params.to_dict()
    values, problems = from_link(query, LIMITS_HERE.max_scenarios)
    chosen = query.get("strategy", "constant")
    if chosen not in STRATEGIES:
        problems.append(f"Spending strategy: choose one of {', '.join(STRATEGIES)}.")
        chosen = "constant"
    st.session_state.update(values, strategy=chosen)
    return problems


def write_link(plan: Plan, strategy: str) -> None:
    """What differs from the plan one starts with, into the link of the page."""
    differs = {
        name: f"{value:.10g}" if isinstance(value, float) else str(value)
        for name, value in asdict(plan).items()
        if value != getattr(DEFAULT, name)
    }
    if strategy != "constant":
        differs["strategy"] = strategy
    if differs != st.query_params.to_dict():
        st.query_params.from_dict(differs)


def number(name: str) -> float:
    """One number of the plan as a widget."""
    limit, kind = LIMITS[name], int if name in WHOLE else float
    high = LIMITS_HERE.max_scenarios if name == "scenarios" else limit.high
    unit = f" ({limit.unit})" if limit.unit else ""
    st.session_state.setdefault(name, kind(getattr(DEFAULT, name)))
    value = st.number_input(
        f"{limit.label}{unit}",
        min_value=kind(limit.low),
        max_value=kind(high),
        step=kind(STEPS.get(name, 1)),
        format="%d" if name in WHOLE else "%.2f",
        key=name,
        help=HELP.get(name),
    )
    return float("nan") if value is None else value


def ask() -> Plan:
    """The inputs, and the plan they make."""
    given: dict[str, float] = {}
    st.subheader("Your plan", anchor=False)
    for name in ("portfolio_usd", "spending_usd", "years", "age"):
        given[name] = number(name)
    st.session_state.setdefault("equity_percent", int(DEFAULT.equity_percent))
    given["equity_percent"] = st.slider(
        "Equity share (%)", 0, 100, step=1, key="equity_percent", help=HELP["equity_percent"],
    )  # fmt: skip
    model = st.selectbox(
        "Returns",
        list(MODELS),
        format_func=lambda key: MODELS[key].name,
        key="model",
        help="Real yearly returns of equity and bonds. Sources are below the results.",
    )
    if model == "own":
        for name in ("equity_mean_percent", "equity_sd_percent", "bond_mean_percent",
                     "bond_sd_percent", "correlation"):  # fmt: skip
            given[name] = number(name)
    with st.expander("Fees, inflation, scenarios"):
        for name in ("fee_percent", "inflation_percent", "floor_percent", "scenarios", "seed"):
            given[name] = number(name)
    return Plan(**given, model=model)  # type: ignore[arg-type]


def headline(plan: Plan, outcome: Outcome) -> None:
    """The three figures people look for."""
    low, _, middle, _, high = outcome.end
    with st.container(horizontal=True, gap="small"):
        st.metric(
            "Money lasts",
            words.percent(outcome.lasts.value),
            help="Share of scenarios in which every year's spending could be paid.",
            border=True,
        )
        st.metric("Typical spending a year", words.money(outcome.mean_spending[2]), border=True,
                  help="Median scenario, mean over the years, in today's dollars.")  # fmt: skip
        st.metric("Median value at the end", words.money(middle), border=True,
                  help=plain(f"In 90 % of scenarios between {words.money(low)} and "
                             f"{words.money(high)}, in today's dollars."))  # fmt: skip
    st.markdown(f"{words.lasts(plan, outcome)} {words.runs_out(outcome)}")


def pictures(plan: Plan, outcome: Outcome, outcomes: dict[str, Outcome]) -> None:
    """The charts, one tab each."""
    balance, spending, end, lasting = st.tabs(["Balance", "Spending", "End value", "Lasting"])
    bands = "The line is the median; half of the scenarios are in the dark band, 90 % in both."
    finite = [o for o in outcomes.values() if o.lasts.value < 1]
    with balance:
        st.altair_chart(
            charts.fan(plan, outcome.balance, "Balance, today's dollars"),
            alt="Fan chart of the balance by age, "
            f"ending at {words.money(outcome.end[2])} (median)",
        )
        st.caption(bands)
    with spending:
        st.altair_chart(
            charts.fan(plan, outcome.spending, "Spending a year, today's dollars"),
            alt="Fan chart of yearly spending by age: "
            f"median of the yearly mean {words.money(outcome.mean_spending[2])}",
        )
        st.caption(bands)
    with end:
        st.altair_chart(charts.end_values(outcome), alt="Histogram of the value at the end")
        st.caption("The highest 1 % of scenarios are not shown.")
    with lasting:
        st.altair_chart(
            charts.lasting(plan, finite or [outcome]),
            alt="Share of scenarios with money left, by age and strategy",
        )
        if always := [STRATEGIES[o.strategy].name for o in outcomes.values() if o.lasts.value == 1]:
            st.caption(f"Never run out here: {', '.join(always)}.")


def comparison(plan: Plan, outcomes: dict[str, Outcome]) -> None:
    """All strategies side by side, through the same scenarios."""
    st.subheader("Strategies side by side", anchor=False)
    st.table(
        {
            "Strategy": [STRATEGIES[name].name for name in outcomes],
            "Money lasts": [words.percent(o.lasts.value) for o in outcomes.values()],
            "95 % interval": [
                words.interval(o.lasts).replace("–", f"{JOINER}–{JOINER}")
                for o in outcomes.values()
            ],
            "Keeps to the floor": [words.percent(o.keeps_floor.value) for o in outcomes.values()],
            "Typical spending": [words.money(o.mean_spending[2]) for o in outcomes.values()],
            "Lean year": [words.money(o.worst_spending[0]) for o in outcomes.values()],
            "End, median": [words.money(o.end[2]) for o in outcomes.values()],
            "End, poor case": [words.money(o.end[0]) for o in outcomes.values()],
        },
        border="horizontal",
        hide_index=True,
        alt="The strategies compared",
    )
    floor = words.money(plan.spending_usd * plan.floor_percent / 100)
    st.caption(
        f"Every strategy meets the same {plan.scenarios:,} scenarios (seed {plan.seed}). "
        f"*Keeps to the floor*: spending never falls below {plain(floor)}. *Typical spending*: "
        "median of the yearly mean. *Lean year* and *poor case*: 5th percentile of the worst "
        "year and of the end value."
    )


def method(plan: Plan) -> None:
    """What was assumed, and from where."""
    with st.expander("How this is worked out"):
        model = plan.returns()
        m = model.moments
        source = f"[{model.name}]({model.url})" if model.url else model.name
        st.markdown(
            f"""
Everything is **real**: in today's dollars, after inflation. Spending is taken at the start of
each year; the rest earns the year's return, less fees, and is rebalanced.

**Returns: {source}.** {model.source} Real yearly return of equity
{m.equity_mean:.2%} ± {m.equity_sd:.2%}, of bonds {m.bond_mean:.2%} ± {m.bond_sd:.2%} (mean ±
standard deviation), correlation {m.correlation:.2f}. Lognormal, each year independent: no
crashes worse than the model has, no return to the mean.

**The interval** is Wilson's, for the number of scenarios. It says nothing about whether the
returns of the past will be those of the future, which is by far the larger doubt.
"""
        )
        st.markdown("\n".join(f"- **{s.name}.** {s.about}" for s in STRATEGIES.values()))
        st.markdown(
            "Not here: taxes, pensions, health costs, how long anyone lives. "
            "This is a simulation, not financial advice."
        )


st.title("How long will it last?", anchor=False)
st.markdown("Try five ways to spend your savings in retirement in many possible futures.")
for sentence in open_link():
    st.warning(f"The link was not used as it is. {plain(sentence)}", icon=":material/link_off:")

inputs, results = st.columns([1, 2.4], gap="large")
with inputs:
    plan = ask()
with results:
    if problems := plan.problems(LIMITS_HERE.max_scenarios):
        for sentence in problems:
            st.error(plain(sentence), icon=":material/error:")
        st.stop()
    outcomes = outcomes_of(plan)
    strategy = st.segmented_control(
        "Spending strategy",
        list(STRATEGIES),
        required=True,
        format_func=lambda key: STRATEGIES[key].name,
        key="strategy",
        wrap=True,
    )
    chosen = strategy or "constant"
    write_link(plan, chosen)
    st.caption(STRATEGIES[chosen].about)
    headline(plan, outcomes[chosen])
    pictures(plan, outcomes[chosen], outcomes)
    comparison(plan, outcomes)
    st.download_button(
        "Download as PDF",
        lambda: pdf_of(plan, chosen, outcomes),
        file_name="nestegg.pdf",
        mime="application/pdf",
        icon=":material/picture_as_pdf:",
        type="primary",
        on_click="ignore",
    )
    st.caption("The address of this page holds all inputs: copy it to share the plan.")
    method(plan)
