"""Apps, demands and small random catalogues that tests of the planner share."""

from __future__ import annotations

import random
from decimal import Decimal

from msgspec.structs import replace

from seatrial.catalog.load import load
from seatrial.kernel.demand import (
    SHAPES,
    Budget,
    Compliance,
    Demand,
    Event,
    Llm,
    Preferences,
    RecoveryTargets,
    Slo,
    Traffic,
    Uploads,
    Work,
)
from seatrial.kernel.design import Design
from seatrial.kernel.platform import (
    BillLine,
    Capabilities,
    Catalog,
    Failure,
    Limits,
    ManagedService,
    Operations,
    Platform,
    Price,
    Provider,
    Region,
    Scaling,
    Size,
    Sourced,
)
from seatrial.kernel.simulation import Estimate, HourOutlook, Simulation
from seatrial.kernel.workload import (
    Component,
    ComponentKind,
    Fact,
    Measured,
    Proof,
    Route,
    Service,
    ServiceTime,
    Workload,
)

CATALOG = load()
HERE = Size(name="share", vcpu=1.0, memory_mib=4096)
SOURCE = Proof(kind="source", rule="service", file="app/db.py", line=12)
AS_OF = "2026-11-21"


def route(path: str, mean_ms: float, cpu_ms: float) -> Route:
    quantiles = tuple(mean_ms * (0.7 + 0.6 * (i + 0.5) / 40) for i in range(40))
    time = ServiceTime(
        requests=200, mean_ms=mean_ms, cpu_ms_mean=cpu_ms, scv=0.03, quantiles_ms=quantiles,
        response_bytes_mean=9000.0,
    )  # fmt: skip
    return Route(path=path, methods=("GET",), endpoint=path, proof=SOURCE, service_time=time)


def workload(
    mean_ms: float = 8.0,
    memory_mib: float = 70.0,
    *,
    postgresql: bool = True,
    measured: bool = True,
    facts: tuple[Fact, ...] = (),
    cpu_share: float = 0.9,
) -> Workload:  # fmt: skip
    services = [Service(kind="sqlite", required=False, proof=SOURCE)]
    if postgresql:
        services.append(
            Service(kind="postgresql", env="DATABASE_URL", required=False, proof=SOURCE)
        )
    taken = Measured(
        boot_s=1.0, memory_mib_worker=memory_mib, memory_mib_idle=memory_mib, machine="test",
        proof=Proof(kind="measured", rule="measure", note="200 requests a route"),
    )  # fmt: skip
    web = Component(
        name="web", kind="web", framework="flask", interface="wsgi",
        entry="wsgi:app", command=("run",), port=8000,
        routes=(
            route("/", mean_ms, mean_ms * cpu_share),
            route("/slow", 3 * mean_ms, 2 * mean_ms * cpu_share),
        ),
        services=tuple(services), measured=taken if measured else None, facts=facts,
    )  # fmt: skip
    return Workload(app="small", source_digest="0", components=(web,))


def demand(requests_per_day: float = 500_000, **slo: float) -> Demand:
    return Demand(traffic=Traffic(requests_per_day=requests_per_day), slo=Slo(**slo))


def some_workload(chance: random.Random) -> Workload:
    """An app of any speed, with a database or without, waiting or computing."""
    facts = (Fact(rule="state.module-mutable", subject="CACHE", proof=SOURCE),)
    made = workload(
        mean_ms=chance.choice((2, 8, 40, 200)),
        memory_mib=chance.choice((60, 200, 700)),
        measured=chance.random() < 0.9,
        postgresql=chance.random() < 0.8,
        facts=facts if chance.random() < 0.2 else (),
        cpu_share=chance.choice((0.9, 0.1)),
    )
    services = list(made.web.services)
    if chance.random() < 0.5:
        services = [s for s in services if s.kind != "sqlite"]
    if chance.random() < 0.3:
        services.append(Service(kind="redis", env="REDIS_URL", proof=SOURCE))
    if chance.random() < 0.3:
        services.append(Service(kind="s3", required=chance.random() < 0.3, proof=SOURCE))
    if chance.random() < 0.3:
        services.append(Service(kind="llm", provider="v", proof=SOURCE))
    said = [Fact(rule="upload.accepted", subject="/slow", proof=SOURCE),
            Fact(rule="llm.model", subject="m1", proof=SOURCE)]  # fmt: skip
    told = (*made.web.facts, *(fact for fact in said if chance.random() < 0.5))
    web = replace(made.web, services=tuple(services), facts=told)
    return replace(made, components=(web, *some_beside(chance)))


