"""What follows from a decision, for the reporter's tests: simulation, dimensions, advice."""

from __future__ import annotations

import math
from decimal import Decimal
from typing import Any, NamedTuple, get_args

import msgspec

from seatrial.kernel.advice import (
    Advice,
    Change,
    Check,
    Control,
    Flip,
    Phase,
    PlatformYears,
    Procedure,
    Risk,
    Saving,
    ScenarioChoice,
    Target,
    Task,
)
from seatrial.kernel.assessment import Assessment, Dimension, DimensionName
from seatrial.kernel.plan import Point
from seatrial.kernel.quote import BreakEven, Crossing, UserCost, Year
from seatrial.kernel.simulation import (
    Estimate,
    FailureOutlook,
    HourOutlook,
    Recovery,
    Simulation,
)
from seatrial.kernel.workload import Proof

DAY = (4, 2, 1, 1, 1, 1, 2, 3, 4, 5, 5, 6, 7, 7, 7, 8, 9, 11, 13, 15, 16, 14, 11, 7)
TIMES = (0.8, 0.8, 0.85, 0.9, 1.0, 1.9, 1.3)
GDPR = "https://eur-lex.europa.eu/eli/reg/2016/679/oj"
AWS_SLA = "https://aws.amazon.com/compute/sla/"


def fact(rule: str, file: str, line: int, note: str = "") -> Proof:
    """Something read from a file."""
    return Proof(kind="source", rule=rule, file=file, line=line, note=note)


class Everything(NamedTuple):
    """Assessments with simulation and dimensions, and what the plan says of them."""

    rated: tuple[Assessment, ...]
    front: tuple[Point, ...]
    scenarios: tuple[ScenarioChoice, ...]
    years: tuple[PlatformYears, ...]
    break_even: tuple[BreakEven, ...]
    savings: tuple[Saving, ...]
    flips: tuple[Flip, ...]
    advice: Advice


def everything(*items: Assessment) -> Everything:
    """Everything a full plan holds beyond its assessments."""
    rated = tuple(_rated(item, at) for at, item in enumerate(items))
    return Everything(
        rated=rated,
        front=_front(rated),
        scenarios=_scenarios(rated),
        years=tuple(_years(item) for item in rated[:4:2]),
        break_even=(_curve("aws-fargate", "gcp-cloud-run", 1.0),
                    _curve("aws-fargate", "aws-lambda", 0.4)),
        savings=_savings(rated[0]),
        flips=_flips(rated),
        advice=_advice(rated),
    )  # fmt: skip


def _rated(item: Assessment, at: int) -> Assessment:
    names = get_args(DimensionName)
    dimensions = tuple(
        Dimension(
            name=name,
            score=None if (at, place) == (3, 11) else float((3 * place + 5 * at + place * at) % 11),
            because=f"{name} counts {place + 1} facts of the catalogue, {at + place} are met",
            proof=fact(f"dimension.{name}", f"platforms/{item.design.platform}.toml", 20 + place),
        )
        for place, name in enumerate(names)
    )
    simulated = simulation(item) if item.promise.latency_ms_p95 is not None else None
    return msgspec.structs.replace(item, dimensions=dimensions, simulation=simulated)


