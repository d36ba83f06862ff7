"""What services are used for, and what runs beside the web component: both on the bill."""

from __future__ import annotations

from decimal import Decimal

import pytest
from msgspec.structs import replace

from seatrial.assessor.assess import Question, assess, question
from seatrial.assessor.beside import beside_of
from seatrial.assessor.language import UNKNOWN, model_of
from seatrial.assessor.space import counts_of, shaped, shapes_of
from seatrial.catalog.load import load
from seatrial.kernel.assessment import Assessment, Bill
from seatrial.kernel.demand import SHAPES, Demand, Llm, Traffic, Uploads, Work
from seatrial.kernel.design import Attached
from seatrial.kernel.platform import Size
from seatrial.kernel.workload import (
    Component,
    ComponentKind,
    Fact,
    Measured,
    Proof,
    Route,
    Service,
    ServiceKind,
    ServiceTime,
    Workload,
)
from seatrial.planner.search import search

CATALOG = load()
PROOF = Proof(kind="source", rule="test", file="app.py", line=1)
MONTH_DAYS = Decimal(730) / 24
HERE = Size(name="share", vcpu=1.0, memory_mib=4096)
REQUESTS = 10_000.0


def measured(memory_mib: float) -> Measured:
    return Measured(
        boot_s=1.0, memory_mib_worker=memory_mib, memory_mib_idle=memory_mib, machine="test",
        proof=PROOF,
    )  # fmt: skip


def route(path: str) -> Route:
    time = ServiceTime(
        requests=100, mean_ms=20.0, cpu_ms_mean=5.0, scv=0.1, quantiles_ms=(20.0,) * 40,
        response_bytes_mean=1000.0,
    )  # fmt: skip
    return Route(
        path=path, methods=("POST",), endpoint=path[1:], proof=PROOF, service_time=time
    )  # fmt: skip


def app(
    *kinds: ServiceKind, facts: tuple[Fact, ...] = (), beside: tuple[ComponentKind, ...] = ()
) -> Workload:
    """Four routes of equal weight, one of them `/ask`, one `/upload`."""
    web = Component(
        name="web", kind="web", framework="flask", interface="wsgi", entry="a:app", command=("r",),
        port=8000, routes=tuple(route(p) for p in ("/a", "/b", "/ask", "/upload")),
        services=tuple(Service(kind=k, provider="bedrock", proof=PROOF) for k in kinds),
        facts=facts, measured=measured(100),
    )  # fmt: skip
    others = tuple(
        Component(name=f"my-{kind}", kind=kind, framework="celery", entry="a", command=("c",),
                  port=0, measured=measured(400))
        for kind in beside
    )  # fmt: skip
    return Workload(app="app", source_digest="0", components=(web, *others))


CALLS = Fact(rule="time.llm-call", subject="boto3", value="in ask()", proof=PROOF)
HAIKU = "us.anthropic.claude-haiku-4-5-20251001-v1:0"
NAMED = Fact(rule="llm.model", subject=HAIKU, proof=PROOF)
TAKES = Fact(rule="upload.accepted", subject="upload(document)", proof=PROOF)


def on_fargate(
    workload: Workload, demand: Demand | None = None, services: tuple[Attached, ...] = ()
) -> Assessment:
    asked = question(workload, demand or Demand(traffic=traffic()), CATALOG)
    platform = CATALOG.platform("aws-fargate")
    shape = next(s for s in shapes_of(platform, "x86_64") if s.size == "1vcpu-2gb")
    (count,) = counts_of(platform, (2,))
    parts = beside_of(asked, platform, "us-east-1", "x86_64")
    design = shaped(platform, "us-east-1", shape, count, services=services, beside=parts)
    return assess(asked, design)


def traffic(requests_per_day: float = REQUESTS) -> Traffic:
    return Traffic(requests_per_day=requests_per_day, hourly_weights=SHAPES["flat"])


def quantity(bill: Bill, sku: str) -> Decimal:
    (line,) = [line for line in bill.lines if line.sku == sku]
    return line.quantity


MODEL = Attached(kind="llm", options={"model": "bedrock/claude-haiku-4-5"})


def test_tokens_are_calls_times_tokens_at_the_price_of_the_model() -> None:
    llm = Llm(input_tokens_call=3000, output_tokens_call=500)
    told = on_fargate(
        app("llm", facts=(CALLS, NAMED)), Demand(traffic=traffic(), llm=llm), (MODEL,)
    )  # fmt: skip
    calls = Decimal(REQUESTS) / 4 * MONTH_DAYS
    assert quantity(told.bill, "bedrock/claude-haiku-4-5/input-token") == pytest.approx(
        calls * 3000, abs=1
    )
    lines = [line for line in told.bill.lines if line.component == "language model"]
    # Bedrock's regional prices of Haiku 4.5: 1.10 and 5.50 USD for a million tokens.
    assert sum(line.monthly_usd for line in lines) == pytest.approx(
        calls * (3000 * Decimal("1.1e-6") + 500 * Decimal("5.5e-6")), abs=Decimal("0.01")
    )
    assert all(line.source and line.as_of for line in lines)
    assert not told.bill.unstated


