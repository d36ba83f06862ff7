"""What may go wrong with this decision: from the app's facts, the design and the catalogue."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import groupby
from typing import Literal

from seatrial.assessor.scored import clock
from seatrial.assessor.simulate.failure_rates import packaged_rates
from seatrial.kernel.advice import Risk
from seatrial.kernel.workload import Fact, Proof
from seatrial.planner.advice.databases import connections
from seatrial.planner.advice.ground import App, Ground, has_standby, places

OLD_YEARS = 1
"""Price rows whose date is more than a year before the newest one are told as old."""

ORDER = {"high": 0, "medium": 1, "low": 2}

Severity = Literal["high", "medium", "low"]
AppRule = Callable[[App], Iterator[Risk]]
Rule = Callable[[Ground], Iterator[Risk]]


def of_facts(app: App) -> Iterator[Risk]:
    """Every danger that the profile found with severity high or medium, once for each rule."""
    for rule in sorted(app.facts):
        facts = [fact for fact in app.facts[rule] if fact.severity in ("high", "medium")]
        if facts:
            yield _of_fact(facts)


def _dangers(app: App) -> Iterator[Fact]:
    for facts in app.facts.values():
        yield from (fact for fact in facts if fact.severity in ("high", "medium"))


def _of_fact(facts: list[Fact]) -> Risk:
    first = min(facts, key=lambda fact: ORDER.get(fact.severity, 3))
    severity: Severity = "high" if first.severity == "high" else "medium"
    about = f"{first.subject}: {first.value}" if first.value else first.subject
    more = f", {len(facts)} places" if len(facts) > 1 else ""
    return Risk(
        risk=f"In the code ({first.rule}): {about} ({places(facts)}{more})",
        severity=severity,
        mitigation=first.fix or "change it before the migration",
        proof=first.proof,
    )


def unmeasured(app: App) -> Iterator[Risk]:
    """Service times that nobody measured carry every promise."""
    component = app.asked.component
    if component.measured is None:
        yield Risk(
            risk="Service times and memory are assumed: capacity and latency may be far off",
            severity="high",
            mitigation="boot the app with `seatrial profile`, then plan again",
            proof=app.asked.profile.proofs[0],
        )
    elif component.measured.proof.kind != "measured":
        yield Risk(
            risk="Service times and memory are stated, not measured",
            severity="medium",
            mitigation="run `seatrial profile` on the source, then plan again",
            proof=component.measured.proof,
        )
    left = [route for route in component.routes if route.service_time is None]
    if component.measured is not None and left:
        names = ", ".join(route.path for route in left[:4]) + (" ..." if len(left) > 4 else "")
        yield Risk(
            risk=f"{len(left)} of {len(component.routes)} routes are not measured: {names}",
            severity="medium",
            mitigation="give them an example in [app.examples], and profile again",
            proof=left[0].proof,
        )


def language_model(app: App) -> Iterator[Risk]:
    """A language model's provider is down some days a year."""
    service = app.service("llm")
    if service is None:
        return
    rate, lasts = packaged_rates().rates["llm-outage"], packaged_rates().amounts["llm-outage-s"]
    falls_back = app.found(("llm.fallback",))
    severity: Severity = "low" if falls_back else "medium"
    told = "another model is tried then" if falls_back else "nothing is tried instead"
    yield Risk(
        risk=(
            f"The language model's provider ({service.provider or 'not named'}) is down about "
            f"{rate.value:.1f} times a year for {clock(lasts.value)}; {told} ({service.proof})"
        ),
        severity=severity,
        mitigation="a time limit, a second provider behind it, and an answer for when both fail",
        proof=Proof(
            kind="declared", rule="risk.language-model",
            file="assessor/simulate/failures.toml", note=rate.told,
        ),
    )  # fmt: skip


def of_findings(ground: Ground) -> Iterator[Risk]:
    """What the rules found about the design that does not reject it."""
    told = {(f.proof.file, f.proof.line) for f in _dangers(ground.app)}
    for finding in ground.chosen.findings:
        place = (finding.proof.file, finding.proof.line)
        if finding.severity == "note" or (finding.severity == "risk" and place in told):
            continue
        yield Risk(
            risk=finding.sentence[:1].upper() + finding.sentence[1:],
            severity="high" if finding.severity == "violated" else "medium",
            mitigation=finding.fix or "accept it in writing, or ask for another design",
            proof=finding.proof,
        )


def one_zone(ground: Ground) -> Iterator[Risk]:
    """A lost zone takes the app, or its data, with it."""
    loss, zones = ground.platform.failure.zone_loss, ground.platform.capabilities.zones
    known = ground.recovery("zone loss")
    lasts = f" for {clock(known.rto_s)}" if known else ""
    if loss == "down" or zones < 2:
        yield Risk(
            risk=f"All replicas are in one zone: its loss takes the app down{lasts}",
            severity="medium",
            mitigation="a platform that spreads replicas over zones, or the recovery procedure",
            proof=ground.proof("risk.one-zone"),
        )
    for store in ground.stores:
        if has_standby(store):
            continue
        yield Risk(
            risk=f"{store.kind} runs in one zone: its loss takes the app down{lasts}",
            severity="medium",
            mitigation="a standby in another zone (multi-AZ), and a restore that was tried",
            proof=_service_proof(ground, store.kind, "risk.one-database"),
        )


