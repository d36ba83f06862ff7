"""The work by week: what this app and this platform need, and nothing else.

The stages follow one another, one a week; a stage without work takes no week. Hours are told where
a source gives them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from math import ceil
from typing import NamedTuple

from seatrial.assessor.scored import clock
from seatrial.kernel.advice import Control, Phase, Task
from seatrial.planner.advice.ground import App, Ground, places
from seatrial.planner.advice.shown import shown

WEEKS_PER_MONTH = 52 / 12
GRAVE = ("high", "medium")

BILLED = {
    "load balancer": "the load balancer", "network": "the network",
    "registry": "the image registry",
    "secrets": "the store of secrets", "gateway": "the gateway", "logs": "the logs",
    "monitoring": "the metrics and alarms", "control plane": "the cluster",
    "frontend": "the frontend",
}  # fmt: skip


class Work(NamedTuple):
    """One piece of work before it has its week."""

    task: str
    because: str
    hours: float | None = None


class Wanted(NamedTuple):
    """What the stages look at."""

    app: App
    ground: Ground
    phases: Sequence[Phase]
    controls: Sequence[Control]


Stage = Callable[[Wanted], Iterator[Work]]


def code(app: App, phases: Sequence[Phase]) -> Iterator[Work]:
    """What has to change in the code: the dangers that have a fix, the gravest first."""
    for severity in GRAVE:
        for rule in sorted(app.facts):
            facts = [f for f in app.facts[rule] if f.severity == severity and f.fix]
            if facts:
                first = facts[0]
                yield Work(
                    first.fix[:1].upper() + first.fix[1:],
                    f"{rule} ({severity}): {first.subject}, {places(facts)}",
                )
    dangers = [f for many in app.facts.values() for f in many if f.fix and f.severity in GRAVE]
    told = {(f.proof.file, f.proof.line) for f in dangers}
    for change in (c for phase in phases[:1] for c in phase.changes):
        if change.proof.line and (change.proof.file, change.proof.line) in told:
            continue  # the fact that it is from has its task
        yield Work(change.what, f"{change.why} ({change.proof})")


def account(wanted: Wanted) -> Iterator[Work]:
    """The account, the domain, the first infrastructure."""
    ground = wanted.ground
    platform, design = ground.platform, ground.design
    if platform.kind != "machine":
        yield Work(
            f"Open the account for {platform.name}, with two-factor sign-in and a billing alarm",
            f"everything runs in {design.region}",
        )
    yield from infrastructure(ground)
    secrets = wanted.app.found(("env.secret",))
    if secrets:
        names = ", ".join(dict.fromkeys(fact.subject for fact in secrets))
        yield Work(f"Make production's secrets and store them: {names}", places(secrets))


def infrastructure(ground: Ground) -> Iterator[Work]:
    """The platform, and each service that the design holds."""
    platform, design = ground.platform, ground.design
    parts = dict.fromkeys(line.component for line in ground.chosen.bill.lines)
    beside = [BILLED[part] for part in parts if part in BILLED]
    hours = platform.operations.setup_hours
    how = "apply the Terraform that `seatrial bundle` writes" if platform.bundled else "set up"
    if platform.kind == "machine":
        how = "start what `seatrial bundle` writes"
    with_it = f", with {', '.join(beside)}" if beside else ""
    source = f"{hours.source}, as of {hours.as_of}" if hours else "no source gives the hours"
    yield Work(
        f"{platform.name} in {design.region}: {how}, {design.replicas_min} to "
        f"{design.replicas_max} replicas of {design.size}{with_it}",
        f"the chosen design; {source}",
        hours.value if hours else None,
    )
    for attached in design.attached:
        if attached.kind == "llm":
            continue
        options = ", ".join(f"{k} {v}" for k, v in sorted(attached.options.items()))
        name = " ".join(filter(None, (attached.kind, attached.size)))
        yield Work(
            f"Create {name}" + (f" ({options})" if options else ""),
            "the chosen design holds it" + _user(ground, attached.kind),
        )


def _user(ground: Ground, kind: str) -> str:
    service = ground.app.service(kind)
    return f": the app uses it ({service.proof})" if service else ""


def front(wanted: Wanted) -> Iterator[Work]:
    """Domain, certificate, delivery, data."""
    found = shown("tls", wanted.app, wanted.ground)
    yield Work("The domain, its certificate, and the name that points to the app", found.evidence)
    yield Work(
        "Delivery: tests, image, deployment and the way back, from the main branch",
        "a bad deployment is the most frequent outage of all (assessor/simulate/failures.toml, "
        "change-failure-share)",
    )
    if wanted.ground.stores:
        tool = shown("migrations", wanted.app, wanted.ground)
        yield Work("Run migrations as a step of the delivery, once for each release", tool.evidence)
    sqlite = wanted.app.service("sqlite")
    if sqlite is not None and wanted.ground.stores:
        yield Work(
            "Move the data from SQLite, on a copy first, and count rows on both sides",
            f"the app writes SQLite today ({sqlite.proof})",
        )


def watch(wanted: Wanted) -> Iterator[Work]:
    """Monitoring, and what the standards ask of the infrastructure."""
    found = shown("alarms", wanted.app, wanted.ground)
    yield Work("Monitoring: the targets of this plan as alarms that reach a person", found.evidence)
    if shown("health-route", wanted.app, wanted.ground).state == "no":
        yield Work("Add a health route that touches neither the database nor a model", "none found")
    asked = wanted.ground.asked.demand.compliance.standards
    missing: dict[str, list[str]] = {}
    for control in wanted.controls:
        if control.met == "missing" and control.standard in asked:
            ref = control.control.partition(":")[0]
            missing.setdefault(control.evidence, []).append(f"{control.standard} {ref}")
    for evidence, refs in missing.items():
        yield Work(f"Close the gap: {evidence}", ", ".join(refs))
    if not asked:
        open_ = [
            name for name in ("least-privilege", "network-closed", "secrets-store", "image-scan")
            if shown(name, wanted.app, wanted.ground).state != "yes"
        ]  # fmt: skip
        for name in open_:
            yield Work(
                f"Security: {name.replace('-', ' ')}",
                shown(name, wanted.app, wanted.ground).evidence,
            )


def trial(wanted: Wanted) -> Iterator[Work]:
    """Load and recovery, before anybody depends on it."""
    promise, slo = wanted.ground.chosen.promise, wanted.ground.asked.demand.slo
    yield Work(
        f"Load trial at {promise.rate_rps:.3g} requests/s and twice that, then plan again with it",
        f"the promise of {slo.latency_ms_p95:g} ms p95 is computed, not yet measured there",
    )
    events = wanted.ground.asked.demand.traffic.events
    if events:
        most = max(event.factor for event in events)
        yield Work(f"Rehearse the event: x{most:g} within minutes", "stated in [demand] events")
    zone = wanted.ground.recovery("zone loss")
    if zone is not None:
        yield Work(
            "Recovery trial: a replica, a bad deployment"
            + (", a restore of the database" if wanted.ground.stores else ""),
            f"the plan counts with an RTO of {clock(zone.rto_s)} for a lost zone",
        )


def live(wanted: Wanted) -> Iterator[Work]:
    """The day itself, and the week after."""
    yield Work("Go live: both checklists done, a share of the traffic first, then all", "this plan")
    yield Work(
        "Watch the targets for a week; compare the first bill with the plan's, line by line",
        "estimates leave lines out; the forgotten ones are marked in the bill",
    )


STAGES: tuple[Stage, ...] = (account, front, watch, trial, live)


def roadmap(
    app: App, ground: Ground | None, phases: Sequence[Phase], controls: Sequence[Control]
) -> tuple[Task, ...]:
    """All work, by week from the first on."""
    stages = [list(code(app, phases))]
    if ground is not None:
        wanted = Wanted(app, ground, phases, controls)
        stages += [list(stage(wanted)) for stage in STAGES]
    weeks = [works for works in stages if works]
    told = [
        Task(week=week, task=work.task, hours=work.hours, because=work.because)
        for week, works in enumerate(weeks, start=1)
        for work in dict.fromkeys(works)
    ]
    told += _later(phases, len(weeks))
    return tuple(told)


def _later(phases: Sequence[Phase], last: int) -> Iterator[Task]:
    """What the phases ask for before their months begin."""
    for phase in phases[1:]:
        if phase.month == 0:  # without growth nobody knows when it begins
            continue
        week = max(last + 1, ceil(phase.month * WEEKS_PER_MONTH))
        for change in phase.changes:
            because = f"{change.why} ({change.proof})"
            yield Task(week=week, task=change.what, hours=None, because=because)
        steps = "; ".join(phase.migration)
        yield Task(
            week=week,
            task=f"Move to the phase {phase.name}: {phase.design}"
            + (f": {steps}" if steps else ""),
            hours=None,
            because=f"the peak is {phase.peak_rps:.3g} requests/s from month {phase.month} on",
        )