def some_beside(chance: random.Random) -> list[Component]:
    """No worker or some, a scheduler or none; measured or not."""
    kinds: list[ComponentKind] = [
        "worker" for _ in range(chance.choice((0, 0, 0, 1, 2)))
    ]  # fmt: skip
    kinds += ["scheduler"] if chance.random() < 0.15 else []
    return [
        Component(
            name=f"{kind}{number}", kind=kind, framework="celery", entry="app", command=("run",),
            port=0, measured=None if chance.random() < 0.5 else Measured(
                boot_s=1.0, memory_mib_worker=chance.choice((90, 900)), memory_mib_idle=90,
                machine="test", proof=SOURCE,
            ),
        )
        for number, kind in enumerate(kinds)
    ]  # fmt: skip


def some_demand(chance: random.Random) -> Demand:
    events = (Event(hour=chance.uniform(0, 167), duration_h=chance.uniform(0.5, 5), factor=6.0),)
    return Demand(
        traffic=Traffic(
            requests_per_day=10 ** chance.uniform(3, 6.5),
            hourly_weights=SHAPES[chance.choice(sorted(SHAPES))],
            events=events if chance.random() < 0.3 else (),
        ),
        slo=Slo(
            availability_percent=chance.choice((95.0, 99.0, 99.9, 99.95)),
            latency_ms_p95=chance.choice((30.0, 200.0, 2000.0)),
            latency_ms_p99=chance.choice((60.0, 500.0, 5000.0)),
        ),
        budget=Budget(
            cost_usd_month=chance.choice((None, None, Decimal("99.99"), Decimal(400))),
            ops_usd_hour=chance.choice((None, Decimal(40))),
        ),
        recovery=RecoveryTargets(
            rto_s=chance.choice((None, None, 300.0, 5000.0)),
            rpo_s=chance.choice((None, None, 0.0, 600.0)),
            region_rto_s=chance.choice((None, None, None, 3600.0)),
            region_rpo_s=chance.choice((None, None, None, None, 0.0, 900.0)),
        ),
        compliance=Compliance(
            standards=chance.choice(((), (), ("soc2",), ("hipaa", "gdpr"))),
            residency=chance.choice(((), (), ("us",), ("eu",), ("IE",))),
        ),
        preferences=Preferences(
            commitments=chance.choice(((), ("reserved-1y-none",), ("reserved-1y-none", "spot"))),
            without=chance.choice(((), (), ("p1",))),
        ),
        region=chance.choice(("a-us", "a-us", "a-eu", "b-eu", "us-east-1")),
        llm=Llm(
            model=chance.choice(("", "v/m2", "v/none")),
            input_tokens_call=chance.choice((None, 900.0)), output_tokens_call=50.0,
            calls_per_day=chance.choice((None, 1234.5)),
        ),
        work=Work(
            tasks_per_day=chance.choice((None, 50_000.0)), task_s=chance.choice((None, 0.7, 9.0))
        ),
        uploads=Uploads(mib=chance.choice((None, 1.5)), kept_days=30.0),
    )  # fmt: skip


def small_catalog(chance: random.Random) -> Catalog:
    """One to three platforms of two providers, few sizes, some prices missing."""
    providers = (
        Provider(id="a", name="A", regions=(
            Region(id="a-us", name="u", country="US", area="us-east"),
            Region(id="a-eu", name="e", country="IE", area="eu-west"),
        )),
        Provider(id="b", name="B", regions=(
            Region(id="b-eu", name="e", country="GB", area="eu-west"),
            Region(id="b-us", name="u", country="US", area="us-west"),
        )),
    )  # fmt: skip
    platforms = tuple(some_platform(f"p{n}", chance) for n in range(chance.randint(1, 3)))
    prices = [row for p in platforms for row in some_prices(p, providers, chance)]
    lag = Sourced(value=300.0, source="s", as_of=AS_OF)
    services = tuple(
        replace(service(kind, p), replica_lag_s=chance.choice((None, lag, lag)))
        for kind in ("postgresql", "redis") for p in ("a", "b") if chance.random() < 0.9
    )  # fmt: skip
    for one in services:
        for region in next(p for p in providers if p.id == one.provider).regions:
            for size in one.sizes:
                for deployment in ("single-az", "multi-az"):
                    if chance.random() < 0.9:
                        prices.append(row(
                            one.provider, one.kind, f"{size.name}/{deployment}", region.id,
                            chance.randint(1, 9) * size.vcpu * (2 if deployment[0] == "m" else 1)
                            / 100,
                        ))  # fmt: skip
    services += (*(storage(p) for p in "ab" if chance.random() < 0.9), LANGUAGE)
    services += tuple(dns(p) for p in "ab" if chance.random() < 0.8)
    prices += [row(p, "dns", sku, "*", 0.5) for p in "ab" for sku in ("zone", "check")]
    prices += [row(p, "storage", sku, "*", usd) for p in "ab"
               for sku, usd in (("gib", 0.02), ("write", 5e-6))]  # fmt: skip
    prices += [row("llm", "tokens", f"v/{sku}", "*", usd) for sku, usd in
               (("m1/in", 1e-6), ("m1/out", 5e-6), ("m2/in", 3e-6), ("m2/out", 1e-5))]  # fmt: skip
    return Catalog(
        platforms=platforms, services=services, providers=providers, prices=tuple(prices),
        digest="small",
    )  # fmt: skip


