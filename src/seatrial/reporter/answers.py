"""The four answers of page one: where, how much, how sure, and what could change it."""

from __future__ import annotations

from seatrial.kernel.advice import Flip
from seatrial.kernel.assessment import Assessment
from seatrial.kernel.evidence import LoadEvidence
from seatrial.kernel.plan import Plan
from seatrial.reporter.cost import priced_between
from seatrial.reporter.model import Cell, Ref, Text
from seatrial.reporter.naming import called, describe, figure_name, in_order, platform_name
from seatrial.reporter.refs import (
    References,
    bill_refs,
    design_refs,
    figure_refs,
    promise_refs,
    proof_refs,
    rule_refs,
    simulation_refs,
)
from seatrial.reporter.words import (
    availability,
    count,
    estimate,
    joined,
    money,
    ms,
    number,
    sentence_case,
    share,
    stop,
    unit_price,
    whole_money,
)

WHY_SHOWN = 3
FLIPS_SHOWN = 3
KINDS = (
    ("measured", "measured"),
    ("source", "read from files"),
    ("declared", "declared"),
    ("assumed", "assumed"),
)


def where(plan: Plan, refs: References) -> Text:
    """The design in words, and why it is that one."""
    chosen = plan.chosen
    told = [stop(sentence) for sentence in plan.explanation if sentence.strip()]
    said: list[Cell] = []
    if chosen is not None:
        design = chosen.design
        name = platform_name(plan, design.platform)
        text = f"{name}, region {design.region}: {describe(design)}."
        said.append(Cell(text=text, refs=promise_refs(refs, chosen)))
    said += [Cell(text=sentence) for sentence in told[:WHY_SHOWN]]
    if len(told) > WHY_SHOWN:
        said.append(Cell(text="Of the other platforms the comparison says why not."))
    built = plan.buildable
    if chosen is not None and built is not None and built.design != chosen.design:
        text = "Seatrial writes no infrastructure for it; the best that it writes is "
        text += f"{called(plan, built.design.id)} at {money(built.bill.monthly_usd)} a month."
        said.append(Cell(text=text, refs=bill_refs(refs, built.bill), tone="warn"))
    return Text(heading="Where" if chosen else "Why nothing does", sentences=tuple(said),
                bullets=True)  # fmt: skip


def much(plan: Plan, refs: References) -> Text:
    """The bill of a month, of years, of a user and a thousand requests; savings; the budget."""
    chosen = plan.chosen
    if chosen is None:
        return Text(heading="How much", sentences=_much_of_nearest(plan, refs), bullets=True)
    said = [_month(chosen, refs)]
    years = next((row for row in plan.years if row.platform == chosen.design.platform), None)
    if years is not None and years.total_usd is not None:
        parts = [f"{whole_money(years.total_usd)} over {count(len(years.years), 'year')}"]
        if years.usd_1000_requests is not None:
            parts.append(f"{unit_price(round(years.usd_1000_requests, 4))} per 1,000 requests")
        if years.usd_user_month is not None:
            parts.append(f"{unit_price(round(years.usd_user_month, 4))} a user and month")
        text = f"{sentence_case(joined(parts))}."
        said.append(Cell(text=text, refs=bill_refs(refs, chosen.bill)))
    limit, cost = plan.demand.budget.cost_usd_month, chosen.bill.monthly_usd
    if limit is not None and cost is not None:
        left = f"{money(limit - cost)} a month are left"
        over = f"{money(cost - limit)} a month are missing"
        said.append(Cell(text=f"Budget: {left if cost <= limit else over} of {money(limit)}."))
    best = max(plan.savings, key=lambda one: one.saving_usd_month, default=None)
    if best is not None:
        text = f"Largest saving: {best.move}, {money(best.saving_usd_month)} a month."
        said.append(Cell(text=text, refs=proof_refs(refs, (best.proof,))))
    said.append(_runner_up(plan, chosen, refs))
    return Text(heading="How much", sentences=tuple(said), bullets=True)


def _month(chosen: Assessment, refs: References) -> Cell:
    cost, bill = chosen.bill.monthly_usd, chosen.bill
    cited = bill_refs(refs, bill)
    if cost is None:
        text = f"{sentence_case(count(len(bill.unpriced), 'line'))} of the bill could not be "
        text += "priced, so the total is not known."
        return Cell(text=text, tone="bad", refs=cited)
    sums: dict[str, float] = {}
    for line in bill.lines:
        sums[line.component] = sums.get(line.component, 0.0) + float(line.monthly_usd)
    largest = sorted(sums, key=lambda name: (-sums[name], name))[:2]
    text = f"{money(cost)} a month"
    if largest and cost:
        text += f", most of it for {joined(largest)}" if len(sums) > 2 else ""
    if bill.unstated:
        names = dict.fromkeys(line.component for line in bill.unstated)
        text += f", and on top what nobody has stated: {joined(names)}"
    made = chosen.simulation
    if made is not None and made.cost_usd_month.low is not None:
        text += f"; simulated {estimate(made.cost_usd_month, whole_money)}"
        cited = (*cited, *simulation_refs(refs, chosen))
    return Cell(text=f"{text}.", refs=cited)


