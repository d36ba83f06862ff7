"""The advice: complete for every platform, its figures from the plan, its evidence there."""

from __future__ import annotations

import re
from decimal import Decimal
from functools import cache
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

import seatrial
from seatrial.assessor.assess import Question, assess, question
from seatrial.assessor.recovery import recoveries
from seatrial.catalog.load import load
from seatrial.kernel.advice import Advice, Change, Control, Phase
from seatrial.kernel.demand import Budget, Compliance, Demand, RecoveryTargets, Slo, Traffic
from seatrial.kernel.design import Attached, Database, Design
from seatrial.kernel.platform import HERE, Platform
from seatrial.kernel.values import to_json
from seatrial.kernel.workload import (
    Component,
    Dependency,
    Fact,
    Measured,
    Proof,
    Route,
    Service,
    ServiceKind,
    ServiceTime,
    Workload,
)
from seatrial.planner.advice import advice
from seatrial.planner.advice.checklist import WHEN, packaged_items
from seatrial.planner.advice.controls import packaged_book
from seatrial.planner.advice.ground import packaged_written
from seatrial.planner.advice.procedures import packaged_steps
from seatrial.planner.advice.shown import SHOWS
from seatrial.planner.advice.shown_app import APP_SHOWS

PACKAGE = Path(seatrial.__file__).parent
CATALOG = load()
PLATFORMS = [platform.id for platform in CATALOG.platforms]
STANDARDS = ("gdpr", "ccpa", "soc2", "hipaa", "pci-dss")
SOURCE = Proof(kind="source", rule="service", file="app/db.py", line=12)


def fact(rule: str, subject: str, value: str = "", severity: str = "info", fix: str = "") -> Fact:
    proof = Proof(kind="source", rule=rule, file="app/views.py", line=len(rule))
    return Fact(rule=rule, subject=subject, value=value, severity=severity, fix=fix, proof=proof)


FACTS = (
    fact("env.secret", "SECRET_KEY"),
    fact("health.route", "/health"),
    fact("upload.accepted", "flask"),
    fact("state.session-memory", "sessions", "", "high", "keep them in Redis"),
    fact("time.llm-call", "analyse()", "up to 40 min", "medium", "hand it to a worker"),
)


def workload(
    *,
    facts: tuple[Fact, ...] = (),
    kinds: tuple[ServiceKind, ...] = ("postgresql",),
    measured: bool = True,
    mean_ms: float = 20.0,
) -> Workload:
    quantiles = tuple(mean_ms * (0.7 + 0.6 * (i + 0.5) / 40) for i in range(40))
    time = ServiceTime(
        requests=200, mean_ms=mean_ms, cpu_ms_mean=mean_ms / 2, scv=0.03, quantiles_ms=quantiles,
        response_bytes_mean=9000.0,
    )  # fmt: skip
    route = Route(path="/", methods=("GET",), endpoint="/", proof=SOURCE, service_time=time)
    taken = Measured(
        boot_s=2.0, memory_mib_worker=90.0, memory_mib_idle=80.0, machine="test",
        proof=Proof(kind="measured", rule="measure", note="200 requests a route"),
    )  # fmt: skip
    web = Component(
        name="web", kind="web", framework="flask", interface="wsgi", entry="wsgi:app",
        command=("run",), port=8000, routes=(route,), facts=facts,
        services=tuple(Service(kind=kind, proof=SOURCE) for kind in kinds),
        measured=taken if measured else None,
    )  # fmt: skip
    pinned = Dependency(name="Alembic", specifier="==1.13", proof=SOURCE)
    return Workload(app="My App", source_digest="0", dependencies=(pinned,), components=(web,))


