"""Usage: what a month of a demand uses, from measured bodies and service times."""

from __future__ import annotations

from decimal import Decimal

import pytest

from seatrial.assessor.profile import Profile, RouteLoad
from seatrial.assessor.usage import BYTES_PER_GIB, RESPONSE_OVERHEAD_BYTES, Usage, usage_of
from seatrial.catalog.load import load
from seatrial.kernel.demand import SHAPES, Demand, Traffic
from seatrial.kernel.design import Database, Design
from seatrial.kernel.units import DAYS_PER_MONTH
from seatrial.kernel.workload import Component, Proof, Service, ServiceKind, Workload

PROOF = Proof(kind="measured", rule="test")


def service(kind: ServiceKind, env: str) -> Service:
    return Service(kind=kind, env=env, proof=PROOF)


def usage(
    requests_per_day: float = 86_400,
    body: float = 1024**2 - RESPONSE_OVERHEAD_BYTES,
    vcpu: float = 1.0,
    services: tuple[Service, ...] = (),
    database: Database | None = None,
    shape: str = "flat",
    replicas: int = 2,
    platform: str = "aws-lambda",
) -> Usage:
    route = RouteLoad(
        path="/", weight=1.0, mean_ms=100.0, cpu_ms=60.0, scv=1.0, quantiles_ms=(100.0,),
        response_bytes=body,
    )  # fmt: skip
    profile = Profile(
        routes=(route,), memory_mib_worker=100.0, boot_s=1.0, measured=True, proofs=(PROOF,)
    )
    component = Component(
        name="web", kind="web", framework="flask", interface="wsgi",
        entry="app:app", command=("app",), port=8000,
        services=services,
    )  # fmt: skip
    traffic = Traffic(requests_per_day=requests_per_day, hourly_weights=SHAPES[shape])
    return usage_of(
        Workload(app="a", source_digest="d", components=(component,)),
        Demand(traffic=traffic),
        profile,
        Design(
            platform="aws-fargate", region="us-east-1", size="s", vcpu=vcpu, memory_mib=2048,
            replicas_min=replicas, replicas_max=replicas, workers=1, threads=8, database=database,
        ),
        load().platform(platform),
    )  # fmt: skip


def test_requests_and_transfer() -> None:
    month = usage()
    assert month.requests_month == 86_400 * DAYS_PER_MONTH
    # one mebibyte a request: a 1,024th of the requests is the number of gibibytes
    assert month.egress_gib_month == pytest.approx(month.requests_month / 1024)
    assert month.log_gib_month == month.requests_month * 400 / BYTES_PER_GIB
    assert month.replica_hours_month == 1460


def test_less_than_a_processor_computes_longer() -> None:
    assert usage(vcpu=1.0).request_duration_s_mean == Decimal("0.1")
    assert usage(vcpu=4.0).request_duration_s_mean == Decimal("0.1")
    assert usage(vcpu=0.25).request_duration_s_mean == Decimal("0.28")


def test_load_balancer_units() -> None:
    # 25 new connections a second for every hour of the month are one unit in each
    busy = usage(requests_per_day=25 * 86_400, body=0.0)
    assert busy.load_balancer_units_hours == pytest.approx(Decimal(730))
    # 1 GiB of bodies an hour: the bytes outweigh the connections
    heavy = usage(requests_per_day=24, body=1024**3 - 1500.0)
    assert heavy.load_balancer_units_hours == pytest.approx(Decimal(730))
    assert usage(shape="evening").load_balancer_units_hours == pytest.approx(
        usage(shape="flat").load_balancer_units_hours
    )


def test_secrets_are_the_addresses_the_app_takes() -> None:
    assert usage().secrets == 0
    both = (service("postgresql", "DATABASE_URL"), service("llm", "OPENAI_API_KEY"))
    database = Database(instance="db.t4g.small")
    assert usage(services=both).secrets == 1
    assert usage(database=database).secrets == 1
    assert usage(services=both, database=database).secrets == 2
    assert usage(services=both, database=database, replicas=3).secret_requests_month == 2 * 3 * 20


def test_a_database_brings_an_alarm_of_its_own() -> None:
    assert usage().alarms == 4
    assert usage(database=Database(instance="db.t4g.small")).alarms == 5


def test_a_database_brings_crossings_and_gateways() -> None:
    assert usage().cross_zone_gib_month == 0 and usage().nat_gateways == 0
    single = usage(database=Database(instance="db.t4g.small"))
    double = usage(database=Database(instance="db.t4g.small", multi_az=True))
    assert (single.nat_gateways, double.nat_gateways) == (1, 2)
    # containers have addresses of their own
    assert (
        usage(database=Database(instance="db.t4g.small"), platform="aws-fargate").nat_gateways == 0
    )
    assert 0 < single.cross_zone_gib_month < single.egress_gib_month
    assert single.nat_gib_month == 0
    calls = usage(
        services=(service("llm", "KEY"),), database=Database(instance="db.t4g.small")
    ).nat_gib_month
    assert calls == pytest.approx(86_400 * DAYS_PER_MONTH * 8192 / BYTES_PER_GIB)
