"""From how much traffic on reserved servers are cheaper than containers at the same provider."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

from msgspec.structs import replace

from seatrial.assessor.assess import Question
from seatrial.assessor.price import fill
from seatrial.assessor.space import Commitments, shapes_of
from seatrial.kernel.design import Design
from seatrial.kernel.platform import ON_DEMAND, Platform
from seatrial.kernel.quote import BreakEven
from seatrial.kernel.units import taken, term_years
from seatrial.planner.whatif.bench import Bench
from seatrial.planner.whatif.curves import Curve, Curves, pair


def reserved_servers(bench: Bench, all_of: Curves) -> tuple[BreakEven, ...]:
    """Of each provider its cheapest containers on demand beside its cheapest servers for a year.

    Both keep every rule at each traffic. The servers are of every size that is sold under the
    terms; of these the ones that bind least: one year before three, nothing paid at once.
    """
    made: list[BreakEven] = []
    at = all_of.requests_day.index(bench.today)
    kinds: dict[tuple[str, str], Curve] = {}
    for curve in sorted(all_of.platforms, key=lambda c: _usd(c, at)):
        platform = bench.asked.catalog.platform(curve.platform)
        kinds.setdefault((platform.provider, platform.kind), curve)
    for (provider, kind), servers in kinds.items():
        containers = kinds.get((provider, "containers"))
        if kind != "servers" or containers is None:
            continue
        told = _beside(bench, all_of.requests_day, containers.platform, servers.platform)
        if told is not None:
            made.append(told)
    return tuple(made)


def _usd(curve: Curve, at: int) -> tuple[Decimal, str]:
    return (curve.usd(at) or Decimal("Infinity"), curve.platform)


def _beside(
    bench: Bench, points: tuple[float, ...], containers: str, servers: str
) -> BreakEven | None:
    demand = bench.asked.demand
    here = [d for d in bench.designs if d.platform in (containers, servers)]
    bare = {d.id: d for d in (replace(d, commitment=ON_DEMAND) for d in here)}
    plain = replace(demand, preferences=replace(demand.preferences, commitments=()))
    loose = bench.under(plain, bare.values())
    today = loose.scale_out(servers, bench.today)
    if today is None:
        return None
    platform = bench.asked.catalog.platform(servers)
    sold = Commitments(bench.asked.catalog).of(platform, today.design.region)
    others = [design for design in loose.designs if design.platform == containers]
    for terms in sorted(filter(term_years, sold), key=_binding):
        allowed = replace(plain, preferences=replace(plain.preferences, commitments=(terms,)))
        under = loose.under(allowed, (*others, *_sized(bench.asked, today.design, terms)))
        if under.scale_out(servers, bench.today) is not None:
            sides = (_curve(under, points, containers), _curve(under, points, servers))
            return pair(under, points, sides, f"{servers} ({terms})")
    return None


def _binding(terms: str) -> tuple[int, bool, bool, str]:
    """How much terms ask for: years, money at once, and reservations before plans of spending."""
    return (
        term_years(terms),
        not terms.endswith("-none"),
        not terms.startswith("reserved"),
        terms,
    )


def _sized(asked: Question, design: Design, terms: str) -> Iterator[Design]:
    """The design on every size that is sold under the terms in its region."""
    platform = asked.catalog.platform(design.platform)
    for shape in shapes_of(platform):
        made = replace(
            design,
            size=shape.size,
            vcpu=shape.vcpu,
            memory_mib=shape.memory_mib,
            arch=shape.arch,
            workers=shape.workers,
            threads=shape.threads,
            commitment=terms,
        )
        if not shape.gpus and _sold(asked, made, platform):
            yield made


def _sold(asked: Question, design: Design, platform: Platform) -> bool:
    bought = [
        (x, terms) for x in platform.bill if (terms := taken(design.commitment, x.commitments))
    ]
    return bool(bought) and all(
        asked.book.tiers(
            line.provider or platform.provider, line.service, fill(line.sku, design),
            design.region, terms,
        )
        for line, terms in bought
    )  # fmt: skip


def _curve(bench: Bench, points: tuple[float, ...], name: str) -> Curve:
    return Curve(name, tuple(bench.scale_out(name, point) for point in points))