def simulation(item: Assessment) -> Simulation:
    """A simulated week with a race on Saturday."""
    p95 = item.promise.latency_ms_p95 or 0.0
    low, high = item.design.replicas_min, item.design.replicas_max
    week = []
    for hour in range(168):
        rate = DAY[hour % 24] * TIMES[hour // 24] * 0.12
        load = rate / 3.6
        kept = min(float(high), max(float(low), math.ceil(load * high)))
        late = p95 * (0.62 + 0.5 * load**3)
        week.append(
            HourOutlook(hour=hour, rate_rps=rate, replicas=kept, latency_ms_p95=late,
                        error_percent=0.01 * load)
        )  # fmt: skip
    worst = max(week, key=lambda one: one.latency_ms_p95 or 0.0)

    def near(value: float, share: float) -> Estimate:
        return Estimate(value=value, low=value * (1 - share), high=value * (1 + share))

    return Simulation(
        design=item.design.id,
        method="a discrete-event model of the peak hour and a fluid model of the week",
        seed=20261121,
        latency_ms_p50=near(p95 * 0.33, 0.02),
        latency_ms_p95=near(p95 * 1.04, 0.06),
        latency_ms_p99=near(p95 * 1.9, 0.11),
        error_percent=Estimate(value=0.004, low=0.002, high=0.007),
        availability_percent=Estimate(value=99.957, low=99.941, high=99.969),
        replica_hours_month=near(730.0 * low * 1.08, 0.01),
        cost_usd_month=near(float(item.bill.monthly_usd or 90), 0.015),
        replicas_peak=float(high),
        worst=worst,
        week=tuple(week),
        failures=_failures(),
        recoveries=(
            Recovery(name="one replica", rto_s=0.0, rpo_s=0.0, how="the other one answers"),
            Recovery(name="a zone", rto_s=75.0, rpo_s=0.0, how="the standby becomes the primary"),
            Recovery(name="the database", rto_s=1500.0, rpo_s=300.0, how="restored to a moment"),
            Recovery(name="the region", rto_s=28_800.0, rpo_s=None, how="no copy elsewhere"),
        ),
        assumptions=("requests come independently within an hour", "a crash hits one replica"),
    )


def endless(item: Assessment) -> Simulation:
    """A simulation whose queue never empties."""
    none = Estimate(value=None)
    return msgspec.structs.replace(
        simulation(item), latency_ms_p50=none, latency_ms_p95=none, latency_ms_p99=none,
        week=tuple(
            HourOutlook(hour=hour, rate_rps=5e11, replicas=9e6, latency_ms_p95=None,
                        error_percent=100.0)
            for hour in range(168)
        ), failures=(),
    )  # fmt: skip


def _failures() -> tuple[FailureOutlook, ...]:
    rows = (
        ("database failover", 1.2, 75.0, 100.0, 0.0168, "https://aws.amazon.com/rds/sla/"),
        ("deployment", 52.0, 20.0, 2.0, 0.0066, "measured in the engine's own rollouts"),
        ("replica crash", 18.0, 41.0, 50.0, 0.0117, AWS_SLA),
        ("loss of a zone", 0.2, 180.0, 50.0, 0.0006, AWS_SLA),
        ("platform incident", 0.8, 900.0, 40.0, 0.0091, "https://health.aws.amazon.com/"),
    )
    return tuple(
        FailureOutlook(name=name, per_year=often, degraded_s=long, error_percent=errors,
                       unavailability_percent=share, source=source)
        for name, often, long, errors, share, source in rows
    )  # fmt: skip


def _front(rated: tuple[Assessment, ...]) -> tuple[Point, ...]:
    made = [
        Point(design=item.design.id, platform=item.design.platform,
              monthly_usd=item.bill.monthly_usd, latency_ms_p95=item.promise.latency_ms_p95 or 1.0,
              availability_percent=item.promise.availability_percent, rto_s=75.0,
              ops_hours_month=4.0)
        for item in rated[:3] if item.bill.monthly_usd is not None
    ]  # fmt: skip
    for at in range(24):
        platform = ("aws-fargate", "gcp-cloud-run", "do-app-platform", "aws-lightsail")[at % 4]
        made.append(
            Point(design=f"{platform}/us-east-1/size{at}x{1 + at % 3}", platform=platform,
                  monthly_usd=Decimal(60 + 11 * at), latency_ms_p95=90 + 5400 / (9 + at),
                  availability_percent=None if platform == "do-app-platform" else 99.9,
                  rto_s=60.0 + at, ops_hours_month=None)
        )  # fmt: skip
    return tuple(made)


def _scenarios(rated: tuple[Assessment, ...]) -> tuple[ScenarioChoice, ...]:
    chosen = rated[0].design.id
    return (
        ScenarioChoice(name="prototype", demand="200 requests a day, no SLO",
                       design="aws-lightsail/us-east-1/micro-2_0x1", platform="aws-lightsail",
                       monthly_usd=Decimal("10.00"), why="one small container does"),
        ScenarioChoice(name="small", demand="8,000 requests a day", design=chosen,
                       platform="aws-fargate", monthly_usd=Decimal("121.40"), why="cheapest"),
        ScenarioChoice(name="growing", demand="50,000 requests a day", design=chosen,
                       platform="aws-fargate", monthly_usd=Decimal("150.20"), why="cheapest"),
        ScenarioChoice(name="large", demand="400,000 a day around the clock", design=None,
                       platform="", monthly_usd=None, why="every design is over the budget"),
    )  # fmt: skip


def _years(item: Assessment) -> PlatformYears:
    month = item.bill.monthly_usd or Decimal(100)
    years = tuple(
        Year(year=at, growth=Decimal("2.5") ** (at - 1), replicas=2 * at, cash_usd=month * 12 * at,
             cloud_usd=month * 12 * at, ops_hours=Decimal(48), ops_usd=Decimal(2880),
             total_usd=month * 12 * at + 2880)
        for at in (1, 2, 3)
    )  # fmt: skip
    total = sum((year.total_usd or Decimal(0) for year in years), Decimal(0))
    return PlatformYears(platform=item.design.platform, design=item.design.id, years=years,
                         total_usd=total, usd_1000_requests=Decimal("0.0741234"),
                         usd_user_month=Decimal("0.10148"))  # fmt: skip


def _curve(first: str, second: str, factor: float) -> BreakEven:
    points = []
    for at in range(13):
        users = round(100 * 10 ** (at / 4))
        replicas = max(2, users // 4000)
        one = Decimal(90) + Decimal(36) * replicas
        other = Decimal(str(round(8 + users * 0.028 * factor, 2)))
        points.append(
            UserCost(daily_users=users, replicas=(replicas, 1),
                     monthly_usd=(one, None if at == 6 else other))
        )  # fmt: skip
    crossing = Crossing(daily_users=5_420, cheaper=first)
    return BreakEven(platforms=(first, second), points=tuple(points), cheaper_at_first=second,
                     assumptions=("45 requests a user and day", "on demand"),
                     crossings=(crossing,))  # fmt: skip


def _savings(chosen: Assessment) -> tuple[Saving, ...]:
    proof = fact("price.savings-plan", "prices/aws.csv", 812, "savings plan, 1 year, no upfront")
    design = chosen.design.id
    return (
        Saving(kind="commitment", move="Buy a one-year savings plan", design=design,
               saving_usd_month=Decimal("14.41"), against="Binds for a year", proof=proof),
        Saving(kind="arm", move="Build for ARM", design=design,
               saving_usd_month=Decimal("19.22"), against="Two packages have no ARM wheel",
               proof=fact("wheels.arm", "requirements.txt", 3)),
        Saving(kind="logs", move="Keep logs for 14 days", design=design,
               saving_usd_month=Decimal("0.62"), against="Audits ask for 90 days", proof=proof),
    )  # fmt: skip


def _flips(rated: tuple[Assessment, ...]) -> tuple[Flip, ...]:
    larger, run = rated[1].design.id, rated[2].design.id
    return (
        Flip(assumption="traffic", now="66,600 a day", tried="x0.25 to x8", value="159,000 a day",
             to=larger, monthly_usd=rated[1].bill.monthly_usd),
        Flip(assumption="prices", now="as of the catalogue", tried="-20 % to +20 %", value="+17 %",
             to=run, monthly_usd=rated[2].bill.monthly_usd),
        Flip(assumption="p95 target", now="500 ms", tried="100 ms to 2,000 ms", value="205 ms",
             to=larger, monthly_usd=rated[1].bill.monthly_usd),
        Flip(assumption="ops hours", now="no rate", tried="$0 to $120 an hour", value=None, to="",
             monthly_usd=None),
    )  # fmt: skip


def _advice(rated: tuple[Assessment, ...]) -> Advice:
    first, larger, run = rated[0], rated[1], rated[2]
    local = fact("state.local-files", "furlong/cards.py", 118)
    return Advice(
        phases=(
            _phase("start", 0, 3.1, 8.0, first),
            _phase("growth", 13, 8.0, 21.0, larger, changes=(
                Change(what="Write predictions to object storage", proof=local,
                       why="a replaced replica loses data/"),
                Change(what="Keep sessions in Redis", why="more replicas than one",
                       proof=fact("sessions.memory", "furlong/__init__.py", 31)),
            ), migration=("Add the bucket and write to both", "Copy the old files",
                          "Read from the bucket only")),
            _phase("scale", 24, 21.0, None, run, migration=("Copy the database with a replica",)),
        ),
        roadmap=(
            Task(week=1, task="Write the container image", hours=6, because="no Dockerfile found"),
            Task(week=1, task="Create the account and the network", hours=4, because="new account"),
            Task(week=2, task="Move the database", hours=8, because="SQLite in furlong/db.py:12"),
            Task(week=3, task="Alarms and dashboards", hours=5, because="monitoring targets"),
            Task(week=4, task="Rehearse the recovery", hours=None, because="RTO of 1 h asked"),
        ),
        checklist=(
            Check(phase="before migration", item="Dependencies are pinned", done=True,
                  evidence="requirements.txt: 10 of 10"),
            Check(phase="before migration", item="The app boots from its source", done=True,
                  evidence="booted in 3.82 s"),
            Check(phase="before migration", item="Secrets are out of the code", done=False,
                  evidence=""),
            Check(phase="go live", item="Load test at the peak", done=False, evidence=""),
            Check(phase="go live", item="Rollback was tried", done=False, evidence=""),
        ),
        risks=(
            Risk(risk="Predictions are lost with a replica", severity="high",
                 mitigation="Object storage before the second replica", proof=local),
            Risk(risk="The bill grows with traffic faster than planned", severity="medium",
                 mitigation="Alarm at 80 % of the budget",
                 proof=Proof(kind="assumed", rule="growth", note="x2.5 a year as stated")),
            Risk(risk="One region", severity="low", mitigation="Backups in another region",
                 proof=fact("region", "platforms/aws-fargate.toml", 52)),
        ),
        targets=(
            Target(metric="p95 latency", alarm="over 400 ms for 5 min", because="80 % of 500 ms"),
            Target(metric="error rate", alarm="over 0.1 % for 5 min", because="the SLO's budget"),
            Target(metric="database storage", alarm="over 16 GiB", because="80 % of 20 GiB"),
        ),
        procedures=(
            Procedure(loss="a zone", rto_s=75.0, rpo_s=0.0,
                      steps=("Nothing: the standby takes over", "Check the alarm has cleared")),
            Procedure(loss="the database", rto_s=1500.0, rpo_s=300.0,
                      steps=("Choose the time", "Restore to it", "Point DATABASE_URL to it")),
            Procedure(loss="the region", rto_s=28_800.0, rpo_s=None, steps=("Build it anew",)),
        ),
        controls=(
            Control(standard="gdpr", control="Art. 32: encryption at rest", met="met",
                    evidence="RDS and its backups are encrypted", source=GDPR),
            Control(standard="gdpr", control="Art. 17: erasure", met="owner",
                    evidence="needs a procedure of yours", source=GDPR),
            Control(standard="soc2", control="CC7.2: monitoring", met="met",
                    evidence="alarms on latency, errors, storage", source="AICPA TSC 2017, CC7.2"),
            Control(standard="soc2", control="A1.2: backups elsewhere", met="missing",
                    evidence="backups stay in us-east-1", source="AICPA TSC 2017, A1.2"),
        ),
    )  # fmt: skip


def _phase(name: Any, month: int, rps: float, until: float | None, item: Assessment,
           changes: tuple[Change, ...] = (), migration: tuple[str, ...] = ()) -> Phase:  # fmt: skip
    return Phase(name=name, month=month, peak_rps=rps, until_rps=until, design=item.design.id,
                 platform=item.design.platform, monthly_usd=item.bill.monthly_usd or Decimal(0),
                 changes=changes, migration=migration)  # fmt: skip