def test_tokens_that_nobody_states_are_told_and_not_zero() -> None:
    told = on_fargate(app("llm", facts=(CALLS, NAMED)), services=(MODEL,))
    assert [u.sku for u in told.bill.unstated] == [
        "bedrock/claude-haiku-4-5/input-token", "bedrock/claude-haiku-4-5/output-token"
    ]  # fmt: skip
    assert "[llm] input_tokens_call" in told.bill.unstated[0].reason
    assert "0.0000011 USD" in told.bill.unstated[0].reason
    assert not [line for line in told.bill.lines if line.component == "language model"]
    found = {f.rule: f for f in told.findings}
    assert found["price.unstated"].severity == "risk"
    assert "service.not-planned" not in found


def test_more_traffic_means_more_tokens() -> None:
    llm = Llm(input_tokens_call=100, output_tokens_call=10)
    workload = app("llm", facts=(CALLS, NAMED))
    asked = question(workload, Demand(traffic=traffic(), llm=llm), CATALOG)
    twice = asked._replace(demand=replace(asked.demand, traffic=traffic(2 * REQUESTS)))
    one = on_fargate(workload, asked.demand, (MODEL,))
    few, many = tokens(assess(asked, one.design)), tokens(assess(twice, one.design))
    assert many == pytest.approx(2 * few, abs=1) and few > 0


def tokens(told: Assessment) -> Decimal:
    return quantity(told.bill, "bedrock/claude-haiku-4-5/input-token")


@pytest.mark.parametrize(
    ("facts", "llm", "model"),
    [
        ((NAMED,), Llm(), "bedrock/claude-haiku-4-5"),
        ((replace(NAMED, subject="global." + HAIKU[3:]),), Llm(),
         "bedrock-global/claude-haiku-4-5"),
        ((NAMED,), Llm(model="openai/gpt-4o"), "openai/gpt-4o"),
        ((NAMED, replace(NAMED, subject="anthropic.claude-opus-4-1-20250805-v1:0")), Llm(),
         UNKNOWN),
        ((Fact(rule="llm.fallback", subject="chain", value=f"{HAIKU} -> other", proof=PROOF),
          replace(NAMED, subject="anthropic.claude-opus-4-1-20250805-v1:0")), Llm(),
         "bedrock/claude-haiku-4-5"),
        ((replace(NAMED, subject="my-own-model"),), Llm(), UNKNOWN),
        ((), Llm(), UNKNOWN),
    ],
)  # fmt: skip
def test_the_model_is_stated_or_the_one_that_is_tried_first(
    facts: tuple[Fact, ...], llm: Llm, model: str
) -> None:
    assert model_of(app("llm", facts=facts).components, llm, CATALOG) == model


def test_a_model_without_a_price_leaves_the_bill_unpriced() -> None:
    llm = Llm(model="acme/none", input_tokens_call=1, output_tokens_call=1)
    model = Attached(kind="llm", options={"model": "acme/none"})
    told = on_fargate(app("llm", facts=(CALLS,)), Demand(traffic=traffic(), llm=llm), (model,))
    assert told.bill.monthly_usd is None
    assert "price.known" in {f.rule for f in told.violations}


def test_uploads_are_written_read_and_kept() -> None:
    demand = Demand(traffic=traffic(), uploads=Uploads(mib=2.0, kept_days=90))
    told = on_fargate(app("s3", facts=(TAKES,)), demand, (Attached(kind="object-storage"),))
    sent = Decimal(REQUESTS) / 4 * MONTH_DAYS
    assert quantity(told.bill, "standard/write-request") == pytest.approx(sent, abs=1)
    assert quantity(told.bill, "standard/storage") == pytest.approx(
        Decimal(REQUESTS) / 4 * 90 * 2 / 1024, abs=Decimal("0.01")
    )
    alone = on_fargate(app("s3", facts=(TAKES,)), None, (Attached(kind="object-storage"),))
    assert [u.sku for u in alone.bill.unstated] == ["standard/storage"]
    nobody = on_fargate(app("s3"), None, (Attached(kind="object-storage"),))
    assert len(nobody.bill.unstated) == 3