def design(platform_id: str, replicas: int = 2, multi_az: bool = False) -> Design:
    platform = CATALOG.platform(platform_id)
    region = next((r.id for r in CATALOG.provider(platform.provider).regions), HERE)
    size = next((s for s in platform.sizes if s.memory_mib >= 512), None)
    return Design(
        platform=platform_id, region=region, size=size.name if size else "own",
        vcpu=size.vcpu if size else 1.0, memory_mib=size.memory_mib if size else 1024,
        replicas_min=replicas if platform.kind != "functions" else 0,
        replicas_max=replicas + 4 if platform.capabilities.autoscaling else replicas,
        workers=1, threads=8, servers=replicas if platform.kind == "servers" else 0,
        database=_database(platform, multi_az),
    )  # fmt: skip


def _database(platform: Platform, multi_az: bool) -> Database | None:
    service = CATALOG.service(platform.provider, "postgresql")
    if service is None or not service.sizes or not platform.capabilities.managed_database:
        return None
    return Database(instance=service.sizes[0].name, multi_az=multi_az)


def described(w: Workload) -> Workload:
    """The same app as somebody states it, without its source."""
    stated = Proof(kind="declared", rule="traits", file="app.toml", note="as stated")
    web = w.components[0]
    routes = tuple(replace(route, proof=stated) for route in web.routes)
    facts = tuple(replace(fact, proof=stated) for fact in web.facts)
    services = tuple(replace(service, proof=stated) for service in web.services)
    taken = replace(web.measured, proof=stated) if web.measured else None
    told = replace(web, routes=routes, facts=facts, services=services, measured=taken)
    return replace(w, components=(told,))


APPS = {
    "plain": workload(kinds=()),
    "demanding": workload(facts=FACTS, kinds=("postgresql", "sqlite", "llm", "redis")),
    "unmeasured": workload(measured=False),
    "described": described(workload(facts=FACTS, kinds=("postgresql", "llm"))),
}


@cache
def prepared(app: str) -> Question:
    return question(APPS[app], Demand(), CATALOG)


def asked_for(app: str, demand: Demand | None = None) -> Question:
    return prepared(app)._replace(demand=demand or Demand())


def advised(asked: Question, chosen: Design, phases: tuple[Phase, ...] = ()) -> Advice:
    return advice(asked, assess(asked, chosen), phases)


def control(told: Advice, standard: str, ref: str) -> Control:
    (found,) = [c for c in told.controls if c.standard == standard and c.control.startswith(ref)]
    return found


def done(told: Advice, item: str) -> bool:
    (found,) = [check for check in told.checklist if check.item.startswith(item)]
    return found.done


@pytest.mark.parametrize("platform_id", PLATFORMS)
@pytest.mark.parametrize("app", APPS)
@pytest.mark.parametrize("multi_az", [False, True], ids=["single", "standby"])
def test_advice_is_complete_and_stands_on_what_is_there(
    platform_id: str, app: str, multi_az: bool
) -> None:
    asked = asked_for(app)
    chosen = assess(asked, design(platform_id, multi_az=multi_az))
    told = advice(asked, chosen)
    assert to_json(told) == to_json(advice(asked, chosen))
    for task in told.roadmap:
        assert task.task and task.because
    setup = CATALOG.platform(platform_id).operations.setup_hours
    hours = [task.hours for task in told.roadmap if task.hours is not None]
    assert hours == ([setup.value] if setup else [])
    weeks = [task.week for task in told.roadmap]
    assert weeks == sorted(weeks) and set(weeks) == set(range(1, max(weeks) + 1))
    assert {check.phase for check in told.checklist} == {"before migration", "go live"}
    assert all(check.done == bool(check.evidence) for check in told.checklist)
    for risk in told.risks:
        assert risk.risk and risk.mitigation
        if risk.proof.file.startswith(("catalog/", "assessor/")):
            assert (PACKAGE / risk.proof.file).exists(), risk.proof
        else:
            assert risk.proof.file.startswith("app") or risk.proof.note or risk.proof.line == 0
    order = [{"high": 0, "medium": 1, "low": 2}[risk.severity] for risk in told.risks]
    assert order == sorted(order)
    assert len(set(told.risks)) == len(told.risks)
    assert all(t.metric and t.alarm and t.because for t in told.targets)
    assert len({t.metric for t in told.targets}) == len(told.targets)
    assert tuple(dict.fromkeys(c.standard for c in told.controls)) == STANDARDS
    assert all(c.evidence and c.source for c in told.controls)