def one_replica(ground: Ground) -> Iterator[Risk]:
    """Nothing answers while the only replica is replaced."""
    if ground.design.replicas_min == 1 and ground.platform.kind != "functions":
        restart = ground.platform.failure.restart_s
        lasts = f" for {clock(restart.value)}" if restart else ""
        note = f"{restart.source}, as of {restart.as_of}" if restart else ""
        yield Risk(
            risk=f"One replica runs most of the day: when it ends nobody answers{lasts}",
            severity="medium",
            mitigation="a second replica",
            proof=ground.proof("risk.one-replica", note),
        )


def connections_short(ground: Ground) -> Iterator[Risk]:
    """The replicas may ask for more connections than the database gives."""
    found = connections(ground)
    if found is not None and found.limit is not None and found.needed > found.limit:
        yield Risk(
            risk=(
                f"At most {found.needed} connections are asked for, the database takes about "
                f"{found.limit}"
            ),
            severity="high",
            mitigation="fewer connections in each worker, or a pooler before the database",
            proof=Proof(kind="declared", rule="risk.connections", file=found.file, note=found.told),
        )


def old_prices(ground: Ground) -> Iterator[Risk]:
    """Prices that were not looked at for more than a year."""
    newest = max(
        (row.as_of for row in ground.asked.catalog.prices if _dated(row.as_of)), default=""
    )
    if not newest:
        return
    limit = f"{int(newest[:4]) - OLD_YEARS}{newest[4:]}"
    old = [
        line for line in ground.chosen.bill.lines
        if not _dated(line.as_of) or line.as_of < limit
    ]  # fmt: skip
    if old:
        share = sum(line.monthly_usd for line in old)
        total = ground.chosen.bill.monthly_usd or share
        percent = 100 * share / total if total else 0
        names = ", ".join(dict.fromkeys(f"{line.service} ({line.as_of})" for line in old))
        yield Risk(
            risk=f"{percent:.0f} % of the bill rests on prices older than a year: {names}",
            severity="medium" if percent >= 20 else "low",
            mitigation="`seatrial prices refresh`, then plan again",
            proof=Proof(
                kind="declared", rule="risk.old-prices", file="catalog/prices",
                note=f"{old[0].source}, as of {old[0].as_of}",
            ),
        )  # fmt: skip


def _dated(as_of: str) -> bool:
    return len(as_of) >= 10 and as_of[:4].isdigit()


def leaving(ground: Ground) -> Iterator[Risk]:
    """What binds the app to the provider."""
    platform = ground.platform
    if platform.status != "available":
        yield Risk(
            risk=f"{platform.name} takes no new customers",
            severity="high",
            mitigation="choose another platform",
            proof=ground.proof("risk.status"),
        )
    if platform.capabilities.portability == "code":
        yield Risk(
            risk=f"Leaving {platform.name} means changing code",
            severity="medium",
            mitigation="keep the app a plain web app behind a thin adapter",
            proof=ground.proof("risk.portability"),
        )
    if ground.design.commitment not in ("on-demand", "spot"):
        yield Risk(
            risk=f"The commitment {ground.design.commitment} is paid whether it is used or not",
            severity="low",
            mitigation="commit after the load trial, and to what runs all day only",
            proof=ground.proof("risk.commitment"),
        )
    if "spot" in ground.design.commitment:
        rate = packaged_rates().rates["spot"]
        yield Risk(
            risk=f"Spot replicas are taken back about {rate.value:.1f} times a year each",
            severity="medium",
            mitigation="keep the replicas that run all day on demand, and drain within two minutes",
            proof=Proof(
                kind="declared", rule="risk.spot", file="assessor/simulate/failures.toml",
                note=rate.told,
            ),
        )  # fmt: skip


def no_agreement(ground: Ground) -> Iterator[Risk]:
    """Nobody owes anything when the platform is down."""
    if ground.chosen.promise.availability_percent is None:
        yield Risk(
            risk=f"No service level agreement covers this design on {ground.platform.name}",
            severity="low",
            mitigation="measure availability from outside, and keep a second place in mind",
            proof=ground.proof("risk.agreement"),
        )


APP_RISKS: tuple[AppRule, ...] = (of_facts, unmeasured, language_model)
RISKS: tuple[Rule, ...] = (
    of_findings, one_zone, one_replica, connections_short, old_prices, leaving, no_agreement,
)  # fmt: skip


def risks(app: App, ground: Ground | None) -> tuple[Risk, ...]:
    """All risks, the gravest first; those of equal weight in the order of the rules."""
    found = [risk for rule in APP_RISKS for risk in rule(app)]
    if ground is not None:
        found += [risk for rule in RISKS for risk in rule(ground)]
    ordered = sorted(found, key=lambda risk: ORDER[risk.severity])
    once: list[Risk] = []
    for _, same in groupby(ordered, key=lambda risk: risk.severity):
        once += list(dict.fromkeys(same))
    return tuple(once)


def _service_proof(ground: Ground, kind: str, rule: str) -> Proof:
    service = ground.asked.catalog.service(ground.platform.provider, kind)
    if service is None:
        return ground.proof(rule)
    return Proof(
        kind="declared", rule=rule, file=f"catalog/services/{service.id}.toml",
        note=f"{service.source}, as of {service.as_of}",
    )  # fmt: skip
