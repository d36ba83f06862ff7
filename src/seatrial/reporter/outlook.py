"""How sure the decision is, and what could change it."""

from __future__ import annotations

from seatrial.kernel.assessment import Assessment, Bill
from seatrial.kernel.evidence import LoadEvidence
from seatrial.kernel.plan import Plan
from seatrial.reporter.model import Cell
from seatrial.reporter.naming import describe, figure_name, in_order, platform_name
from seatrial.reporter.refs import References, bill_refs, promise_refs, proof_refs, rule_refs
from seatrial.reporter.words import count, joined, money, number, sentence_case, share, stop

KINDS = (
    ("measured", "measured"),
    ("source", "read from files"),
    ("declared", "declared"),
    ("assumed", "assumed"),
)


def how_sure(plan: Plan, evidence: LoadEvidence | None, refs: References) -> tuple[Cell, ...]:
    """What the decision rests on: the trial, the inputs of the promise, the age of the prices."""
    said: list[Cell] = [_sure_of_trial(plan, evidence, refs)]
    basis = plan.chosen or plan.rehearsal
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
    dates = sorted(line.as_of for line in basis.bill.lines)
    if dates:
        said.append(
            Cell(
                text=f"The bill has {count(len(dates), 'line')}; {priced_between(basis.bill)}.",
                refs=bill_refs(refs, basis.bill),
            )
        )
    if basis.bill.unpriced:
        said.append(
            Cell(
                text=f"{sentence_case(count(len(basis.bill.unpriced), 'line'))} of the bill could "
                "not be priced, so the total is not known.",
                tone="bad",
            )
        )
    return tuple(said)


def priced_between(bill: Bill) -> str:
    """How old the prices of a bill with lines are."""
    dates = sorted(line.as_of for line in bill.lines)
    if dates[0] == dates[-1]:
        return f"every price is of {dates[0]}"
    return f"the oldest price is of {dates[0]}, the newest of {dates[-1]}"


def _sure_of_trial(plan: Plan, evidence: LoadEvidence | None, refs: References) -> Cell:
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


def what_could_change(plan: Plan, refs: References) -> tuple[Cell, ...]:
    """The runner-up, traffic, budget and risks; without a choice, what would have to give."""
    chosen = plan.chosen
    if chosen is None:
        return _give(plan, refs)
    promise = chosen.promise
    said = [_runner_up(plan, chosen, refs)]
    if promise.rate_rps:
        said.append(
            Cell(
                text=f"Traffic: the design holds {number(promise.capacity_rps)} requests a second, "
                f"{number(promise.capacity_rps / promise.rate_rps)} times the "
                f"{number(promise.rate_rps)} it is sized for; beyond that its queue never empties.",
                refs=promise_refs(refs, chosen),
            )
        )
    limit, cost = plan.demand.budget.cost_usd_month, chosen.bill.monthly_usd
    if limit is not None and cost is not None:
        left = f"{money(limit - cost)} a month are left"
        over = f"{money(cost - limit)} a month are missing"
        said.append(
            Cell(
                text=f"Budget: {left if cost <= limit else over} of {money(limit)}.",
                refs=bill_refs(refs, chosen.bill),
            )
        )
    risks = [finding for finding in chosen.findings if finding.severity == "risk"]
    if risks:
        said.append(
            Cell(
                text=f"Risks: {count(len(risks), 'finding')} below, first: "
                f"{stop(risks[0].sentence)}",
                refs=rule_refs(refs, risks),
            )
        )
    return tuple(said)


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
    name = platform_name(plan, best.design.platform)
    text = f"Runner-up{' elsewhere' if elsewhere else ''}: {name}, {describe(best.design)}"
    cost, own = best.bill.monthly_usd, chosen.bill.monthly_usd
    if cost is None or own is None:
        text += f", at {money(cost)}."
    elif money(cost) == money(own):
        text += f", at the same {money(cost)}."
    elif cost > own:
        text += (
            f", at {money(cost)}: {money(cost - own)} more a month. It wins when the chosen "
            "design's bill grows by that much."
        )
    else:
        text += f", at {money(cost)}: {money(own - cost)} less a month, but it ranks lower."
    return Cell(text=text, refs=(*bill_refs(refs, best.bill), *promise_refs(refs, best)))


def _give(plan: Plan, refs: References) -> tuple[Cell, ...]:
    """The rules that reject designs all by themselves: easing one of them would free those."""
    alone: dict[str, int] = {}
    for design in plan.rejected:
        rules = {finding.rule for finding in design.reasons}
        if len(rules) == 1:
            rule = next(iter(rules))
            alone[rule] = alone.get(rule, 0) + 1
    if not alone:
        return (
            Cell(
                text="Every design breaks more than one rule: no single change would do.",
                tone="bad",
            ),
        )
    said = []
    for rule, designs in sorted(alone.items(), key=lambda item: (-item[1], item[0]))[:4]:
        example = refs.tallies[rule].example
        fix = f" {stop(example.fix)}" if example.fix else ""
        said.append(
            Cell(
                text=f"{sentence_case(count(designs, 'design'))} "
                f"{'fails' if designs == 1 else 'fail'} only {rule}.{fix}",
                refs=(refs.rules[rule],),
            )
        )
    return tuple(said)