@pytest.mark.parametrize("platform_id", PLATFORMS)
@pytest.mark.parametrize("multi_az", [False, True], ids=["single", "standby"])
def test_procedures_are_for_this_design(platform_id: str, multi_az: bool) -> None:
    asked = asked_for("demanding")
    chosen, platform = design(platform_id, multi_az=multi_az), CATALOG.platform(platform_id)
    told = {one.loss: one for one in advised(asked, chosen).procedures}
    assert {"replica", "bad deployment", "zone loss", "region loss", "language model"} <= set(told)
    assert ("database data" in told) == (chosen.database is not None)
    assert ("files on disk" in told) == (chosen.database is None)
    for one in told.values():
        assert len(one.steps) >= 2 and one.rto_s >= 0
        assert not re.search(r"\{\w+\}", " ".join(one.steps))
    for known in recoveries(chosen, platform, asked.profile.boot_s):
        assert (told[known.name].rto_s, told[known.name].rpo_s) == (known.rto_s, known.rpo_s)
    assert told["replica"].rpo_s is None  # its sessions are in its memory
    if chosen.database is not None:
        standby = any("standby takes over" in s for s in told["database machine"].steps)
        assert standby == multi_az
        assert told["database machine"].rto_s == (90 if multi_az else 1200)


def test_every_platform_has_steps_of_its_own() -> None:
    steps = packaged_steps()
    own = {loss: {p for s in steps if s.loss == loss for p in s.platforms} for loss in
           ("bad deployment", "database data")}  # fmt: skip
    assert own["bad deployment"] == set(PLATFORMS)
    managed = {p.id for p in CATALOG.platforms if p.capabilities.managed_database}
    assert managed <= own["database data"]
    assert {p for s in steps for p in s.platforms} <= set(PLATFORMS)


def test_statements_of_the_infrastructure_are_in_its_templates() -> None:
    bundled = {p.id for p in CATALOG.platforms if p.bundled}
    for one in packaged_written():
        text = (PACKAGE / "bundler/templates" / one.template).read_text()
        assert one.contains in text, f"{one.id}: {one.template}"
        assert Path(one.template).name.startswith(Path(one.file).stem), one.file
        assert set(one.platforms) <= bundled
    for platform_id in bundled:
        ids = [w.id for w in packaged_written() if platform_id in w.platforms]
        assert len(ids) == len(set(ids)), platform_id


def test_names_in_the_data_are_known_and_all_are_used() -> None:
    named = {item.shown for item in packaged_items() if item.shown}
    named |= {name for article in packaged_book().article for name in article.needs}
    assert named == set(SHOWS) | set(APP_SHOWS)
    assert {item.when for item in packaged_items()} == set(WHEN)
    assert tuple(packaged_book().standards) == STANDARDS
    for article in packaged_book().article:
        assert article.needs or article.owner, article.ref
    refs = [(article.standard, article.ref, article.asks) for article in packaged_book().article]
    assert len(refs) == len(set(refs))


def test_standards_that_were_asked_for_come_first() -> None:
    wanted = Demand(compliance=Compliance(standards=("pci-dss", "gdpr")))
    told = advised(asked_for("plain", wanted), design("aws-fargate"))
    first = tuple(dict.fromkeys(one.standard for one in told.controls))
    assert first == ("pci-dss", "gdpr", "ccpa", "soc2", "hipaa")
    gaps = [task for task in told.roadmap if task.task.startswith("Close the gap")]
    assert any("pci-dss 6.4.2" in task.because for task in gaps)


