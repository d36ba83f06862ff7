"""Page one: the decision in plain words and the key figures."""

from __future__ import annotations

from decimal import Decimal

from seatrial.kernel.assessment import Assessment
from seatrial.kernel.evidence import LoadEvidence
from seatrial.kernel.plan import Plan
from seatrial.reporter.model import Card, Cell, Decision, Text, Tone
from seatrial.reporter.naming import describe, feasible, platform_name
from seatrial.reporter.outlook import how_sure, what_could_change
from seatrial.reporter.refs import References, bill_refs, promise_refs
from seatrial.reporter.words import (
    DASH,
    TIMES,
    brief,
    count,
    money,
    ms,
    number,
    percent,
    sentence_case,
    share,
    stop,
)

SENTENCES_SHOWN = 6
"""The decision and the platforms that came nearest; the comparison has them all."""


def decision(plan: Plan, evidence: LoadEvidence | None, refs: References) -> Decision:
    """Page one, for a plan with a chosen design or without."""
    verdict, tone = _verdict(plan, evidence)
    chosen = plan.chosen
    why_refs = (
        () if chosen is None else (*bill_refs(refs, chosen.bill), *promise_refs(refs, chosen))
    )
    told = [sentence for sentence in plan.explanation if sentence.strip()]
    sentences = [Cell(text=stop(sentence)) for sentence in told[:SENTENCES_SHOWN]]
    if left := len(told) - len(sentences):
        sentences.append(
            Cell(text=f"Of {count(left, 'platform')} more the comparison says why not.")
        )
    if sentences and why_refs:
        sentences[-1] = Cell(text=sentences[-1].text, refs=why_refs)
    return Decision(
        verdict=verdict,
        tone=tone,
        headline=_headline(plan),
        lead=_lead(plan, refs),
        cards=_cards(plan, evidence, refs) if chosen else _cards_of_none(plan, refs),
        why=Text(heading="Why" if chosen else "Why nothing does", sentences=tuple(sentences)),
        sure=Text(
            heading="How sure this is", sentences=how_sure(plan, evidence, refs), bullets=True
        ),
        change=Text(
            heading="What could change it" if chosen else "What would have to give",
            sentences=what_could_change(plan, refs),
            bullets=True,
        ),
    )


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


def _lead(plan: Plan, refs: References) -> Cell:
    slo, traffic = plan.demand.slo, plan.demand.traffic
    asked = (
        f"{number(traffic.requests_per_day)} requests a day, {number(traffic.peak_rps)} a second "
        f"in the busiest hour, p95 within {ms(slo.latency_ms_p95)}, "
        f"p99 within {ms(slo.latency_ms_p99)} "
        f"and {percent(slo.availability_percent)} availability in {plan.demand.region}"
    )
    if plan.chosen is None:
        return Cell(
            text=f"Asked: {asked}. {sentence_case(count(plan.considered, 'design'))} on "
            f"{count(len(plan.platforms), 'platform')} were considered and every one was rejected."
        )
    return Cell(
        text=f"{sentence_case(describe(plan.chosen.design))}; in {plan.chosen.design.region}. "
        f"Asked: {asked}.",
        refs=promise_refs(refs, plan.chosen),
    )


def _cards(plan: Plan, evidence: LoadEvidence | None, refs: References) -> tuple[Card, ...]:
    chosen = plan.chosen
    assert chosen is not None
    slo, promise, computed = plan.demand.slo, chosen.promise, promise_refs(refs, chosen)
    sla = promise.availability_percent
    headroom = promise.capacity_rps / promise.rate_rps if promise.rate_rps else float("inf")
    return (
        _cost_card(plan, chosen, refs),
        _promised_card(plan, chosen, refs),
        _measured_card(evidence, plan, refs),
        Card(
            label="Availability",
            figure=percent(sla),
            note=Cell(text=f"{percent(slo.availability_percent)} asked", refs=computed),
            tone="good" if sla is not None and sla >= slo.availability_percent else "warn",
        ),
        Card(
            label="Headroom",
            figure=f"{number(headroom)} {TIMES}",
            note=Cell(
                text=f"holds {number(promise.capacity_rps)} requests/s, "
                f"{share(promise.utilisation)} busy at the peak",
                refs=computed,
            ),
            tone="good" if headroom > 1 else "bad",
        ),
        _considered_card(plan),
    )


def _cost_card(plan: Plan, chosen: Assessment, refs: References) -> Card:
    limit, cost = plan.demand.budget.cost_usd_month, chosen.bill.monthly_usd
    note = "no budget given" if limit is None else f"of {money(limit)} budget"
    if cost is None:
        note = f"{count(len(chosen.bill.unpriced), 'line')} without a price"
    return Card(
        label="Cost a month",
        figure=money(cost),
        note=Cell(text=note, refs=bill_refs(refs, chosen.bill)),
        tone="" if cost is not None and (limit is None or cost <= limit) else "warn",
    )


def _promised_card(plan: Plan, chosen: Assessment, refs: References) -> Card:
    slo, p95 = plan.demand.slo, chosen.promise.latency_ms_p95
    asked = f"{ms(slo.latency_ms_p95)} asked, at {number(chosen.promise.rate_rps)} requests/s"
    return Card(
        label="Promised p95",
        figure="∞" if p95 is None else ms(p95),
        note=Cell(
            text=asked if p95 is not None else f"queue never empties; {asked}",
            refs=promise_refs(refs, chosen),
        ),
        tone="good" if p95 is not None and p95 <= slo.latency_ms_p95 else "bad",
    )


def _considered_card(plan: Plan) -> Card:
    return Card(
        label="Designs considered",
        figure=f"{plan.considered:,}",
        note=Cell(
            text=f"{feasible(plan):,} feasible, {len(plan.rejected):,} rejected, "
            f"{count(len(plan.platforms), 'platform')}"
        ),
    )


def _measured_card(evidence: LoadEvidence | None, plan: Plan, refs: References) -> Card:
    if evidence is None:
        return Card(
            label="Measured p95", figure=DASH, tone="warn", note=Cell(text="no trial has run yet")
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
            figure=money(cheapest.bill.monthly_usd) if cheapest else "unpriced",
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
        _considered_card(plan),
    )


def _cost_then_id(assessment: Assessment) -> tuple[Decimal, str]:
    cost = assessment.bill.monthly_usd
    assert cost is not None
    return cost, assessment.design.id