def test_a_service_that_the_app_can_spare_promises_nothing() -> None:
    stored = Attached(kind="object-storage")
    needed = on_fargate(app("s3"), None, (stored,)).promise.availability_percent
    spare = on_fargate(app("s3"), None, (replace(stored, spare=True),)).promise
    assert needed is not None and spare.availability_percent is not None
    assert needed < 99.9 < spare.availability_percent


def test_a_queue_is_billed_by_its_tasks() -> None:
    demand = Demand(traffic=traffic(), work=Work(tasks_per_day=1000))
    told = on_fargate(app("sqs"), demand, (Attached(kind="queue"),))
    assert quantity(told.bill, "standard/request") == pytest.approx(3000 * MONTH_DAYS, abs=1)
    assert on_fargate(app("sqs"), None, (Attached(kind="queue"),)).bill.unstated


def test_a_worker_is_on_the_bill_at_the_smallest_size_that_holds_it() -> None:
    told, alone = on_fargate(app(beside=("worker", "scheduler"))), on_fargate(app())
    worker, scheduler = told.design.beside
    # 400 MiB with 48 for the runtime and a quarter of headroom: 560.
    assert (worker.size, worker.replicas, scheduler.size) == ("0.25vcpu-1gb", 1, "0.25vcpu-1gb")
    assert worker.busy_hours_month is None and scheduler.busy_hours_month == 0
    assert told.bill.monthly_usd is not None and alone.bill.monthly_usd is not None
    # 730 h of a quarter vCPU, 1 GB and an address, each twice.
    each = 730 * (Decimal("0.04048") / 4 + Decimal("0.004445") + Decimal("0.005"))
    more = told.bill.monthly_usd - alone.bill.monthly_usd
    assert more == pytest.approx(2 * each, abs=Decimal("0.0001"))
    assert {line.component for line in told.bill.lines} >= {"worker", "scheduler"}
    assert "bundle.parts" in {f.rule for f in told.findings}
    assert "component.placed" not in {f.rule for f in told.findings}


def test_a_worker_gets_the_cheapest_of_the_small_sizes() -> None:
    """DigitalOcean sells half a gigabyte shared and dedicated, Azure fewer GiB for more money."""
    asked = question(app(beside=("worker",)), Demand(traffic=traffic()), CATALOG)
    for name, region, size in (
        ("do-app-platform", "nyc", "apps-s-1vcpu-1gb-fixed"),
        ("azure-app-service", "eastus", "P0v3"),
    ):
        platform = CATALOG.platform(name)
        (part,) = beside_of(asked, platform, region, "x86_64")
        assert part.size == size


def test_tasks_decide_how_many_workers_run() -> None:
    for tasks_per_day, size in (
        (1000, "0.25vcpu-1gb"), (1600, "0.5vcpu-1gb"), (15_500, "1vcpu-2gb")
    ):  # fmt: skip
        demand = Demand(traffic=traffic(), work=Work(tasks_per_day=tasks_per_day, task_s=8.64))
        (part,) = on_fargate(app(beside=("worker",)), demand).design.beside
        assert part.size == size
        # Seconds of work in a second; processors do no more than 0.6 of them each.
        work, each = tasks_per_day * 8.64 / 86_400, 0.6 * part.vcpu
        assert (part.replicas - 1) * each < work <= part.replicas * each
        assert part.busy_hours_month == pytest.approx(work / part.vcpu * 730)


def test_a_worker_without_a_place_rejects_the_design() -> None:
    asked = question(app(beside=("worker",)), Demand(traffic=traffic()), CATALOG)
    reasons = reasons_of(asked)
    for name in ("aws-lambda", "gcp-cloud-run"):
        assert "component.placed" in reasons[name]
    assert "component.placed" not in reasons["aws-fargate"]


def reasons_of(asked: Question) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for line in search(asked, HERE).rejected:
        found.setdefault(line.platform, set()).update(line.rules)
    return found


def test_what_a_worker_works_is_told_where_it_is_billed_and_not_stated() -> None:
    workload, platform = app(beside=("worker",)), CATALOG.platform("azure-container-apps")
    for work, lines in ((Work(), 2), (Work(tasks_per_day=1000, task_s=3.0), 0)):
        demand = Demand(traffic=traffic(), work=work)
        asked = question(workload, demand, CATALOG)
        parts = beside_of(asked, platform, "eastus", "x86_64")
        shape, (count,) = shapes_of(platform)[0], counts_of(platform, (2,))
        told = assess(asked, shaped(platform, "eastus", shape, count, beside=parts))
        assert len(told.bill.unstated) == lines
        active = [li for li in told.bill.lines if li.component == "worker" and "active" in li.sku]
        assert bool(active) == (lines == 0)
