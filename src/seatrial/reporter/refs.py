"""References: every number of the report points to a row of the appendix.

P prices, M measurements, A assumptions, D what the settings declare, F facts read from the app
or the catalogue, C calculations, S simulations, W what others publish (failure rates, controls),
R rules. Numbered in the order in which the report meets them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from decimal import Decimal

from seatrial.kernel.assessment import Assessment, Bill, CostLine, Finding, Promise
from seatrial.kernel.evidence import LoadEvidence
from seatrial.kernel.plan import Plan
from seatrial.kernel.simulation import Simulation
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
    simulations: dict[str, tuple[Simulation, Ref]]
    published: dict[str, Ref]
    rules: dict[str, Ref]
    tallies: dict[str, Tally]
    trial: Ref | None


class _Numbers:
    """Hands out the next label of a letter."""

    def __init__(self) -> None:
        self.used: dict[str, int] = {}

    def following(self, letter: str) -> Ref:
        self.used[letter] = self.used.get(letter, 0) + 1
        name = f"{letter}{self.used[letter]}"
        return Ref(label=name, anchor=f"ref-{name}")


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
    if plan.buildable is not None:
        yield plan.buildable


def references(workload: Workload, plan: Plan, evidence: LoadEvidence | None) -> References:
    """Number everything that the report's figures rest on."""
    numbers = _Numbers()
    trial = numbers.following("M") if evidence is not None else None
    prices: dict[Price, Ref] = {}
    calculations: dict[Calculation, Ref] = {}
    simulations: dict[str, tuple[Simulation, Ref]] = {}
    proofs: dict[Proof, Ref] = {}
    for proof in _proofs(workload, plan):
        if proof not in proofs:
            proofs[proof] = numbers.following(LETTERS[proof.kind])
    for assessment in shown_assessments(plan):
        for line in assessment.bill.lines:
            if price_of(line) not in prices:
                prices[price_of(line)] = numbers.following("P")
        calculation = Calculation(design=assessment.design.id, promise=assessment.promise)
        if calculation not in calculations:
            calculations[calculation] = numbers.following("C")
        made = assessment.simulation
        if made is not None and assessment.design.id not in simulations:
            simulations[assessment.design.id] = (made, numbers.following("S"))
    published = {said: numbers.following("W") for said in dict.fromkeys(_published(plan))}
    tallies = _tallies(plan)
    rules = {
        rule: Ref(label=f"R:{clean(rule)}", anchor=f"ref-R{number}")
        for number, rule in enumerate(tallies, 1)
    }
    return References(
        prices=prices, proofs=proofs, calculations=calculations, simulations=simulations,
        published=published, rules=rules, tallies=tallies, trial=trial,
    )  # fmt: skip


def _proofs(workload: Workload, plan: Plan) -> Iterator[Proof]:
    """The proofs behind every figure, as the report meets them."""
    for component in workload.components:
        proof = profile_proof(component)
        if proof is not None:
            yield proof
    for assessment in shown_assessments(plan):
        yield from assessment.promise.inputs
        for dimension in assessment.dimensions:
            yield dimension.proof
    for saving in plan.savings:
        yield saving.proof
    if plan.advice is not None:
        for phase in plan.advice.phases:
            for change in phase.changes:
                yield change.proof
        for risk in plan.advice.risks:
            yield risk.proof


def _published(plan: Plan) -> Iterator[str]:
    """What others say that figures rest on: failure rates, and the text of controls."""
    if plan.chosen is not None and plan.chosen.simulation is not None:
        for failure in plan.chosen.simulation.failures:
            yield failure.source
    if plan.advice is not None:
        for control in plan.advice.controls:
            yield control.source


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
        service=line.service, sku=line.sku, unit=line.unit, source=line.source, as_of=line.as_of,
        unit_price_usd=line.unit_price_usd,
    )  # fmt: skip


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


def simulation_refs(refs: References, assessment: Assessment) -> tuple[Ref, ...]:
    """The row of an assessment's simulation; none when it was not simulated."""
    found = refs.simulations.get(assessment.design.id)
    return (found[1],) if found is not None and assessment.simulation is not None else ()


def figure_refs(refs: References, assessment: Assessment) -> tuple[Ref, ...]:
    """Where a latency comes from: the simulation, or without one the calculation."""
    return simulation_refs(refs, assessment) or promise_refs(refs, assessment)


def design_refs(refs: References, plan: Plan, design: str) -> tuple[Ref, ...]:
    """The prices and the figures of a design that is named by its id, if the report has it."""
    for assessment in shown_assessments(plan):
        if assessment.design.id == design:
            return (*bill_refs(refs, assessment.bill), *figure_refs(refs, assessment))
    return ()


def published_refs(refs: References, *sources: str) -> tuple[Ref, ...]:
    """The rows of what others publish."""
    return tuple(refs.published[said] for said in dict.fromkeys(sources) if said in refs.published)


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
    """Count every rule over all findings, in order of first use."""
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
    for group in plan.rejected:
        for rule in dict.fromkeys((*group.rules, *(found.rule for found in group.reasons))):
            rejected[rule] = rejected.get(rule, 0) + group.count
        for finding in group.reasons:
            examples.setdefault(finding.rule, finding)
    for rule in rejected:
        nothing = Proof(kind="source", rule=rule)
        examples.setdefault(
            rule,
            Finding(
                severity="violated", rule=rule, subject="", sentence="(no reason recorded)",
                proof=nothing,
            ),
        )  # fmt: skip
    return {
        rule: Tally(
            rule=rule, rejected=rejected.get(rule, 0), told=told.get(rule, 0), example=example
        )
        for rule, example in examples.items()
    }
