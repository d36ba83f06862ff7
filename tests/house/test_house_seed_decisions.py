"""docs/seed-decisions.md: what the five documents decide, beside what `seatrial plan` decides.

The cases are in docs/seed-decisions.toml, the apps' traits in examples/plans.
"""

from __future__ import annotations

import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
from msgspec.structs import replace

from seatrial import planning, settings, traits
from seatrial.kernel.plan import Plan, PlatformVerdict
from seatrial.kernel.units import usd
from seatrial.kernel.workload import Workload
from seatrial.planner.explain import shape

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
LAMBDA = "aws-lambda"

TITLES = {
    "000": "Horse-racing predictor",
    "001": "Dating app",
    "002": "Document analyser on AWS",
    "003": "Retirement planner",
    "004": "Model serving",
}
HEAD = """\
# What the documents decide, and what Seatrial decides

Five deployment documents, written by hand, chose platforms for five apps. Here the same apps, as
far as the documents describe them (`examples/plans`), are decided by `seatrial plan`, over all
platforms. Where the decisions differ, the figures say why. Costs are a month, with everything on
the bill; the documents' own figures are compared in [seed-figures.md](seed-figures.md). A test
writes this page.
"""


class Decision(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """One decision of a document: for which situation, and which platforms it names."""

    document: str
    lines: tuple[int, int]
    situation: str
    decides: tuple[str, ...]
    plan: str
    settings: dict[str, dict[str, Any]] = {}
    moved: tuple[str, ...] = ()


def cases() -> list[Decision]:
    tables = tomllib.loads((DOCS / "seed-decisions.toml").read_text())
    return msgspec.convert(tables["decision"], list[Decision])


def decided(case: Decision) -> Plan:
    """The plan for a case: the traits of its file, some settings replaced."""
    text = (ROOT / f"examples/plans/{case.plan}.toml").read_text()
    tables = tomllib.loads(text)
    workload, _ = traits.parse(text, f"{case.plan}.toml")
    tables.pop(traits.SECTION)
    for section, values in case.settings.items():
        tables[section] = {**tables.get(section, {}), **values}
    wanted = settings.interpret(tables, text, f"{case.plan}.toml")
    return planning.decided(_mended(workload, case.moved), wanted, None, None, lambda _: None)


def _mended(workload: Workload, moved: tuple[str, ...]) -> Workload:
    web = workload.web
    facts = tuple(fact for fact in web.facts if fact.rule not in moved)
    return replace(workload, components=(replace(web, facts=facts), *workload.components[1:]))


def test_the_documents_decisions(golden: Callable[[Path, str], None]) -> None:
    found = [(case, decided(case)) for case in cases()]
    golden(DOCS / "seed-decisions.md", HEAD + "".join(_told(*one) for one in found))


def _told(case: Decision, made: Plan) -> str:
    verdicts = {verdict.platform: verdict for verdict in made.platforms}
    theirs = ", ".join(verdicts[name].name for name in case.decides)
    chosen = made.chosen
    agree = chosen is not None and chosen.design.platform in case.decides
    place = f"document {case.document}, lines {case.lines[0]} to {case.lines[1]}"
    traffic = f"{made.demand.traffic.requests_per_day:,.0f} requests a day"
    lines = [
        f"\n## {TITLES[case.document]}: {case.situation}\n",
        f"| | |\n|---|---|\n| it decides ({place}) | {theirs} |",
        f"| asked for | {traffic}, {made.demand.slo.availability_percent:g} %, "
        f"p95 {made.demand.slo.latency_ms_p95:g} ms |",
        f"| Seatrial decides | {_ours(made, verdicts)} |",
        f"| the same? | {'yes' if agree else '**no**'} |",
    ]
    told = [name for name in case.decides if chosen is None or name != chosen.design.platform]
    if case.plan == "documents" and LAMBDA not in told:
        told.append(LAMBDA)
    lines += [f"| {verdicts[name].name} here | {_verdict(verdicts[name])} |" for name in told]
    return "\n".join(lines) + "\n"


def _ours(made: Plan, verdicts: dict[str, PlatformVerdict]) -> str:
    if made.chosen is None:
        return "nothing keeps every rule"
    design = made.chosen.design
    name = verdicts[design.platform].name
    cost = usd(made.chosen.bill.monthly_usd)
    return f"{name} in {design.region}, {shape(design)}: {cost}"


def _verdict(verdict: PlatformVerdict) -> str:
    if verdict.best is not None:
        return f"{shape(verdict.best.design)}: {usd(verdict.best.bill.monthly_usd)}"
    return "no: " + "; ".join(reason.sentence for reason in verdict.reasons)


@pytest.fixture(scope="module")
def plans() -> dict[str, Plan]:
    return {case.situation: decided(case) for case in cases()}


def test_lambda_cannot_run_the_document_analyser(plans: dict[str, Plan]) -> None:
    """Because of sessions in the process, and of requests longer than it allows."""
    made = plans["the document analyser as a prototype"]
    verdict = next(v for v in made.platforms if v.platform == LAMBDA)
    rules = {reason.rule for reason in verdict.reasons}
    assert verdict.best is None
    assert {"state.in-process", "limit.request-time"} <= rules


def test_a_small_budget_does_not_buy_fargate(plans: dict[str, Plan]) -> None:
    made = plans["the racing app with less than 1,000 users a day, budget first"]
    assert made.chosen is not None
    assert made.chosen.design.platform in ("do-app-platform", "aws-lightsail")


def test_fargate_wins_with_autoscaling_and_four_nines(plans: dict[str, Plan]) -> None:
    situation = "the document analyser, 10,000 to 100,000 requests a day, autoscaling and 99.99 %"
    chosen = plans[situation].chosen
    assert chosen is not None and chosen.design.platform == "aws-fargate"


def test_the_plan_names_where_servers_become_cheaper_than_fargate(plans: dict[str, Plan]) -> None:
    """ECS on EC2 with reservations against Fargate: from so many users or requests on."""
    crossings = [
        crossing
        for made in plans.values()
        for curve in made.break_even
        if set(curve.platforms) == {"aws-fargate", "aws-ecs-ec2"}
        for crossing in curve.crossings
    ]
    assert any(crossing.cheaper == "aws-ecs-ec2" for crossing in crossings)
