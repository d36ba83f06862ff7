"""Page one: the decision in plain words: where, how much, how sure, what could change it."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal

from seatrial.kernel.assessment import Assessment
from seatrial.kernel.design import Design
from seatrial.kernel.evidence import LoadEvidence
from seatrial.kernel.plan import Plan
from seatrial.reporter.answers import change, much, sure, where
from seatrial.reporter.model import Card, Cell, Decision, Figure, Tone
from seatrial.reporter.naming import describe, platform_name
from seatrial.reporter.refs import (
    References,
    bill_refs,
    figure_refs,
    promise_refs,
    simulation_refs,
)
from seatrial.reporter.words import (
    TIMES,
    availability,
    brief,
    count,
    money,
    ms,
    number,
    percent,
    sentence_case,
    share,
    whole_money,
)


def decision(
    plan: Plan, evidence: LoadEvidence | None, refs: References, charts: Iterable[str]
) -> Decision:
    """Page one, for a plan with a chosen design or without."""
    verdict, tone = _verdict(plan, evidence)
    return Decision(
        verdict=verdict,
        tone=tone,
        headline=_headline(plan),
        lead=_lead(plan),
        cards=_cards(plan, evidence, refs) if plan.chosen else _cards_of_none(plan, refs),
        where=where(plan, refs),
        much=much(plan, refs),
        sure=sure(plan, evidence, refs),
        change=change(plan, refs),
        figure=_options(plan) if "options" in charts else None,
    )


def _options(plan: Plan) -> Figure:
    """What the best design of every platform that does costs; the chosen one is dark."""
    kept = sum(verdict.best is not None for verdict in plan.platforms)
    caption = f"{kept} of {len(plan.platforms)} platforms can do what is asked: cost a month of "
    return Figure(chart="options", caption=caption + "the best design of each")


def _verdict(plan: Plan, evidence: LoadEvidence | None) -> tuple[str, Tone]:
    if plan.chosen is None:
        return "No feasible design", "bad"
    if evidence is None:
        return "Not yet measured", "warn"
    if evidence.workload_digest != plan.workload_digest:
        return "Measured on another version", "warn"
    if not evidence.comparisons:
        return "Trial compared nothing", "warn"
    return ("Held in trial", "good") if evidence.passed else ("Missed in trial", "bad")


def _headline(plan: Plan) -> str:
    if plan.chosen is None:
        return f"No design considered does what is asked of {brief(plan.app)}."
    name = platform_name(plan, plan.chosen.design.platform)
    cost = plan.chosen.bill.monthly_usd
    if cost is None:
        return f"Run {brief(plan.app)} on {name}; what it costs is not fully known."
    return f"Run {brief(plan.app)} on {name} for {money(cost)} a month."


def _lead(plan: Plan) -> Cell:
    slo, traffic = plan.demand.slo, plan.demand.traffic
    asked = (
        f"{number(traffic.requests_per_day)} requests a day, {number(traffic.peak_rps)} a second "
        f"in the busiest hour, 95 of 100 answered within {ms(slo.latency_ms_p95)}, "
        f"99 within {ms(slo.latency_ms_p99)}, "
        f"{percent(slo.availability_percent)} available, near {plan.demand.region}"
    )
    considered = f"{sentence_case(count(plan.considered, 'design'))} on "
    considered += f"{count(len(plan.platforms), 'platform')} were considered"
    if plan.chosen is None:
        return Cell(text=f"Asked: {asked}. {considered} and every one was rejected.")
    return Cell(text=f"Asked: {asked}. {considered}.")


def _cards(plan: Plan, evidence: LoadEvidence | None, refs: References) -> tuple[Card, ...]:
    chosen = plan.chosen
    assert chosen is not None
    return (
        _cost_card(plan, chosen, refs),
        _latency_card(plan, chosen, refs),
        _availability_card(plan, chosen, refs),
        _where_card(plan, chosen),
        _headroom_card(chosen, refs),
        _trial_card(evidence, plan, refs),
    )


def _replicas(design: Design) -> str:
    low, high = design.replicas_min, design.replicas_max
    if low == high:
        return f"{low:,} {'replica' if low == 1 else 'replicas'}"
    return f"{low:,} to {high:,} replicas"


def _where_card(plan: Plan, chosen: Assessment) -> Card:
    design = chosen.design
    return Card(
        label="Runs as",
        figure=_replicas(design),
        note=Cell(text=f"of {describe(design).split(';')[0].partition(' of ')[2]}, "
                  f"in {design.region}"),
    )  # fmt: skip


def _cost_card(plan: Plan, chosen: Assessment, refs: References) -> Card:
    limit, cost = plan.demand.budget.cost_usd_month, chosen.bill.monthly_usd
    note = "no budget given" if limit is None else f"of {money(limit)} budget"
    if cost is None:
        note = f"{count(len(chosen.bill.unpriced), 'line')} without a price"
    elif chosen.bill.unstated:
        note += f"; {count(len(chosen.bill.unstated), 'line')} without an amount on top"
    return Card(
        label="Cost a month",
        figure=money(cost),
        note=Cell(text=note, refs=bill_refs(refs, chosen.bill)),
        tone="" if cost is not None and (limit is None or cost <= limit) else "warn",
    )


def _latency_card(plan: Plan, chosen: Assessment, refs: References) -> Card:
    slo, made = plan.demand.slo, chosen.simulation
    p95 = made.latency_ms_p95.value if made is not None else chosen.promise.latency_ms_p95
    note = f"{ms(slo.latency_ms_p95)} asked"
    if made is not None and made.latency_ms_p95.low is not None:
        note += f"; between {ms(made.latency_ms_p95.low)} and {ms(made.latency_ms_p95.high)}"
    elif p95 is None:
        note = f"queue never empties; {note}"
    return Card(
        label="95 of 100 answered in",
        figure="∞" if p95 is None else ms(p95),
        note=Cell(text=note, refs=figure_refs(refs, chosen)),
        tone="good" if p95 is not None and p95 <= slo.latency_ms_p95 else "bad",
    )


def _availability_card(plan: Plan, chosen: Assessment, refs: References) -> Card:
    asked, made = plan.demand.slo.availability_percent, chosen.simulation
    told = chosen.promise.availability_percent
    value = made.availability_percent.value if made is not None else told
    note = f"{percent(asked)} asked"
    if made is not None:
        note += f"; agreements say {percent(told)}"
    return Card(
        label="Available",
        figure=availability(value) if made is not None else percent(told),
        note=Cell(text=note, refs=simulation_refs(refs, chosen) + promise_refs(refs, chosen)),
        tone="good" if value is not None and value >= asked else "warn",
    )


def _headroom_card(chosen: Assessment, refs: References) -> Card:
    promise = chosen.promise
    headroom = promise.capacity_rps / promise.rate_rps if promise.rate_rps else float("inf")
    return Card(
        label="Room to grow",
        figure=f"{number(headroom)} {TIMES}",
        note=Cell(
            text=f"holds {number(promise.capacity_rps)} requests/s, "
            f"{share(promise.utilisation)} busy at the peak",
            refs=promise_refs(refs, chosen),
        ),
        tone="good" if headroom > 1 else "bad",
    )


def _trial_card(evidence: LoadEvidence | None, plan: Plan, refs: References) -> Card:
    if evidence is None:
        return Card(
            label="Measured", figure="not yet", tone="warn", note=Cell(text="no trial has run")
        )
    return Card(
        label="Measured p95",
        figure=ms(evidence.latency_ms.p95),
        note=Cell(
            text=f"on this machine, at {number(evidence.rate_rps)} requests/s "
            f"({share(evidence.peak_share)} of the peak)",
            refs=(refs.trial,) if refs.trial else (),
        ),
        tone="good" if evidence.latency_ms.p95 <= plan.demand.slo.latency_ms_p95 else "bad",
    )


def _cards_of_none(plan: Plan, refs: References) -> tuple[Card, ...]:
    nearest = [verdict.nearest for verdict in plan.platforms if verdict.nearest is not None]
    priced = [item for item in nearest if item.bill.monthly_usd is not None]
    cheapest = min(priced, key=_cost_then_id, default=None)
    limit = plan.demand.budget.cost_usd_month
    none = Cell(text="no design came with a full price")
    return (
        Card(
            label="Cheapest of the nearest",
            figure=whole_money(cheapest.bill.monthly_usd) if cheapest else "unpriced",
            note=Cell(
                text=f"{platform_name(plan, cheapest.design.platform)}, rejected",
                refs=bill_refs(refs, cheapest.bill),
            )
            if cheapest
            else none,
            tone="bad",
        ),
        Card(
            label="Budget a month",
            figure="none given" if limit is None else money(limit),
            note=Cell(text="as asked"),
        ),
        Card(
            label="Designs considered",
            figure=f"{plan.considered:,}",
            note=Cell(text=f"none feasible, {count(len(plan.platforms), 'platform')}"),
        ),
    )


def _cost_then_id(assessment: Assessment) -> tuple[Decimal, str]:
    cost = assessment.bill.monthly_usd
    assert cost is not None
    return cost, assessment.design.id