def storage(provider: str) -> ManagedService:
    return ManagedService(
        id=f"{provider}-object-storage", kind="object-storage", name="files", provider=provider,
        source="s", as_of=AS_OF, options={"storage_gib": "0", "writes_month": "0"},
        availability_percent={"*": Sourced(value=99.9, source="s", as_of=AS_OF)},
        bill=(
            BillLine(component="files", service="storage", sku="gib", meter="storage_gib"),
            BillLine(component="files", service="storage", sku="write", meter="writes_month"),
        ),
    )  # fmt: skip


def dns(provider: str) -> ManagedService:
    return ManagedService(
        id=f"{provider}-dns", kind="dns", name="names", provider=provider, source="s", as_of=AS_OF,
        options={"zones": "1", "health_checks": "0"},
        bill=(
            BillLine(component="dns", service="dns", sku="zone", meter="zones"),
            BillLine(component="dns", service="dns", sku="check", meter="health_checks"),
        ),
    )  # fmt: skip


LANGUAGE = ManagedService(
    id="llm", kind="llm", name="models", provider="*", source="s", as_of=AS_OF,
    options={"model": "v/m1", "input_tokens_month": "0", "output_tokens_month": "0"},
    choices={"model": ("v/m1", "v/m2")},
    bill=(
        BillLine(component="language model", service="tokens", sku="{model}/in",
                 meter="input_tokens_month", provider="llm"),
        BillLine(component="language model", service="tokens", sku="{model}/out",
                 meter="output_tokens_month", provider="llm"),
    ),
)  # fmt: skip


def service(kind: str, provider: str) -> ManagedService:
    sizes = tuple(Size(name=f"{kind[:2]}{n}", vcpu=float(n), memory_mib=2048 * n) for n in (1, 2))
    return ManagedService(
        id=f"{provider}-{kind}", kind=kind, name=kind, provider=provider, source="s", as_of=AS_OF,
        sizes=sizes, options={"deployment": "single-az", "storage_gib": "20"},
        choices={"deployment": ("single-az", "multi-az")},
        availability_percent={
            "single-az": Sourced(value=99.5, source="s", as_of=AS_OF),
            "multi-az": Sourced(value=99.95, source="s", as_of=AS_OF),
        },
        bill=(BillLine(
            component=kind, service=kind, sku="{size}/{deployment}", meter="hours",
            commitments=("reserved",),
        ),),
    )  # fmt: skip


