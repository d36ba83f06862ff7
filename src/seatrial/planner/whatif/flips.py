"""What would change the decision: each assumption moved until another design is chosen.

Values are numbers of two significant digits: on the one told the other design is chosen, on the
one before it, towards what is assumed today, the chosen one still is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from decimal import Decimal

from msgspec.structs import replace

from seatrial.assessor.space import Commitments
from seatrial.kernel.advice import Flip
from seatrial.kernel.assessment import Assessment
from seatrial.kernel.platform import ON_DEMAND
from seatrial.kernel.units import usd
from seatrial.planner.search import key_of
from seatrial.planner.whatif.bench import Bench
from seatrial.planner.whatif.changed import asking
from seatrial.planner.whatif.figures import first_true, plain, round_numbers
from seatrial.planner.whatif.variants import committed, few_of_each, on_demand

Winner = Callable[[Decimal], Assessment | None]

TRAFFIC_TIMES = Decimal(10)
LATENCY_TIMES = Decimal(10)
PRICE_PERCENT = Decimal(20)
PRICE_PERCENT_MOST = Decimal(99)
OPS_USD_HOUR = Decimal(200)
SAME_BILL = Decimal("0.01")
AVAILABILITIES = ("90", "95", "99", "99.5", "99.9", "99.95", "99.99", "99.995", "99.999")
COMMITTED_EACH = 3
"""How many designs of each platform are looked at under every term that is sold."""

NOTHING = "no design"


def flips(bench: Bench, chosen: Assessment) -> tuple[Flip, ...]:
    """Every assumption that is varied, whether it changes the decision or not.

    Searched are the designs of the bench, in the stated order: not the whole catalogue again.
    """
    return (
        *_traffic(bench, chosen),
        *_prices(bench, chosen),
        *_latency(bench, chosen, "p95"),
        *_latency(bench, chosen, "p99"),
        *_availability(bench, chosen),
        _commitment(bench, chosen),
        *_ops_rate(bench, chosen),
    )


def _flip(
    assumption: str, now: str, tried: str, value: str | None, winner: Assessment | None,
    *, changed: bool,
) -> Flip:  # fmt: skip
    if not changed:
        return Flip(
            assumption=assumption, now=now, tried=tried, value=None, to="", monthly_usd=None
        )
    return Flip(
        assumption=assumption, now=now, tried=tried, value=value,
        to=NOTHING if winner is None else winner.design.id,
        monthly_usd=None if winner is None else winner.bill.monthly_usd,
    )  # fmt: skip


def _search(
    steps: Sequence[Decimal], winner: Winner, same: Callable[[Assessment | None], bool]
) -> tuple[Decimal | None, Assessment | None]:
    """The first step on which the winner is another, with that winner; steps lead away from today.

    A change that is undone again before the last step is found only when no single step of the
    halving falls between the two.
    """
    at = first_true(steps, lambda value: not same(winner(value)))
    return (None, None) if at is None else (steps[at], winner(steps[at]))


def _traffic(bench: Bench, chosen: Assessment) -> Iterator[Flip]:
    """Twice the requests; then where the design changes, and where the platform does."""
    today = Decimal(str(bench.today))

    def winner(value: Decimal) -> Assessment | None:
        return bench.best_wider(float(value)) if value > today else bench.best(float(value))

    def same_design(made: Assessment | None) -> bool:
        return made is not None and made.design.id == chosen.design.id

    def same_platform(made: Assessment | None) -> bool:
        return made is not None and made.design.platform == chosen.design.platform

    now = f"{plain(today)} requests a day"
    double = winner(2 * today)
    yield _flip(
        "requests a day, doubled", now, "x2", f"{plain(2 * today)} requests a day", double,
        changed=not same_design(double),
    )  # fmt: skip
    up, down = today * TRAFFIC_TIMES, today / TRAFFIC_TIMES
    for what, same in (("design", same_design), ("platform", same_platform)):
        for word, steps in (
            (f"more requests a day, another {what}", round_numbers(today, up)),
            (f"fewer requests a day, another {what}", round_numbers(down, today)[::-1]),
        ):
            value, found = _search(steps, winner, same)
            told = None
            if value is not None:
                told = f"{plain(value)} requests a day (x{value / today:.2g})"
            tried = f"up to {plain(up)}" if "more" in word else f"down to {plain(down)}"
            yield _flip(word, now, tried, told, found, changed=value is not None)


def _bests(bench: Bench, chosen: Assessment) -> list[Assessment]:
    """The chosen design, and each other platform's best at today's traffic."""
    names = [name for name in bench.platforms if name != chosen.design.platform]
    found = [bench.best(bench.today, name) for name in names]
    mine = bench.assessed(chosen.design, bench.today)
    return [mine, *(made for made in found if made is not None)]


def _prices(bench: Bench, chosen: Assessment) -> Iterator[Flip]:
    """The chosen platform's whole bill dearer; and any other's cheaper.

    Platforms of the same provider at about the same bill are left out: they are billed by the same
    rows, which change together.
    """
    every = _bests(bench, chosen)
    mine = chosen.design.platform
    others = [made for made in every[1:] if not _tied(bench, every[0], made)]

    def same(made: Assessment | None) -> bool:
        return made is not None and made.design.platform == mine

    def dearer(percent: Decimal) -> Assessment | None:
        return min([times(bench, every[0], 1 + percent / 100), *others], key=bench.key)

    def cheaper(percent: Decimal) -> Assessment | None:
        factor = 1 - percent / 100
        return min([every[0], *(times(bench, a, factor) for a in others)], key=bench.key)

    steps = round_numbers(Decimal("0.1"), PRICE_PERCENT_MOST)
    for name, sign, winner in (
        (f"prices of {mine}", "+", dearer), ("prices of every other platform", "-", cheaper),
    ):  # fmt: skip
        for most in (PRICE_PERCENT, PRICE_PERCENT_MOST):
            value, found = _search([s for s in steps if s <= most], winner, same)
            if value is not None:
                break
        told = None if value is None else f"{sign}{plain(value)} %"
        yield _flip(name, "0 %", f"{sign}{plain(most)} %", told, found, changed=value is not None)


def _tied(bench: Bench, one: Assessment, other: Assessment) -> bool:
    """Whether two platforms of one provider ask for the same but for less than a percent."""
    providers = {bench.asked.catalog.platform(a.design.platform).provider for a in (one, other)}
    usds = sorted(a.bill.monthly_usd or Decimal(0) for a in (one, other))
    return len(providers) == 1 and usds[1] - usds[0] < SAME_BILL * usds[0]


def times(bench: Bench, made: Assessment, factor: Decimal) -> Assessment:
    """The same design with its whole bill at so many times the price."""
    total = made.bill.monthly_usd
    if total is None:
        return made
    bill = replace(made.bill, monthly_usd=total * factor)
    return bench.scored(bench.asked, replace(made, bill=bill))


def _latency(bench: Bench, chosen: Assessment, name: str) -> Iterator[Flip]:
    """The target of one percentile looser and tighter, from what every design promises."""
    target = Decimal(str(getattr(bench.asked.demand.slo, f"latency_ms_{name}")))
    rules = bench.ignoring | {f"slo.latency-{name}"}
    free = bench.under(bench.asked.demand, ignoring=rules)

    def winner(value: Decimal) -> Assessment | None:
        def keeps(made: Assessment) -> bool:
            promised = getattr(made.promise, f"latency_ms_{name}")
            return promised is not None and promised <= value

        return free.best(bench.today, accept=keeps)

    def same(made: Assessment | None) -> bool:
        return made is not None and made.design.id == chosen.design.id

    loosest, tightest = target * LATENCY_TIMES, target / LATENCY_TIMES
    for word, tried, steps in (
        ("looser", f"up to {plain(loosest)} ms", round_numbers(target, loosest)),
        ("tighter", f"down to {plain(tightest)} ms", round_numbers(tightest, target)[::-1]),
    ):
        value, found = _search(steps, winner, same)
        told = None if value is None else f"{plain(value)} ms"
        yield _flip(
            f"a {word} {name} target", f"{plain(target)} ms", tried, told, found,
            changed=value is not None,
        )  # fmt: skip


def _availability(bench: Bench, chosen: Assessment) -> Iterator[Flip]:
    """More and fewer nines, from the usual ones."""
    demand = bench.asked.demand
    asked = Decimal(str(demand.slo.availability_percent))
    levels = [Decimal(level) for level in AVAILABILITIES]
    made: dict[Decimal, Assessment | None] = {}

    def winner(value: Decimal) -> Assessment | None:
        if value not in made:
            slo = replace(demand.slo, availability_percent=float(value))
            made[value] = bench.under(replace(demand, slo=slo)).best(bench.today)
        return made[value]

    def same(found: Assessment | None) -> bool:
        return found is not None and found.design.id == chosen.design.id

    for word, steps in (
        ("higher", [level for level in levels if level > asked]),
        ("lower", [level for level in reversed(levels) if level < asked]),
    ):
        if not steps:
            continue
        value, found = _search(steps, winner, same)
        told = None if value is None else f"{plain(value)} %"
        yield _flip(
            f"a {word} availability", f"{plain(asked)} %", f"to {plain(steps[-1])} %", told, found,
            changed=value is not None,
        )  # fmt: skip


def _commitment(bench: Bench, chosen: Assessment) -> Flip:
    """No commitment where some are allowed; where none is, every one that is sold.

    Terms are tried on the best few designs of each platform, which keep every rule without them.
    """
    demand = bench.asked.demand
    allowed = demand.preferences.commitments
    if allowed:
        bare = [replace(d, commitment=ON_DEMAND) for d in bench.designs]
        preferences = replace(demand.preferences, commitments=())
        found = bench.under(replace(demand, preferences=preferences), bare).best(bench.today)
        changed = found is None or replace(found.design, commitment="") != replace(
            chosen.design, commitment=""
        )
        return _flip(
            "no commitment", ", ".join(allowed), ON_DEMAND, ON_DEMAND, found, changed=changed
        )
    made = free_to_commit(bench)
    changed = made is not None and made.design.id != chosen.design.id
    told = None if made is None else made.design.commitment
    return _flip("any commitment", ON_DEMAND, "every term sold", told, made, changed=changed)


def free_to_commit(bench: Bench) -> Assessment | None:
    """The best when every term that is sold may be bought."""
    demand, sold = bench.asked.demand, Commitments(bench.asked.catalog)
    few = few_of_each(bench.ranked(bench.today), COMMITTED_EACH)
    every = tuple(committed(bench.asked, sold, filter(on_demand, few)))
    terms = tuple(sorted({d.commitment for d in every if not on_demand(d)}))
    preferences = replace(demand.preferences, commitments=terms)
    return bench.under(replace(demand, preferences=preferences), every).best(bench.today)


def _ops_rate(bench: Bench, chosen: Assessment) -> Iterator[Flip]:
    """What an hour of work costs: more of it, and less."""
    demand, every = bench.asked.demand, _bests(bench, chosen)
    if demand.preferences.weights:
        return
    rate = demand.budget.ops_usd_hour

    def winner(value: Decimal) -> Assessment | None:
        budget = replace(demand.budget, ops_usd_hour=value)
        under = asking(bench.asked, replace(demand, budget=budget))
        return min(every, key=key_of(under))

    def same(made: Assessment | None) -> bool:
        return made is not None and made.design.platform == chosen.design.platform

    now = "not counted" if rate is None else f"{usd(rate)} an hour"
    least = rate if rate else Decimal(1)
    plans = [("dearer", max(OPS_USD_HOUR, least * 10), True)]
    if rate:
        plans.append(("cheaper", Decimal(1), False))
    for word, limit, more in plans:
        steps = round_numbers(least, limit) if more else round_numbers(limit, least)[::-1]
        value, found = _search(steps, winner, same)
        told = None if value is None else f"{usd(value)} an hour"
        yield _flip(
            f"{word} hours of work", now, f"{'up' if more else 'down'} to {usd(limit)} an hour",
            told, found, changed=value is not None,
        )  # fmt: skip
