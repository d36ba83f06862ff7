"""Ways to pay less for the chosen design, each priced, with what stands against it."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

from msgspec.structs import replace

from seatrial.assessor.assess import Question, bill_of
from seatrial.assessor.space import Commitments
from seatrial.assessor.usage import OUTBOUND_SERVICES, Usage, usage_of
from seatrial.kernel.advice import Saving
from seatrial.kernel.assessment import Assessment, Bill, CostLine
from seatrial.kernel.design import Design
from seatrial.kernel.platform import SPOT
from seatrial.kernel.units import DAYS_PER_MONTH, plain, term_years, usd
from seatrial.kernel.workload import Proof
from seatrial.planner.whatif.bench import Bench
from seatrial.planner.whatif.variants import on_arm, terms_of

LOG_DAYS = 7
"""A week of logs is kept in the place where they are searched; older ones are worth a bucket."""

INTERFACE_ENDPOINTS = 4
"""What tasks without a way out still have to reach: the registry's two names, logs, secrets."""

WORTH_A_CENT = Decimal("0.01")


def savings(bench: Bench, chosen: Assessment) -> tuple[Saving, ...]:
    """Moves that lower the chosen design's bill, the largest saving first.

    Each is the difference of two bills from the catalogue's rows: of the design as chosen, and as
    changed. A move that no row prices is left out.
    """
    asked = bench.asked
    told: list[Saving] = []
    for move in (_terms, _arm, _logs, _endpoints):
        told.extend(move(asked, chosen))
    told.extend(_size(bench, chosen))
    return tuple(sorted(told, key=lambda s: (-s.saving_usd_month, s.kind, s.design)))


def _less(chosen: Assessment, bill: Bill) -> Decimal | None:
    """What is saved a month; none where a price is missing or nothing is saved."""
    before, after = chosen.bill.monthly_usd, bill.monthly_usd
    if before is None or after is None or before - after < WORTH_A_CENT:
        return None
    return before - after


def _terms(asked: Question, chosen: Assessment) -> Iterator[Saving]:
    """The commitments and spot that are sold for what runs all day."""
    sold = Commitments(asked.catalog)
    for terms in terms_of(asked, sold, chosen.design):
        design = replace(chosen.design, commitment=terms)
        bill = bill_of(asked, design)
        less = _less(chosen, bill)
        lines = [line for line in bill.lines if line.commitment != chosen.design.commitment]
        if less is None or not lines:
            continue
        if terms == SPOT:
            yield _spot(asked, design, less, lines)
        elif term_years(terms):
            yield _commitment(design, terms, less, bill, lines)


def _commitment(
    design: Design, terms: str, less: Decimal, bill: Bill, lines: list[CostLine]
) -> Saving:
    upfront = sum((line.upfront_usd for line in bill.lines), Decimal(0))
    bound = term_years(terms)
    paid = f"{usd(upfront)} are paid at once, and " if upfront else ""
    return Saving(
        kind="commitment",
        move=f"buy what runs all day under {terms}",
        design=design.id,
        saving_usd_month=less,
        against=f"{paid}it is paid for {bound} year{'s' if bound > 1 else ''}, used or not",
        proof=_price_proof(lines[0]),
    )


def _spot(asked: Question, design: Design, less: Decimal, lines: list[CostLine]) -> Saving:
    workers = [c.name for c in asked.workload.components if c.kind == "worker"]
    known = [line.interruption_percent for line in lines if line.interruption_percent is not None]
    taken = f"{plain(max(known))} % of it" if known else "an unknown share of it"
    whom = (
        f"keep it for the workers ({', '.join(workers)}), whose work can be repeated"
        if workers
        else "the app has no workers, so answers under way are lost with a replica"
    )
    return Saving(
        kind="spot",
        move="run the replicas on spot capacity",
        design=design.id,
        saving_usd_month=less,
        against=f"{taken} is taken back in a month, at short notice; {whom}",
        proof=_price_proof(lines[0]),
    )