def _much_of_nearest(plan: Plan, refs: References) -> tuple[Cell, ...]:
    said = []
    for verdict in in_order(plan)[:3]:
        item = verdict.nearest
        if item is not None:
            text = f"{verdict.name} came nearest with {money(item.bill.monthly_usd)} a month."
            said.append(Cell(text=text, refs=bill_refs(refs, item.bill)))
    return tuple(said) or (Cell(text="No design came with a price."),)


def _runner_up(plan: Plan, chosen: Assessment, refs: References) -> Cell:
    """The best design elsewhere; without one, the next in the ranking."""
    elsewhere = [
        verdict.best
        for verdict in in_order(plan)
        if verdict.best is not None and verdict.platform != chosen.design.platform
    ]
    others = [item for item in plan.ranked if item.design.id != chosen.design.id]
    if not elsewhere and not others:
        return Cell(text="Runner-up: none, no other design does what is asked.", tone="warn")
    best = (elsewhere or others)[0]
    text = f"Runner-up{' elsewhere' if elsewhere else ''}: "
    text += platform_name(plan, best.design.platform)
    cost, own = best.bill.monthly_usd, chosen.bill.monthly_usd
    if cost is None or own is None:
        text += f" at {money(cost)}."
    elif money(cost) == money(own):
        text += f" at the same {money(cost)}."
    elif cost > own:
        text += f" at {money(cost)}, {money(cost - own)} more a month."
    else:
        text += f" at {money(cost)}, {money(own - cost)} less a month, but it ranks lower."
    return Cell(text=text, refs=(*bill_refs(refs, best.bill), *figure_refs(refs, best)))


def sure(plan: Plan, evidence: LoadEvidence | None, refs: References) -> Text:
    """What the decision rests on: trial, simulation, the promise's inputs, the prices' age."""
    said = [_trial(plan, evidence, refs)]
    basis = plan.chosen or plan.rehearsal
    made = basis.simulation
    if made is not None:
        text = f"Simulated: 95 of 100 requests within {estimate(made.latency_ms_p95, ms)}, "
        text += f"available {estimate(made.availability_percent, availability)} of a year."
        kept = _keeps(plan, basis)
        said.append(
            Cell(text=text, refs=simulation_refs(refs, basis), tone="good" if kept else "warn")
        )
    kinds = [proof.kind for proof in basis.promise.inputs]
    if kinds:
        parts = [f"{kinds.count(kind)} {word}" for kind, word in KINDS if kind in kinds]
        said.append(
            Cell(
                text=f"The promise rests on {count(len(kinds), 'input')}: {joined(parts)}.",
                refs=proof_refs(refs, basis.promise.inputs),
                tone="warn" if "assumed" in kinds else "",
            )
        )
    if basis.bill.lines:
        many = count(len(basis.bill.lines), "line")
        text = f"The bill has {many}; {priced_between(basis.bill)}."
        said.append(Cell(text=text, refs=bill_refs(refs, basis.bill)))
    if basis.bill.unpriced:
        many = sentence_case(count(len(basis.bill.unpriced), "line"))
        text = f"{many} of the bill could not be priced, so the total is not known."
        said.append(Cell(text=text, tone="bad"))
    return Text(heading="How sure this is", sentences=tuple(said), bullets=True)


def _keeps(plan: Plan, item: Assessment) -> bool:
    """Whether the whole interval keeps what is asked."""
    slo, made = plan.demand.slo, item.simulation
    if made is None:
        return False
    high = made.latency_ms_p95.high or made.latency_ms_p95.value
    low = made.availability_percent.low or made.availability_percent.value
    return (
        high is not None and low is not None
        and high <= slo.latency_ms_p95 and low >= slo.availability_percent
    )  # fmt: skip


