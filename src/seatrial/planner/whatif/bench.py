"""The best of a few designs under one demand after another, assessing as few as it can."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from decimal import Decimal
from typing import Any, NamedTuple

from msgspec.structs import replace

from seatrial.assessor.assess import Question, availability_percent, case_of
from seatrial.assessor.dimensions import dimensions
from seatrial.assessor.meters import METERS
from seatrial.assessor.price import monthly_usd, price
from seatrial.assessor.promise import promise
from seatrial.assessor.recovery import recoveries
from seatrial.assessor.rules import FOLLOWS_LOAD, RULES, broken, check
from seatrial.assessor.usage import usage_of
from seatrial.assessor.week import busiest_rps
from seatrial.kernel.assessment import Assessment, Bill, Finding, Promise
from seatrial.kernel.demand import Demand
from seatrial.kernel.design import Design
from seatrial.kernel.platform import Platform
from seatrial.planner.search import key_of
from seatrial.planner.whatif.changed import (
    NEXT_TO_NOTHING,
    asking,
    nothing_asked,
    replicas_limit,
    same_shape,
    scaled,
    steady,
    with_traffic,
)

UNPROMISED = frozenset({"slo.availability", "capacity.n-minus-1"})
"""Rules that do not count where nothing is promised to anybody."""

_IDEAL = Promise(
    method="", rate_rps=0.0, utilisation=0.0, latency_ms_p50=0.0, latency_ms_p95=0.0,
    latency_ms_p99=0.0, capacity_rps=math.inf, availability_percent=100.0,
)  # fmt: skip


_NO_BILL = Bill(lines=(), monthly_usd=None)
_BILLED = frozenset(name for name, rule in RULES.items() if "bill" in rule.depends)
_LOADED = FOLLOWS_LOAD - _BILLED
_PLACED = frozenset(name for name, rule in RULES.items() if {*rule.depends} <= {"region"})
_STEADY = frozenset(RULES) - FOLLOWS_LOAD - _PLACED
"""Rules about the bill, others that follow the load, those that look at no choice but the region,
and those that follow none of these."""


class Known(NamedTuple):
    """What a design was found to cost at some traffic."""

    requests_day: float
    usd: Decimal


class Bench:
    """Designs under one demand at any number of requests a day.

    More requests never make a design cheaper nor keep a rule that fewer broke (but for a lone
    replica that others join). So a design is assessed only while what it costs at the least could
    still be the best, never again above the traffic at which it broke a rule, and never when it
    breaks one whatever is asked; it is priced only once it breaks none that does not look at the
    bill. Under weights nothing bounds the order, and every design is assessed. `ignoring` are rules
    that do not count. What one bench learnt and holds under another demand too is taken over from
    `like`.
    """

    def __init__(
        self, asked: Question, designs: Iterable[Design], ignoring: frozenset[str] = frozenset(),
        like: Bench | None = None,
    ) -> None:  # fmt: skip
        self.asked, self.ignoring = asked, ignoring
        self.key = key_of(asked)
        self._designs = {design.id: design for design in designs}
        self._carries: dict[str, float] = {} if like is None else like._carries
        self._bare: dict[str, Decimal] = {} if like is None else like._bare
        self._hopeless: dict[str, bool] = {} if like is None else like._hopeless
        self._wider: dict[tuple[str, float], Assessment | None] = {}
        self._failed_at: dict[str, float] = {}
        self._loosest: list[Question] = [] if like is None else like._loosest
        self._of: dict[str, dict[str, Design]] = {}
        for name, design in self._designs.items():
            self._of.setdefault(design.platform, {})[name] = design
        self._known: dict[str, list[Known]] = {}
        self._parts: dict[tuple[str, str, str, float], Decimal | None] = {}
        self._made: dict[tuple[str, float], Assessment] = {}
        self._steady: dict[str, dict[str, Finding | None]] = {}
        self._holds: dict[tuple[str, float], bool] = {}
        self._broken: dict[str, bool] = {}
        self._shut: dict[tuple[str, str], bool] = {}
        self._asked_at: dict[float, Question] = {}
        self._fails_from: dict[str, float] = {}
        if like is not None and same_shape(asked.demand, like.asked.demand):
            self._known, self._parts = like._known, like._parts
            if asked.demand == like.asked.demand:
                self._made, self._asked_at = like._made, like._asked_at
                self._steady = like._steady

    @property
    def today(self) -> float:
        """The demand's own requests a day."""
        return self.asked.demand.traffic.requests_per_day

    @property
    def platforms(self) -> tuple[str, ...]:
        """The platforms of its designs."""
        return tuple(self._of)

    @property
    def designs(self) -> tuple[Design, ...]:
        """All designs, those that were scaled out among them."""
        return tuple(self._designs.values())

    def under(
        self, demand: Demand, designs: Iterable[Design] | None = None,
        ignoring: frozenset[str] | None = None,
    ) -> Bench:  # fmt: skip
        """The bench of another demand, with other designs or other rules that do not count."""
        return Bench(
            asking(self.asked, demand), self.designs if designs is None else designs,
            self.ignoring if ignoring is None else ignoring, self,
        )  # fmt: skip

    def at(self, requests_day: float) -> Question:
        """The question at so many requests a day."""
        if requests_day not in self._asked_at:
            demand = with_traffic(self.asked.demand, requests_day)
            self._asked_at[requests_day] = asking(self.asked, demand)
        return self._asked_at[requests_day]

    def assessed(self, design: Design, requests_day: float) -> Assessment:
        """The design's assessment at so many requests a day."""
        name = design.id
        made = self._made.get((name, requests_day))
        if made is None:
            steady = self._steady.setdefault(name, {})
            made = self.judged(self.at(requests_day), design, steady)
            self._made[name, requests_day] = made
            self._carries[name] = made.promise.capacity_rps
            if made.bill.monthly_usd is not None:
                self._learn(name, requests_day, made.bill.monthly_usd)
        return made

    def holds(self, design: Design, requests_day: float) -> bool:
        """Whether the design is feasible; what it costs is asked last, and only if it matters."""
        key = (design.id, requests_day)
        if key not in self._holds:
            fails = key not in self._made and self._fails(design, requests_day)
            self._holds[key] = not fails and self.feasible(self.assessed(design, requests_day))
        return self._holds[key]

    def _fails(self, design: Design, requests_day: float) -> bool:
        """Whether a rule is broken that does not look at the bill."""
        asked, name = self.at(requests_day), design.id
        if self._broken.get(name):
            return True
        platform = asked.catalog.platform(design.platform)
        told = self._promise(asked, design, platform)
        self._carries[name] = told.capacity_rps
        case = case_of(asked, design, platform, _NO_BILL, told)
        if name not in self._broken:
            place = (design.platform, design.region)
            if place not in self._shut:
                self._shut[place] = broken(case, _PLACED - self.ignoring)
            self._broken[name] = self._shut[place] or broken(case, _STEADY - self.ignoring)
        return self._broken[name] or broken(case, _LOADED - self.ignoring)

    def _promise(self, asked: Question, design: Design, platform: Platform) -> Promise:
        rate = busiest_rps(asked.demand.traffic)
        level = availability_percent(design, platform, asked.book)
        return promise(asked.profile, design, platform, rate, level)

    def judged(
        self, asked: Question, design: Design, steady: dict[str, Finding | None] | None = None
    ) -> Assessment:
        """What `assess` says; `steady` holds findings of the same design at other traffic."""
        platform = asked.catalog.platform(design.platform)
        usage = usage_of(asked.workload, asked.demand, asked.profile, design, platform)
        bill = price(design, platform, asked.book, usage)
        told = self._promise(asked, design, platform)
        findings = check(case_of(asked, design, platform, bill, told), steady)
        made = Assessment(design=design, bill=bill, promise=told, findings=findings)
        return self.scored(asked, made)

    def scored(self, asked: Question, made: Assessment) -> Assessment:
        """With the dimensions, where the order is by weights of them."""
        if not asked.demand.preferences.weights:
            return made
        platform = asked.catalog.platform(made.design.platform)
        lost = recoveries(made.design, platform, asked.profile.boot_s)
        return replace(made, dimensions=dimensions(asked, made, lost))

    def feasible(self, made: Assessment) -> bool:
        """Whether the design breaks no rule that counts."""
        return all(finding.rule in self.ignoring for finding in made.violations)

    def best(
        self, requests_day: float, platform: str = "",
        accept: Callable[[Assessment], bool] | None = None,
    ) -> Assessment | None:  # fmt: skip
        """The best feasible design, of one platform if it is named; none when there is none.

        With `accept` only those that it says yes to.
        """
        best: Assessment | None = None
        best_key: Any = None
        for floor, design in self._promising(requests_day, platform):
            if best is not None and floor is not None and floor > best_key:
                break
            if not self.holds(design, requests_day):
                self._failed(design, requests_day)
                continue
            made = self.assessed(design, requests_day)
            if (accept is None or accept(made)) and (best is None or self.key(made) < best_key):
                best, best_key = made, self.key(made)
        return best

    def _failed(self, design: Design, requests_day: float) -> None:
        """Remember from which traffic on a design fails; from none on when it always does."""
        name = design.id
        if name not in self._hopeless:
            if not self._loosest:
                self._loosest.append(asking(self.asked, nothing_asked(self.asked)))
            loosest = self.judged(self._loosest[0], design)
            fails = {finding.rule for finding in loosest.violations}
            self._hopeless[name] = not fails <= UNPROMISED
        again = name in self._failed_at and requests_day != self._failed_at[name]
        if again and steady(design) and not self.holds(design, NEXT_TO_NOTHING):
            # What fails when hardly anything is asked fails under this demand at any traffic.
            self._fails_from[name] = 0.0
        self._failed_at[name] = requests_day
        if steady(design):
            self._fails_from[name] = min(requests_day, self._fails_from.get(name, requests_day))

    def ranked(self, requests_day: float) -> list[Assessment]:
        """Every feasible design, the best first; all of them are assessed."""
        kept = [design for design in self.designs if self.holds(design, requests_day)]
        return sorted((self.assessed(design, requests_day) for design in kept), key=self.key)

    def _promising(self, requests_day: float, platform: str) -> list[tuple[Any, Design]]:
        """What could be the best, the one with the lowest floor first."""
        peak = busiest_rps(self.at(requests_day).demand.traffic)
        could: list[tuple[Any, Design]] = []
        for name, design in (self._of.get(platform, {}) if platform else self._designs).items():
            if self._hopeless.get(name):
                continue
            if self._fails_from.get(name, math.inf) <= requests_day:
                continue
            if self._carries.get(name, math.inf) <= peak:
                continue
            could.append((self._floor(name, design, requests_day), design))
        if any(floor is None for floor, _ in could):
            return [(None, design) for _, design in could]
        return sorted(could, key=lambda one: (one[0], one[1].id))

    def _floor(self, name: str, design: Design, requests_day: float) -> Any:
        """The key of the design at the least it can cost; none where the order is not by cost."""
        if self.asked.demand.preferences.weights:
            return None
        usd = self._least_usd(name, design, requests_day)
        bill = Bill(lines=(), monthly_usd=usd)
        return self.key(Assessment(design=design, bill=bill, promise=_IDEAL))

    def _least_usd(self, name: str, design: Design, requests_day: float) -> Decimal:
        """What it cost at less traffic, and what the traffic in between adds to any design.

        A design without a price costs nothing at the least; its assessment then says what is
        missing.
        """
        if name not in self._known:
            if name not in self._bare:
                platform = self.asked.catalog.platform(design.platform)
                bare = self._bill(design, platform, NEXT_TO_NOTHING)
                self._bare[name] = bare or Decimal(0)
            self._known[name] = [Known(NEXT_TO_NOTHING, self._bare[name])]
        below = [k for k in self._known[name] if k.requests_day <= requests_day]
        if not below:
            return Decimal(0)
        last = max(below, key=lambda k: k.requests_day)
        more = self._shared(design, requests_day)
        less = self._shared(design, last.requests_day)
        if more is None or less is None:
            return last.usd
        return last.usd + more - less

    def _learn(self, name: str, requests_day: float, usd: Decimal) -> None:
        self._known.setdefault(name, []).append(Known(requests_day, usd))

    def _shared(self, design: Design, requests_day: float) -> Decimal | None:
        """The lines that every design of the platform has alike there, at so many requests."""
        key = (design.platform, design.region, design.commitment, requests_day)
        if key not in self._parts:
            platform = self.asked.catalog.platform(design.platform)
            alike = tuple(line for line in platform.bill if not METERS[line.meter].depends)
            # What has no sizes is the same in all designs, and grows with the requests.
            same = tuple(one for one in design.services if not one.size)
            bare = replace(design, database=None, services=same, beside=(), standby=None)
            self._parts[key] = self._bill(bare, replace(platform, bill=alike), requests_day)
        return self._parts[key]

    def _bill(self, design: Design, platform: Platform, requests_day: float) -> Decimal | None:
        asked = self.at(requests_day)
        usage = usage_of(asked.workload, asked.demand, asked.profile, design, platform)
        return monthly_usd(design, platform, asked.book, usage)

    def best_wider(self, requests_day: float) -> Assessment | None:
        """The best of all platforms, each scaled out where its designs end."""
        each = [self.scale_out(name, requests_day) for name in tuple(self._of)]
        return min((made for made in each if made is not None), key=self.key, default=None)

    def scale_out(self, platform: str, requests_day: float) -> Assessment | None:
        """The best of a platform, with more replicas than the envelope has where it ends below.

        The two shapes that carry most for their money get as many replicas as it takes, up to the
        platform's limit; they are remembered as designs of the bench.
        """
        key = (platform, requests_day)
        if key not in self._wider:
            self._wider[key] = self._scale_out(platform, requests_day)
        return self._wider[key]

    def _scale_out(self, platform: str, requests_day: float) -> Assessment | None:
        found = self.best(requests_day, platform)
        if found is not None:
            return found
        peak = busiest_rps(self.at(requests_day).demand.traffic)
        for parent in self._parents(platform):
            replicas = self._enough(parent, peak, requests_day)
            if replicas:
                wider = scaled(parent, replicas)
                self._designs.setdefault(wider.id, wider)
                self._of[platform].setdefault(wider.id, wider)
        return self.best(requests_day, platform)

    def _enough(self, parent: Design, peak: float, requests_day: float) -> int:
        """The fewest replicas that hold, by doubling and halving; 0 when none are enough."""
        each = self._carries[parent.id] / max(1, parent.replicas_max)
        low = max(parent.replicas_min, math.ceil(peak / each) - 1)
        most = min(replicas_limit(parent, self.asked), max(2 * low, low + 8))
        step, high = 1, min(low + 1, most)
        while high > low and not self.holds(scaled(parent, high), requests_day):
            if high == most:
                return 0
            step *= 2
            low, high = high, min(high + step, most)
        if high <= low:
            return 0
        while high - low > 1:
            middle = (low + high) // 2
            if self.holds(scaled(parent, middle), requests_day):
                high = middle
            else:
                low = middle
        return high

    def _parents(self, platform: str) -> list[Design]:
        """Of each shape the design with most replicas; those that carry most for their money."""
        widest: dict[tuple[object, ...], Design] = {}
        for name, design in self._of.get(platform, {}).items():
            if self._carries.get(name, 0.0) <= 0:
                continue
            if self._hopeless.get(name) or not self.holds(design, NEXT_TO_NOTHING):
                continue
            shape = (design.region, design.size, design.arch, design.commitment,
                     design.database is not None and design.database.multi_az)  # fmt: skip
            if shape not in widest or widest[shape].replicas_min < design.replicas_min:
                widest[shape] = design
        return sorted(widest.values(), key=self._usd_for_capacity)[:2]

    def _usd_for_capacity(self, design: Design) -> tuple[float, str]:
        usd = min((k.usd for k in self._known.get(design.id, ())), default=Decimal(0))
        return (float(usd) / self._carries[design.id], design.id)