def some_platform(name: str, chance: random.Random) -> Platform:
    kind = chance.choice(("containers", "containers", "servers", "functions"))
    bills = {
        "containers": (
            BillLine(component="vcpu", service=name, sku="vcpu", meter="replica_vcpu_hours",
                     commitments=("reserved",)),
            BillLine(component="memory", service=name, sku="gib", meter="replica_gib_hours"),
            BillLine(component="requests", service=name, sku="request", meter="requests",
                     included=Decimal(1_000_000)),
            BillLine(component="network", service=name, sku="far", meter="cross_region_gib"),
        ),
        "servers": (
            BillLine(component="servers", service=name, sku="{size}", meter="server_hours",
                     commitments=("reserved", "spot")),
            BillLine(component="credits", service=name, sku="credit", meter="surplus_vcpu_hours"),
            BillLine(component="network", service=name, sku="far", meter="cross_region_gib"),
            BillLine(component="balancer", service=name, sku="balancer", meter="hours"),
        ),
        "functions": (
            BillLine(component="requests", service=name, sku="request", meter="requests"),
            BillLine(component="time", service=name, sku="gib-s", meter="request_gib_seconds"),
            BillLine(component="nat", service=name, sku="nat", meter="nat_hours"),
        ),
    }[kind]  # fmt: skip
    limit = Sourced(value=chance.choice((2.0, 3.0, 6.0)), source="s", as_of=AS_OF)
    functions = kind == "functions"
    return Platform(
        id=name, name=name.upper(), kind=kind, provider=chance.choice("ab"), source="s",  # type: ignore[arg-type]
        as_of=AS_OF, status=chance.choice(("available", "available", "available", "ended")),
        bundled=chance.random() < 0.5,
        sizes=tuple(
            Size(name=f"s{n}", vcpu=vcpu, memory_mib=int(1024 * vcpu * chance.choice((1, 4))),
                 baseline=chance.choice((1.0, 0.2)),
                 replicas_max=chance.choice((0, 0, 2)))
            for n, vcpu in enumerate(chance.sample((0.25, 1.0, 2.0), chance.randint(1, 2)))
        ),
        limits=Limits(
            request_s=chance.choice((None, Sourced(value=0.3, source="s", as_of=AS_OF))),
            replicas_max=limit,
            concurrency=Sourced(value=1, source="s", as_of=AS_OF) if functions else None,
            replicas_min=chance.choice((0, 1)),
        ),
        scaling=Scaling(
            mechanism="per-request" if functions else chance.choice(("target-tracking", "hpa")),
            to_zero=chance.random() < 0.3,
        ),
        failure=Failure(zone_loss=chance.choice(("survives", "moves", "down"))),
        capabilities=Capabilities(
            autoscaling=chance.random() < 0.6, shared_memory=not functions,
            persistent_disk=chance.random() < 0.5, websockets=True, zones=chance.choice((1, 2, 3)),
            managed_database=chance.random() < 0.8, background=chance.random() < 0.8,
            multi_region=chance.choice(("none", "dns", "dns")),
            arm=chance.random() < 0.2,
            compliance=chance.choice(((), ("SOC 2",), ("SOC 2", "HIPAA"))),
        ),
        operations=Operations(
            month_hours=chance.choice((None, Sourced(value=2.0, source="s", as_of=AS_OF)))
        ),
        availability_percent=chance.choice(
            ((), (Sourced(value=99.99, source="s", as_of=AS_OF),))
        ),
        bill=bills,
    )  # fmt: skip


def row(
    provider: str, name: str, sku: str, region: str, usd: float, terms: str = "on-demand"
) -> Price:
    return Price(
        provider=provider, service=name, sku=sku, region=region, unit="u",
        price_usd=Decimal(str(round(usd, 7))), commitment=terms, source="s", as_of=AS_OF,
    )  # fmt: skip


def some_prices(
    platform: Platform, providers: tuple[Provider, ...], chance: random.Random
) -> list[Price]:
    """A price for almost every line, some under terms too."""
    usual = {"vcpu": 0.04, "gib": 0.0044, "request": 4e-7, "credit": 0.05, "gib-s": 1.7e-5,
             "nat": 0.045, "far": 0.02, "balancer": 0.02}  # fmt: skip
    rows = []
    for region in next(p for p in providers if p.id == platform.provider).regions:
        for line in platform.bill:
            skus = [s.name for s in platform.sizes] if "{" in line.sku else [line.sku]
            for sku in skus:
                usd = usual.get(sku, 0.03) * chance.uniform(0.5, 2)
                if chance.random() < 0.95:
                    rows.append(row(platform.provider, line.service, sku, region.id, usd))
                for family in line.commitments:
                    terms = "spot" if family == "spot" else "reserved-1y-none"
                    if chance.random() < 0.7:
                        rows.append(
                            row(platform.provider, line.service, sku, region.id, usd * 0.6, terms)
                        )
    return rows


def simulation(design: Design, p95: float) -> Simulation:
    """A week in which all percentiles of a design are about the same."""
    said = Estimate(value=p95, low=p95 - 1, high=p95 + 1)
    hour = HourOutlook(hour=20, rate_rps=1.0, replicas=1.0, latency_ms_p95=p95, error_percent=0.0)
    return Simulation(
        design=design.id, method="m", seed=1, latency_ms_p50=said, latency_ms_p95=said,
        latency_ms_p99=said, error_percent=said, availability_percent=Estimate(value=99.99),
        replica_hours_month=said, cost_usd_month=said, replicas_peak=1.0, worst=hour, week=(hour,),
    )  # fmt: skip