def _trial(plan: Plan, evidence: LoadEvidence | None, refs: References) -> Cell:
    if evidence is None:
        return Cell(
            text="Nothing has been measured under load yet: the promise is computed. "
            "seatrial trial load measures it.",
            tone="warn",
        )
    missed = [figure_name(row.figure) for row in evidence.comparisons if not row.met]
    tried = (
        f"{evidence.requests:,} requests in {number(evidence.duration_s)} s at "
        f"{share(evidence.peak_share)} of the peak"
    )
    trial = (refs.trial,) if refs.trial else ()
    if evidence.workload_digest != plan.workload_digest:
        return Cell(
            text=f"The trial ({tried}) measured another version of the app: "
            f"{evidence.workload_digest}, not {plan.workload_digest}. Repeat it.",
            refs=trial,
            tone="warn",
        )
    if missed:
        return Cell(
            text=f"The trial missed {count(len(missed), 'figure')} of "
            f"{len(evidence.comparisons)} compared: {', '.join(missed)} ({tried}).",
            refs=trial,
            tone="bad",
        )
    if not evidence.comparisons:
        return Cell(
            text=f"The trial compared nothing with the promise: {tried}.", refs=trial, tone="warn"
        )
    kept = count(len(evidence.comparisons), "compared figure")
    return Cell(
        text=f"The trial kept {'' if len(evidence.comparisons) == 1 else 'all '}{kept}: {tried}.",
        refs=trial,
        tone="good",
    )


def change(plan: Plan, refs: References) -> Text:
    """The nearest flips, traffic and risks; without a choice, what would have to give."""
    chosen = plan.chosen
    if chosen is None:
        return Text(heading="What would have to give", sentences=_give(plan, refs), bullets=True)
    said = [_flip(plan, one, refs) for one in plan.flips if one.value is not None][:FLIPS_SHOWN]
    still = [one.assumption for one in plan.flips if one.value is None]
    if still:
        text = f"Nothing tried with {joined(still[:4])} changes it."
        said.append(Cell(text=text, tone="good"))
    promise = chosen.promise
    if promise.rate_rps:
        text = f"Traffic: the design holds {number(promise.capacity_rps)} requests a second, "
        text += f"{number(promise.capacity_rps / promise.rate_rps)} times the "
        text += f"{number(promise.rate_rps)} it is sized for."
        said.append(Cell(text=text, refs=promise_refs(refs, chosen)))
    phases = plan.advice.phases if plan.advice else ()
    later = [one for one in phases if one.month]
    if later:
        text = f"Growth: from month {later[0].month} on {platform_name(plan, later[0].platform)} "
        text += f"at {money(later[0].monthly_usd)} a month."
        said.append(Cell(text=text, refs=design_refs(refs, plan, later[0].design)))
    said += _risks(plan, chosen, refs)
    return Text(heading="What could change it", sentences=tuple(said), bullets=True)


def _flip(plan: Plan, one: Flip, refs: References) -> Cell:
    price = "" if one.monthly_usd is None else f" at {money(one.monthly_usd)} a month"
    to = called(plan, one.to) if one.to else "nothing feasible"
    text = f"{sentence_case(one.assumption)}: at {one.value} (now {one.now}) it is {to}{price}."
    return Cell(text=text, refs=design_refs(refs, plan, one.to), tone="warn")


def _risks(plan: Plan, chosen: Assessment, refs: References) -> list[Cell]:
    risks = [finding for finding in chosen.findings if finding.severity == "risk"]
    if not risks:
        return []
    text = f"Risks: {count(len(risks), 'finding')} below, first: {stop(risks[0].sentence)}"
    cited: tuple[Ref, ...] = rule_refs(refs, risks)
    return [Cell(text=text, refs=cited)]


def _give(plan: Plan, refs: References) -> tuple[Cell, ...]:
    """The smallest changes that free a design; else the rules that reject all by themselves."""
    if plan.relaxations:
        return tuple(
            Cell(
                text=f"{one.key}: {one.needed} instead of {one.asked} would allow "
                f"{called(plan, one.design)} at {money(one.monthly_usd)} a month.",
                refs=design_refs(refs, plan, one.design),
            )
            for one in plan.relaxations[:5]
        )
    alone: dict[str, int] = {}
    for group in plan.rejected:
        if len(group.rules) == 1:
            alone[group.rules[0]] = alone.get(group.rules[0], 0) + group.count
    if not alone:
        text = "Every design breaks more than one rule: no single change would do."
        return (Cell(text=text, tone="bad"),)
    said = []
    for rule, designs in sorted(alone.items(), key=lambda item: (-item[1], item[0]))[:4]:
        example = refs.tallies[rule].example
        fix = f" {stop(example.fix)}" if example.fix else ""
        fails = "fails" if designs == 1 else "fail"
        text = f"{sentence_case(count(designs, 'design'))} {fails} only {rule}.{fix}"
        said.append(Cell(text=text, refs=(refs.rules[rule],)))
    return tuple(said)