def _arm(asked: Question, chosen: Assessment) -> Iterator[Saving]:
    """The cheapest ARM size with as many processors and as much memory."""
    priced = [(bill_of(asked, design), design) for design in on_arm(asked, chosen.design)]
    known = [(b.monthly_usd, d.id, d, b) for b, d in priced if b.monthly_usd is not None]
    if not known:
        return
    _, _, design, bill = min(known, key=lambda one: one[:2])
    less = _less(chosen, bill)
    changed = [line for line in bill.lines if line not in chosen.bill.lines]
    if less is None or not changed:
        return
    count = len(asked.workload.dependencies)
    first = next((d.proof for d in asked.workload.dependencies), None)
    place = f" ({first})" if first is not None else ""
    yield Saving(
        kind="arm",
        move=f"build the image for ARM and run it on {design.size}",
        design=design.id,
        saving_usd_month=less,
        against=f"every compiled package needs a wheel for ARM: {count} dependencies to check"
        f"{place}; how fast the app is there has not been measured",
        proof=_price_proof(changed[0]),
    )


def _logs(asked: Question, chosen: Assessment) -> Iterator[Saving]:
    usage = _usage(asked, chosen.design)
    kept = Decimal(LOG_DAYS) / DAYS_PER_MONTH
    if usage.log_retention_months <= kept:
        return
    yield from _under(
        asked, chosen, replace(usage, log_retention_months=kept),
        kind="logs",
        move=f"keep logs for {LOG_DAYS} days where they are searched, older ones in a bucket",
        against="what happened before that week is no longer found by a query",
    )  # fmt: skip


def _endpoints(asked: Question, chosen: Assessment) -> Iterator[Saving]:
    """Private endpoints instead of NAT, where the app calls nothing outside of its provider."""
    usage = _usage(asked, chosen.design)
    outside = [
        s for c in asked.workload.components for s in c.services
        if s.kind in OUTBOUND_SERVICES and s.kind != "s3" and s.provider != "bedrock"
    ]  # fmt: skip
    if not usage.nat_gateways or outside:
        return
    endpoints = INTERFACE_ENDPOINTS * usage.load_balancer_zones
    moved = replace(
        usage, nat_gateways=0, nat_gib_month=Decimal(0), endpoints=endpoints,
        endpoint_gib_month=usage.nat_gib_month,
    )  # fmt: skip
    yield from _under(
        asked, chosen, moved,
        kind="endpoints",
        move=f"{endpoints} private endpoints instead of {usage.nat_gateways} NAT gateways",
        against="nothing outside of the provider can be called any more",
    )  # fmt: skip


def _under(
    asked: Question, chosen: Assessment, usage: Usage, *, kind: str, move: str, against: str
) -> Iterator[Saving]:
    """The chosen design under another usage, if that costs less, with a line that it changes."""
    bill = bill_of(asked, chosen.design, usage)
    less = _less(chosen, bill)
    line = next((x for x in chosen.bill.lines if x not in bill.lines), None)
    if less is None or line is None:
        return
    yield Saving(
        kind=kind,
        move=move,
        design=chosen.design.id,
        saving_usd_month=less,
        against=against,
        proof=_price_proof(line),
    )


def _usage(asked: Question, design: Design) -> Usage:
    platform = asked.catalog.platform(design.platform)
    return usage_of(asked.workload, asked.demand, asked.profile, design, platform)


def _size(bench: Bench, chosen: Assessment) -> Iterator[Saving]:
    """The cheapest design of the same platform and region that keeps every rule."""
    here = [
        made for made in (
            bench.assessed(design, bench.today) for design in bench.designs
            if (design.platform, design.region, design.commitment)
            == (chosen.design.platform, chosen.design.region, chosen.design.commitment)
        )
        if bench.feasible(made) and made.bill.monthly_usd is not None
    ]  # fmt: skip
    best = min(here, key=lambda a: (a.bill.monthly_usd, a.design.id), default=None)
    less = None if best is None else _less(chosen, best.bill)
    if best is None or less is None:
        return
    told = best.promise
    p95 = "no bound" if told.latency_ms_p95 is None else f"{told.latency_ms_p95:.0f} ms"
    yield Saving(
        kind="size",
        move=f"run {best.design.replicas_min} x {best.design.size} instead",
        design=best.design.id,
        saving_usd_month=less,
        against=f"p95 would be {p95} at the peak, at {100 * told.utilisation:.0f} % utilisation; "
        "it stands behind the chosen one in the stated order",
        proof=Proof(kind="declared", rule="saving.size", note=told.method),
    )


def _price_proof(line: CostLine) -> Proof:
    return Proof(
        kind="declared",
        rule="saving.price",
        file="catalog/prices",
        note=f"{line.service} {line.sku} at {plain(line.unit_price_usd)} USD per {line.unit} "
        f"({line.commitment}): {line.source}, as of {line.as_of}",
    )
