"""Nothing is feasible: the smallest change of each constraint alone that makes a design so.

Searched are the designs of the bench. Those that break one constraint's rules only are found from
what each set of broken rules comes to with the constraint dropped; the needed value is then the
least over them, to the setting's unit: one unit less and none of them is feasible.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal

from msgspec.structs import replace

from seatrial.assessor.assess import Question
from seatrial.assessor.space import Commitments
from seatrial.kernel.advice import Relaxation
from seatrial.kernel.assessment import Assessment
from seatrial.kernel.demand import Demand
from seatrial.kernel.design import Design
from seatrial.kernel.platform import ON_DEMAND, Size
from seatrial.planner.search import key_of, search
from seatrial.planner.whatif.bench import Bench
from seatrial.planner.whatif.changed import asking
from seatrial.planner.whatif.settings import AMOUNTS, Amount
from seatrial.planner.whatif.variants import committed, on_demand

CANNOT_BE_RELAXED = frozenset({"platform.open", "database.unused"})
"""Rules that no setting and no change of the app makes good."""

CHEAPEST = 20
"""How many of the cheapest designs are looked at under terms and in regions that are not asked."""


def relaxations(bench: Bench, machine: Size) -> tuple[Relaxation, ...]:
    """One for each constraint whose change alone is enough, in the order of the settings."""
    made = [bench.assessed(design, bench.today) for design in bench.designs]
    told: list[Relaxation] = []
    healed: set[str] = set()
    for amount in AMOUNTS:
        asked = amount.read(bench.asked.demand)
        if asked is None:
            continue
        rules = _healed(bench, made, amount.dropped(bench.asked.demand))
        healed |= rules
        could = [a.design for a in made if _broken(a) <= rules]
        found = _least(bench, amount, asked, could)
        if found is not None:
            told.append(found)
    told.extend(_compliance(bench, made, healed))
    told.extend(_terms(bench, made))
    told.extend(_platforms(bench, machine))
    told.extend(_facts(bench.asked, made, healed))
    return tuple(told)


def _broken(made: Assessment) -> frozenset[str]:
    return frozenset(finding.rule for finding in made.violations)


def _feasible(bench: Bench, demand: Demand, design: Design) -> Assessment | None:
    made = bench.judged(asking(bench.asked, demand), design)
    return None if made.violations else made


def _healed(bench: Bench, made: Iterable[Assessment], without: Demand) -> set[str]:
    """The rules that are kept once the demand is `without` a constraint.

    One design stands for all that break the same rules.
    """
    groups: dict[frozenset[str], Assessment] = {}
    for one in made:
        groups.setdefault(_broken(one), one)
    free = asking(bench.asked, without)
    kept: set[str] = set()
    for rules, one in groups.items():
        kept |= rules - _broken(bench.judged(free, one.design))
    return kept


def _least(
    bench: Bench, amount: Amount, now: Decimal, could: Sequence[Design]
) -> Relaxation | None:
    """The tightest value of the setting under which one of the designs is feasible."""

    def holds(design: Design, steps: int) -> bool:
        demand = amount.write(bench.asked.demand, steps * amount.unit)
        return _feasible(bench, demand, design) is not None

    toward = ROUND_FLOOR if amount.lower else ROUND_CEILING
    tight = int((now / amount.unit).to_integral_value(toward))
    loose = int(amount.most / amount.unit)
    best: int | None = None
    step = -1 if amount.lower else 1
    for design in could:
        reach = loose if best is None else best - step
        if (reach - tight) * step < 0 or not holds(design, reach):
            continue
        best = _tightest(tight, reach, lambda steps, d=design: holds(d, steps))  # type: ignore[misc]
    if best is None:
        return None
    value = best * amount.unit
    chosen = _best(bench, amount.write(bench.asked.demand, value), could)
    return None if chosen is None else _told(
        amount.key, amount.words(now), amount.words(value), chosen
    )  # fmt: skip


def _tightest(tight: int, loose: int, holds: Callable[[int], bool]) -> int:
    """The step nearest to `tight` that holds; `loose` does."""
    if holds(tight):
        return tight
    bad, good = tight, loose
    while abs(good - bad) > 1:
        middle = (good + bad) // 2
        if holds(middle):
            good = middle
        else:
            bad = middle
    return good


def _best(bench: Bench, demand: Demand, could: Iterable[Design]) -> Assessment | None:
    made = [a for design in could if (a := _feasible(bench, demand, design)) is not None]
    return min(made, key=key_of(asking(bench.asked, demand)), default=None)


def _told(key: str, asked: str, needed: str, made: Assessment) -> Relaxation:
    return Relaxation(
        key=key, asked=asked, needed=needed, design=made.design.id,
        monthly_usd=made.bill.monthly_usd,
    )  # fmt: skip


def _compliance(bench: Bench, made: list[Assessment], healed: set[str]) -> list[Relaxation]:
    """One standard less; data in one more country."""
    demand, told = bench.asked.demand, []
    wanted = demand.compliance
    for standard in wanted.standards:
        kept = tuple(s for s in wanted.standards if s != standard)
        found = _without(
            bench, made, healed, replace(demand, compliance=replace(wanted, standards=kept)),
        )  # fmt: skip
        if found is not None:
            told.append(_told(
                "[compliance] standards", _names(wanted.standards), _names(kept), found
            ))  # fmt: skip
    if wanted.residency:
        found = _without(
            bench, made, healed, replace(demand, compliance=replace(wanted, residency=()))
        )
        if found is not None:
            more = (*wanted.residency, _country(bench.asked, found.design))
            told.append(_told(
                "[compliance] residency", _names(wanted.residency), _names(more), found
            ))  # fmt: skip
    return told


def _without(
    bench: Bench, made: list[Assessment], healed: set[str], demand: Demand
) -> Assessment | None:
    """The best design once a constraint is dropped; its rules join those that a setting heals."""
    rules = _healed(bench, made, demand)
    healed |= rules
    could = [a.design for a in made if _broken(a) <= rules]
    return _best(bench, demand, could)


def _names(values: Iterable[str]) -> str:
    return "[" + ", ".join(f'"{value}"' for value in values) + "]"


def _country(asked: Question, design: Design) -> str:
    provider = asked.catalog.provider(asked.catalog.platform(design.platform).provider)
    return next((r.country for r in provider.regions if r.id == design.region), design.region)


def _cheapest(made: list[Assessment]) -> list[Design]:
    """The cheapest designs that break nothing but the budget."""
    could = [a for a in made if _broken(a) <= {"budget.monthly"}]
    could.sort(key=lambda a: (a.bill.monthly_usd or Decimal("Infinity"), a.design.id))
    return [a.design for a in could[:CHEAPEST]]


def _terms(bench: Bench, made: list[Assessment]) -> list[Relaxation]:
    """A commitment, and another region, that keep the budget as it is."""
    demand, asked = bench.asked.demand, bench.asked
    cheap = _cheapest(made)
    told: list[Relaxation] = []
    sold = Commitments(asked.catalog)
    terms = [d for d in committed(asked, sold, filter(on_demand, cheap)) if not on_demand(d)]
    for one in sorted({d.commitment for d in terms} - set(demand.preferences.commitments)):
        allowed = (*demand.preferences.commitments, one)
        under = replace(demand, preferences=replace(demand.preferences, commitments=allowed))
        found = _best(bench, under, [d for d in terms if d.commitment == one])
        if found is not None:
            before = _names(demand.preferences.commitments or (ON_DEMAND,))
            told.append(_told("[plan] commitments", before, _names(allowed), found))
    told.sort(key=lambda r: (r.monthly_usd or Decimal(0), r.needed))
    return [*told[:1], *_regions(bench, cheap)]


def _regions(bench: Bench, cheap: list[Design]) -> list[Relaxation]:
    """The same designs in the other regions of their providers."""
    asked = bench.asked
    moved: dict[str, Design] = {}
    for design in cheap:
        provider = asked.catalog.provider(asked.catalog.platform(design.platform).provider)
        for region in provider.regions:
            other = replace(design, region=region.id)
            if other.region != design.region:
                moved[other.id] = other
    best: Assessment | None = None
    for design in moved.values():
        found = _feasible(bench, replace(asked.demand, region=design.region), design)
        if found is not None and (best is None or bench.key(found) < bench.key(best)):
            best = found
    if best is None:
        return []
    return [_told("[demand] region", asked.demand.region, best.design.region, best)]


def _platforms(bench: Bench, machine: Size) -> list[Relaxation]:
    """The platforms that were excluded: the only case in which the catalogue is searched again."""
    demand = bench.asked.demand
    wanted = demand.preferences
    told: list[Relaxation] = []
    for key, asked, free in (
        ("[plan] platforms", wanted.platforms, replace(wanted, platforms=())),
        ("[plan] without", wanted.without, replace(wanted, without=())),
    ):
        if not asked:
            continue
        found = search(asking(bench.asked, replace(demand, preferences=free)), machine).best
        if found:
            name = found[0].design.platform
            needed = (
                (*asked, name) if key == "[plan] platforms"
                else tuple(p for p in asked if p != name)
            )  # fmt: skip
            told.append(_told(key, _names(asked), _names(needed), found[0]))
    return told


def _facts(asked: Question, made: list[Assessment], healed: set[str]) -> list[Relaxation]:
    """What the app would have to change: designs that only one rule about it speaks against."""
    told: dict[str, Assessment] = {}
    order = key_of(asked)
    for one in made:
        rules = _broken(one)
        if len(rules) != 1 or rules <= healed or rules <= CANNOT_BE_RELAXED:
            continue
        (rule,) = rules
        if rule not in told or _before(order, one, told[rule]):
            told[rule] = one
    relaxed = []
    for rule, one in told.items():
        finding = one.violations[0]
        relaxed.append(_told(rule, finding.sentence, finding.fix or "no such fact", one))
    return relaxed


def _before(order: Callable[[Assessment], tuple[object, ...]], one: Assessment,
            other: Assessment) -> bool:  # fmt: skip
    """Whether one is the better; a design without a price is the worse."""
    if one.bill.monthly_usd is None or other.bill.monthly_usd is None:
        return other.bill.monthly_usd is None and one.bill.monthly_usd is not None
    return bool(order(one) < order(other))