def test_controls_follow_the_facts() -> None:
    asked = asked_for("demanding")
    base = design("aws-fargate")
    told = advised(asked, base)
    assert control(told, "pci-dss", "6.4.2").met == "missing"
    guarded = replace(base, services=(Attached(kind="waf"),))
    assert control(advised(asked, guarded), "pci-dss", "6.4.2").met == "met"
    assert control(told, "pci-dss", "8.6.2").met == "met"
    leaked = fact("secret.committed", "AWS key", "", "high", "revoke it")
    bad = question(workload(facts=(*FACTS, leaked)), Demand(), CATALOG)
    broken = control(advised(bad, base), "pci-dss", "8.6.2")
    assert broken.met == "missing" and "app/views.py" in broken.evidence
    assert control(told, "hipaa", "164.312(a)(2)(iv)").met == "met"
    assert "database.tf" in control(told, "hipaa", "164.312(a)(2)(iv)").evidence
    away = advised(asked, design("gcp-cloud-run"))
    assert control(away, "hipaa", "164.312(a)(2)(iv)").met == "owner"
    ocean = advised(asked, design("do-app-platform"))
    assert control(ocean, "pci-dss", "9.1.1").met == "missing"
    assert control(told, "pci-dss", "9.1.1").met == "met"


def test_residency_is_a_control() -> None:
    wanted = Demand(compliance=Compliance(standards=("gdpr",), residency=("eu",)))
    asked = asked_for("plain", wanted)
    here = design("aws-fargate")
    for region, met in (("us-east-1", "missing"), ("eu-west-1", "owner")):
        found = control(advised(asked, replace(here, region=region)), "gdpr", "Art. 44")
        assert found.met == met and region in found.evidence + region


def test_the_checklist_ticks_what_is_shown() -> None:
    asked = asked_for("demanding")
    told = advised(asked, design("aws-fargate"))
    assert done(told, "A health route answers")
    assert done(told, "Secrets come from variables")
    assert done(told, "The database's migrations")
    assert not done(told, "Nothing that must last")
    assert not done(told, "The database has a standby")
    assert done(advised(asked, design("aws-fargate", multi_az=True)), "The database has a standby")
    lone = replace(design("aws-fargate"), replicas_min=1)
    assert done(told, "Replicas survive") and not done(advised(asked, lone), "Replicas survive")
    assert not done(advised(asked, design("aws-lightsail")), "Replicas survive")
    assert done(advised(asked, design("aws-lambda")), "Users reach the app by HTTPS")
    assert not done(told, "Users reach the app by HTTPS")  # its certificate is still to be given


def test_an_app_that_is_only_described_is_not_taken_for_clean() -> None:
    told = advised(asked_for("described"), design("aws-fargate"))
    for item in ("Secrets come from variables", "Debuggers", "What visitors send"):
        assert not done(told, item)
    assert control(told, "pci-dss", "6.2.4").met == "owner"
    assert not done(told, "Service times and memory are measured")


def test_recovery_targets_are_judged() -> None:
    strict = Demand(recovery=RecoveryTargets(rto_s=60.0, rpo_s=0.0))
    assert (
        control(advised(asked_for("demanding", strict), design("aws-fargate")), "soc2", "CC7.5").met
        == "missing"
    )
    assert control(
        advised(asked_for("demanding"), design("aws-fargate")), "soc2", "CC7.5"
    ).met == "met"  # fmt: skip


def test_targets_are_computed_from_the_plan() -> None:
    wanted = Demand(
        slo=Slo(availability_percent=99.5, latency_ms_p95=300),
        budget=Budget(cost_usd_month=Decimal(1000)),
        traffic=Traffic(requests_per_day=200_000),
    )
    asked, chosen = asked_for("demanding", wanted), design("aws-fargate")
    found = {target.metric: target for target in advised(asked, chosen).targets}
    p95 = found["Response time p95 at the load balancer, over 5 minutes"]
    assert p95.alarm == "above 300 ms twice in a row"
    assert found["Share of requests answered with 5xx, over 5 minutes"].alarm == "above 5 %"
    assert found["Forecast of the month's bill"].alarm == "above $800.00"
    assert found["Replicas running"].alarm == "5 of 6 for 15 minutes"
    assert found["Free storage of postgresql"].alarm == "below 2 GiB"
    assert "48 at most" in found["Connections of the database"].because
    most = float(found["Requests a second, over 5 minutes"].alarm.split()[1])
    for rate, keeps in ((0.98 * most, True), (1.03 * most, False)):
        p95_ms = assess(asked, chosen, rate).promise.latency_ms_p95
        assert (p95_ms is not None and p95_ms <= 300) == keeps


