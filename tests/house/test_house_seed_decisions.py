"""docs/seed-decisions.md: what the five documents decide, beside what `seatrial plan` decides.

The cases are in docs/seed-decisions.toml, the apps' traits in examples/plans. All are planned once,
with their simulations; the tests share the plans.
"""

from __future__ import annotations

import functools
import textwrap
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
from msgspec.structs import replace

from seatrial import planning, pricing, settings, traits
from seatrial.kernel.plan import Plan, PlatformVerdict
from seatrial.kernel.units import usd
from seatrial.kernel.workload import Workload
from seatrial.planner.explain import shape

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
LAMBDA = "aws-lambda"
FARGATE = "aws-fargate"
SERVERS = "aws-ecs-ec2"
LARGE = "the document analyser, more than 100,000 requests a day, reservations allowed"
PER_USER = 20
"""Requests of a user, where the demand states requests only."""

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
far as the documents describe them (`examples/plans`), are decided by `seatrial plan`: among the
platforms that the document compares, and for some over all platforms. Where the decisions differ,
the figures say why. Costs are a month, with everything on the bill but the language models' tokens;
the documents' own figures are compared in [seed-figures.md](seed-figures.md). A test writes this
page.

"""


class Decision(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """One decision of a document: for which situation, and which platforms it names."""

    document: str
    lines: tuple[int, int]
    situation: str
    decides: tuple[str, ...]
    plan: str
    settings: dict[str, dict[str, Any]] = {}
    traits: dict[str, float] = {}
    moved: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()
    anywhere: bool = False
    note: str = ""


@functools.cache
def cases() -> tuple[Decision, ...]:
    tables = tomllib.loads((DOCS / "seed-decisions.toml").read_text())
    return msgspec.convert(tables["decision"], tuple[Decision, ...])


@functools.cache
def decided(number: int, anywhere: bool = False) -> Plan:
    """The plan for a case: the traits of its file, some settings replaced."""
    case = cases()[number]
    file = f"examples/plans/{case.plan}.toml"
    text = (ROOT / file).read_text()
    tables = tomllib.loads(text)
    stated = {**tables.pop(traits.SECTION), **case.traits}
    workload = traits.workload(msgspec.convert(stated, traits.Traits), file)
    for section, values in case.settings.items():
        tables[section] = {**tables.get(section, {}), **values}
    if anywhere:
        tables["plan"] = {**tables.get("plan", {}), "platforms": []}
    wanted = settings.interpret(tables, text, file)
    return planning.decided(_mended(workload, case), wanted, None, None, lambda _: None)


def _mended(workload: Workload, case: Decision) -> Workload:
    web = workload.web
    facts = tuple(fact for fact in web.facts if fact.rule not in case.moved)
    services = tuple(
        replace(one, required=one.required or one.kind in case.needs) for one in web.services
    )
    mended = replace(web, facts=facts, services=services)
    return replace(workload, components=(mended, *workload.components[1:]))


def number_of(situation: str) -> int:
    return next(n for n, case in enumerate(cases()) if case.situation == situation)


def test_the_documents_decisions(golden: Callable[[Path, str], None]) -> None:
    told = "".join(_told(number, case) for number, case in enumerate(cases()))
    golden(DOCS / "seed-decisions.md", HEAD + _summary() + told)


def _summary() -> str:
    lines = ["| document | situation | it decides | Seatrial decides |", "|---|---|---|---|"]
    for number, case in enumerate(cases()):
        made = decided(number)
        names = {verdict.platform: verdict.name for verdict in made.platforms}
        ours = "nothing" if made.chosen is None else names[made.chosen.design.platform]
        cost = "" if made.chosen is None else f", {usd(made.chosen.bill.monthly_usd)}"
        mark = "" if _agree(case, made) else "**"
        theirs = " or ".join(names[name] for name in case.decides)
        said = f"{mark}{ours}{mark}{cost}"
        lines.append(f"| {case.document} | {case.situation} | {theirs} | {said} |")
    return "\n".join(lines) + "\n"


def _agree(case: Decision, made: Plan) -> bool:
    return made.chosen is not None and made.chosen.design.platform in case.decides


def _told(number: int, case: Decision) -> str:
    made = decided(number)
    names = {verdict.platform: verdict.name for verdict in made.platforms}
    theirs = " or ".join(names[name] for name in case.decides)
    first, last = case.lines
    where = f"line {first}" if first == last else f"lines {first} to {last}"
    items = [
        f"It decides (document {case.document}, {where}): {theirs}.",
        f"Asked for: {_asked(case, made)}.",
        f"**Seatrial decides: {_ours(made, names)}**",
        *_held(made),
        "The same decision." if _agree(case, made) else "Not the same decision.",
        *_others(case, made),
        *_crossings(made, names),
        *_anywhere(number, case),
        *([case.note] if case.note else []),
    ]
    text = "\n".join(
        textwrap.fill(
            item, 100, initial_indent="- ", subsequent_indent="  ",
            break_long_words=False, break_on_hyphens=False,
        )
        for item in items
    )  # fmt: skip
    title = f"{TITLES[case.document]}: {case.situation}"
    return f"\n## {title}\n\n{text}\n"


def _asked(case: Decision, made: Plan) -> str:
    demand = made.demand
    parts = [f"{demand.traffic.requests_per_day:,.0f} requests a day"]
    if demand.traffic.daily_users is not None:
        parts.append(f"{demand.traffic.daily_users:,.0f} users")
    for event in demand.traffic.events:
        parts.append(f"{event.factor:g} times that for {event.duration_h:g} h a week")
    slo, budget = demand.slo, demand.budget
    parts += [f"{slo.availability_percent:g} %", f"p95 within {slo.latency_ms_p95:g} ms"]
    if budget.cost_usd_month is not None:
        parts.append(f"at most {usd(budget.cost_usd_month)} a month")
    if budget.ops_usd_hour is not None:
        parts.append(f"an hour of work at {usd(budget.ops_usd_hour)}")
    if demand.preferences.commitments:
        parts.append("terms: " + ", ".join(demand.preferences.commitments))
    if case.needs:
        parts.append(f"mended: {', '.join(case.moved)} ({' and '.join(case.needs)} on the bill)")
    return ", ".join(parts)


def _ours(made: Plan, names: dict[str, str]) -> str:
    if made.chosen is None:
        return f"nothing of {made.considered:,} designs keeps every rule."
    design = made.chosen.design
    cost = usd(made.chosen.bill.monthly_usd)
    return f"{names[design.platform]} in {design.region}, {shape(design)}, for {cost}."


def _held(made: Plan) -> Iterator[str]:
    if made.chosen is not None and (told := made.chosen.simulation) is not None:
        promise, p95 = made.chosen.promise.availability_percent, told.latency_ms_p95
        agreed = "no agreement" if promise is None else f"the agreements say {promise:g} %"
        available = told.availability_percent
        assert p95.value is not None and available.value is not None
        yield (
            f"Simulated: p95 {p95.value:.0f} ms, {available.value:.3f} % answered "
            f"(at least {available.low:.3f} %); {agreed}."
        )


def _others(case: Decision, made: Plan) -> Iterator[str]:
    """What the document decides or compares and we do not choose, with what it costs or breaks."""
    wanted = made.demand.preferences.platforms or case.decides
    for verdict in made.platforms:
        chosen = made.chosen is not None and verdict.platform == made.chosen.design.platform
        if verdict.platform in wanted and not chosen:
            yield f"{verdict.name}: {_verdict(made, verdict)}"


def _verdict(made: Plan, verdict: PlatformVerdict) -> str:
    if verdict.best is None:
        return "no: " + "; ".join(reason.sentence for reason in verdict.reasons) + "."
    cost = verdict.best.bill.monthly_usd
    ours = None if made.chosen is None else made.chosen.bill.monthly_usd
    assert cost is not None and ours is not None, "what is feasible is priced"
    more = f"{usd(cost - ours)} more" if cost >= ours else f"{usd(ours - cost)} less"
    return f"{shape(verdict.best.design)}, {usd(cost)}: {more}.{_work(made, verdict)}"


def _work(made: Plan, verdict: PlatformVerdict) -> str:
    hours, chosen = _hours(), "" if made.chosen is None else made.chosen.design.platform
    if verdict.platform not in hours or chosen not in hours:
        return ""
    mine = hours[chosen]
    return f" It takes {hours[verdict.platform]:g} h of work a month, the chosen one {mine:g} h."


@functools.cache
def _hours() -> dict[str, float]:
    months = {p.id: p.operations.month_hours for p in pricing.catalog(None).platforms}
    return {name: hours.value for name, hours in months.items() if hours is not None}


def _crossings(made: Plan, names: dict[str, str]) -> Iterator[str]:
    """From which traffic on Fargate or ECS on EC2 is the cheaper one, where that changes."""
    for curve in made.break_even:
        if curve.crossings and {_platform(one) for one in curve.platforms} == {FARGATE, SERVERS}:
            parts = [f"at first {_named(curve.cheaper_at_first, names)}"] + [
                f"from {crossing.daily_users * PER_USER:,} requests a day on "
                f"{_named(crossing.cheaper, names)}"
                for crossing in curve.crossings
            ]
            yield f"By the bill alone the cheaper of the two is {', '.join(parts)}."


def _platform(name: str) -> str:
    """The platform of `aws-ecs-ec2 (reserved-1y-none)`."""
    return name.partition(" ")[0]


def _named(name: str, names: dict[str, str]) -> str:
    platform, _, terms = name.partition(" ")
    return f"{names[platform]} {terms}".strip()


def _anywhere(number: int, case: Decision) -> Iterator[str]:
    if case.anywhere:
        made = decided(number, anywhere=True)
        names = {verdict.platform: verdict.name for verdict in made.platforms}
        yield f"Over all platforms: {_ours(made, names)}"


def test_lambda_cannot_run_the_document_analyser() -> None:
    """Because of sessions in the process, and of requests longer than it allows."""
    made = decided(number_of("the document analyser as a prototype"))
    verdict = next(v for v in made.platforms if v.platform == LAMBDA)
    rules = [reason.rule for reason in verdict.reasons]
    assert verdict.best is None
    assert {"state.in-process", "limit.request-time"} <= set(rules)
    assert "analyze() waits on boto3" in verdict.reasons[0].sentence


def test_a_small_budget_does_not_buy_fargate() -> None:
    number = number_of("the racing app with less than 1,000 users a day, budget first")
    chosen = decided(number).chosen
    assert chosen is not None
    assert chosen.design.platform in ("do-app-platform", "aws-lightsail")


def test_fargate_wins_with_autoscaling_and_what_its_parts_promise() -> None:
    number = number_of("the same with what its parts promise together, 99.97 %")
    chosen = decided(number).chosen
    assert chosen is not None and chosen.design.platform == FARGATE


def test_the_plan_names_where_servers_become_cheaper_than_fargate() -> None:
    """ECS on EC2 with reservations against Fargate: from so many users or requests on."""
    made = decided(number_of(LARGE))
    cheaper = [
        crossing.cheaper
        for curve in made.break_even
        if {_platform(one) for one in curve.platforms} == {FARGATE, SERVERS}
        for crossing in curve.crossings
    ]
    assert f"{SERVERS} (reserved-1y-none)" in cheaper
    assert made.chosen is not None and made.chosen.design.platform == SERVERS
