"""References: every number of the report points to a row of the appendix.

P prices, M measurements, A assumptions, D what the settings declare, F facts read from the app
or the catalogue, C calculations, R rules. Numbered in the order in which the report meets them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from decimal import Decimal

from seatrial.kernel.assessment import Assessment, Bill, CostLine, Finding, Promise
from seatrial.kernel.evidence import LoadEvidence
from seatrial.kernel.plan import Plan
from seatrial.kernel.values import Value
from seatrial.kernel.workload import Component, Proof, Workload
from seatrial.reporter.model import Ref
from seatrial.reporter.words import DASH, clean

RANKED_SHOWN = 10
LETTERS = {"measured": "M", "assumed": "A", "declared": "D", "source": "F"}


class Price(Value):
    """A price row as far as a cost line tells of it."""

    service: str
    sku: str
    unit: str
    unit_price_usd: Decimal
    source: str
    as_of: str


class Calculation(Value):
    """A promise that was computed, and for which design."""

    design: str
    promise: Promise


class Tally(Value):
    """How one rule was used: how often it rejected, and one finding as the example."""

    rule: str
    rejected: int
    told: int
    example: Finding


class References(Value):
    """All references of one report, each kind in order of its number."""

    prices: dict[Price, Ref]
    proofs: dict[Proof, Ref]
    calculations: dict[Calculation, Ref]
    rules: dict[str, Ref]
    tallies: dict[str, Tally]
    trial: Ref | None


def shown_assessments(plan: Plan) -> Iterator[Assessment]:
    """Every assessment of which the report shows a figure, the chosen one first."""
    if plan.chosen is not None:
        yield plan.chosen
    yield plan.rehearsal
    for verdict in plan.platforms:
        for assessment in (verdict.best, verdict.nearest):
            if assessment is not None:
                yield assessment
    yield from plan.ranked[:RANKED_SHOWN]


def references(workload: Workload, plan: Plan, evidence: LoadEvidence | None) -> References:
    """Number everything that the report's figures rest on."""
    prices: dict[Price, Ref] = {}
    proofs: dict[Proof, Ref] = {}
    calculations: dict[Calculation, Ref] = {}
    numbers: dict[str, int] = {}

    def following(letter: str) -> Ref:
        numbers[letter] = numbers.get(letter, 0) + 1
        return Ref(label=f"{letter}{numbers[letter]}", anchor=f"ref-{letter}{numbers[letter]}")

    trial = following("M") if evidence is not None else None
    for component in workload.components:
        proof = profile_proof(component)
        if proof is not None and proof not in proofs:
            proofs[proof] = following("M")
    for assessment in shown_assessments(plan):
        for line in assessment.bill.lines:
            if price_of(line) not in prices:
                prices[price_of(line)] = following("P")
        for proof in assessment.promise.inputs:
            if proof not in proofs:
                proofs[proof] = following(LETTERS[proof.kind])
        calculation = Calculation(design=assessment.design.id, promise=assessment.promise)
        if calculation not in calculations:
            calculations[calculation] = following("C")
    tallies = _tallies(plan)
    rules = {
        rule: Ref(label=f"R:{clean(rule)}", anchor=f"ref-R{number}")
        for number, rule in enumerate(tallies, 1)
    }
    return References(
        prices=prices,
        proofs=proofs,
        calculations=calculations,
        rules=rules,
        tallies=tallies,
        trial=trial,
    )


def profile_proof(component: Component) -> Proof | None:
    """The measurement behind a component's memory and service times; none when it was not booted.

    Routes may carry times without a boot record (a recorded profile); that is said in the note.
    """
    if component.measured is not None:
        return component.measured.proof
    if any(route.service_time is not None for route in component.routes):
        note = f"{component.name}: every route called one request at a time, no boot record"
        return Proof(kind="measured", rule="profile.service-time", note=note)
    return None


def price_of(line: CostLine) -> Price:
    """The price row behind a cost line."""
    return Price(
        service=line.service,
        sku=line.sku,
        unit=line.unit,
        unit_price_usd=line.unit_price_usd,
        source=line.source,
        as_of=line.as_of,
    )


def bill_refs(refs: References, bill: Bill) -> tuple[Ref, ...]:
    """The price rows of a bill, runs of them joined: P1-P9."""
    return _joined(refs.prices[price_of(line)] for line in bill.lines)


def proof_refs(refs: References, proofs: Iterable[Proof]) -> tuple[Ref, ...]:
    """The rows of proofs; one that is not numbered is left out."""
    return _joined(refs.proofs[proof] for proof in proofs if proof in refs.proofs)


def promise_refs(refs: References, assessment: Assessment) -> tuple[Ref, ...]:
    """The row of the calculation behind an assessment's promise."""
    key = Calculation(design=assessment.design.id, promise=assessment.promise)
    return (refs.calculations[key],) if key in refs.calculations else ()


def rule_refs(refs: References, findings: Iterable[Finding]) -> tuple[Ref, ...]:
    """The rows of the findings' rules, each once."""
    return tuple(refs.rules[rule] for rule in dict.fromkeys(found.rule for found in findings))


def _joined(found: Iterable[Ref]) -> tuple[Ref, ...]:
    """Sort references of numbered kinds and write three or more in a row as a range."""
    numbered = sorted({(ref.label[0], int(ref.label[1:])) for ref in found})
    runs: list[list[tuple[str, int]]] = []
    for letter, place in numbered:
        if runs and runs[-1][-1] == (letter, place - 1):
            runs[-1].append((letter, place))
        else:
            runs.append([(letter, place)])
    joined = []
    for run in runs:
        pieces = (
            [f"{run[0][0]}{run[0][1]}{DASH}{run[-1][0]}{run[-1][1]}"]
            if len(run) > 2
            else [f"{letter}{place}" for letter, place in run]
        )
        joined += [Ref(label=piece, anchor=f"ref-{piece.split(DASH)[0]}") for piece in pieces]
    return tuple(joined)


def _tallies(plan: Plan) -> dict[str, Tally]:
    """Count every rule over all findings, in order of first use; one pass over the rejected."""
    rejected: dict[str, int] = {}
    told: dict[str, int] = {}
    examples: dict[str, Finding] = {}
    for assessment in shown_assessments(plan):
        for finding in assessment.findings:
            examples.setdefault(finding.rule, finding)
            told[finding.rule] = told.get(finding.rule, 0) + 1
    for verdict in plan.platforms:
        for finding in verdict.reasons:
            examples.setdefault(finding.rule, finding)
    for design in plan.rejected:
        for rule in {finding.rule: finding for finding in design.reasons}:
            rejected[rule] = rejected.get(rule, 0) + 1
        for finding in design.reasons:
            examples.setdefault(finding.rule, finding)
    return {
        rule: Tally(
            rule=rule, rejected=rejected.get(rule, 0), told=told.get(rule, 0), example=example
        )
        for rule, example in examples.items()
    }