@settings(max_examples=20, deadline=None)
@given(st.floats(90, 99.999), st.floats(90, 99.999))
def test_the_error_alarm_follows_the_availability(one: float, other: float) -> None:
    def alarm(availability: float) -> float:
        wanted = Demand(slo=Slo(availability_percent=availability))
        told = advised(asked_for("plain")._replace(demand=wanted), design("aws-lightsail"))
        (found,) = [t for t in told.targets if t.metric.startswith("Share of requests")]
        return float(found.alarm.split()[1])

    low, high = sorted((one, other))
    assert alarm(low) >= alarm(high)


def test_too_many_connections_are_a_risk() -> None:
    asked = asked_for("demanding")
    tiny = replace(
        design("aws-fargate"), replicas_max=40, database=Database(instance="db.t3.micro")
    )
    risks = [risk.risk for risk in advised(asked, tiny).risks]
    assert any(risk.startswith("At most 320 connections") for risk in risks)
    assert not any("connections" in r.risk for r in advised(asked, design("aws-fargate")).risks)


def test_risks_follow_the_facts() -> None:
    plain = advised(asked_for("plain"), design("aws-fargate"))
    demanding = advised(asked_for("demanding"), design("aws-fargate"))
    assert not any("language model" in risk.risk for risk in plain.risks)
    assert any("language model" in risk.risk for risk in demanding.risks)
    places = [(r.proof.file, r.proof.line) for r in demanding.risks if r.proof.line == 20]
    assert len(places) == 1  # the fact, and not once more the finding about it
    backed = question(
        workload(facts=(*FACTS, fact("llm.fallback", "models", "a -> b")), kinds=("llm",)),
        Demand(), CATALOG,
    )  # fmt: skip
    severities = {
        told: next(r.severity for r in advised(a, design("aws-fargate")).risks
                   if r.risk.startswith("The language model"))
        for told, a in (("alone", asked_for("demanding")), ("backed", backed))
    }  # fmt: skip
    assert severities == {"alone": "medium", "backed": "low"}
    zones = [r for r in advised(asked_for("plain"), design("aws-lightsail")).risks
             if "one zone" in r.risk]  # fmt: skip
    assert len(zones) == 1


def test_phases_bring_their_work_when_they_begin() -> None:
    change = Change(what="sessions to Redis", why="replicas", proof=SOURCE)
    phases = (
        Phase(name="start", month=0, peak_rps=1, until_rps=5, design="a", platform="p",
              monthly_usd=Decimal(1), changes=(change,)),
        Phase(name="growth", month=6, peak_rps=5, until_rps=None, design="b", platform="q",
              monthly_usd=Decimal(9), changes=(replace(change, what="a queue"),),
              migration=("copy the data",)),
    )  # fmt: skip
    of_fact = replace(change, what="said twice", proof=FACTS[3].proof)
    twice = (replace(phases[0], changes=(change, of_fact)), phases[1])
    both = advised(asked_for("demanding"), design("aws-fargate"), twice)
    tasks = [task.task for task in both.roadmap]
    assert "sessions to Redis" in tasks and "said twice" not in tasks

    told = advised(asked_for("plain"), design("aws-fargate"), phases)
    assert told.phases == phases
    weeks = {task.task: task.week for task in told.roadmap}
    assert weeks["sessions to Redis"] == 1 and weeks["a queue"] == 26
    assert weeks["Move to the phase growth: b: copy the data"] == 26


def test_without_a_design_the_app_is_still_judged() -> None:
    told = advice(asked_for("demanding"), None)
    assert told.roadmap and told.risks and not told.controls
    assert not told.targets and not told.procedures
    assert done(told, "A health route answers")
