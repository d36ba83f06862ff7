"""Response times of a fleet's replicas over their load, which the fluid year looks up.

A table has cells: a number of replicas and a utilisation. A cell is a short exact replay by
`station` at that constant load: so what the balancer, the queues, the workers and the shared
processors do to a request is not approximated, but sampled, with `PLAYED` requests and more.
Service times and gaps between arrivals are stratified, so that the load of a short replay is
the one that is asked for. A cell says how long requests take, how many are there at once, and how
much the mean of that varies from one stretch of time to another, which is what policies see.
- Bursts: the rate of each second is multiplied by a gamma factor, as `bursts` has it. Of a
  fleet's burst a cell takes the variance at its own rate. The factors are stratified too: drawn
  freely they make as much chance as all else that a replay draws.
- All fleets are asked the same requests, which are drawn once.
- Between utilisations distributions are mixed by cubic Lagrange polynomials, between numbers of
  replicas by lines in one over the number. A line in the utilisation would be too high everywhere,
  because waits grow faster and faster.
- Only cells of the numbers of replicas that a fleet may have are played, each from a seed of its
  own: a table is the same whoever asks for its cells, and in whatever order.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from seatrial.assessor.simulate import service, station
from seatrial.assessor.simulate.kernels import kernel, part
from seatrial.assessor.simulate.mixing import CELLS, CLASSES, ROWS, SHARES
from seatrial.kernel.simulation import Fleet, RouteLaw

Floats = npt.NDArray[np.float64]

BINS = 640
WAITS = 128
WAIT_FIRST_S, WAIT_LAST_S = 1e-3, 3600.0
"""The last wait stands for all that are longer, which have no figure."""
PLAYED_IDLE, PLAYED, PLAYED_FULL = 3_000, 10_000, 4_000
"""Requests of a cell: hardly used, as fleets mostly are, and close to full. Those in between decide
what a year's requests took; what is close to full no fleet is for long."""
PLAYED_TIMES = 3
"""So many times as many where requests share nothing but a queue: that is so much quicker."""
WARM = 0.1
PARTS = 8
SPANS_S = (12.0, 15.0, 60.0)
GAMMA_POINTS = 512
FULL, FULL_WAVES = 4_000, 40
"""Requests of the replay that finds a replica's capacity, or so many for each of its places."""
NOBODY_LATE = np.zeros((WAITS, BINS))
STRETCH_S, STRETCHES, STRETCHES_MOST = 3.0, 512, 4096
"""Time is cut into stretches of so long, or so many of them at least."""
WINDOWS = 32
"""Windows of stretches that a variance is taken of, at least."""
BALANCERS = {"round-robin": station.TURNS, "random": station.RANDOM,
             "least-outstanding": station.LEAST}  # fmt: skip


@kernel("f8*", "f8", "f8[:]", "f8[:]")
def _arrive(even, rate, inside, out):
    """Times at which requests come that would come once a second: `even`, at a `rate` instead.

    `inside` is how many come by the end of each second; nothing where they come evenly.
    """
    second = 0
    for job in range(out.size):
        at = even[job]
        if inside.size == 0:
            out[job] = at / rate
            continue
        while second + 1 < inside.size and inside[second] < at:
            second += 1
        before = inside[second - 1] if second > 0 else 0.0
        many = inside[second] - before
        # The last second goes on for as long as it must.
        out[job] = second + ((at - before) / many if many > 0.0 else 0.0)


@part
def _binned(latency, first, width):
    return min(int(math.log(max(latency, first) / first) / width), BINS)


@part
def _present(arrival, latency, count, begin, step, timeout, area, many):
    """Requests at once in the mean of each of `many` stretches of `step` from `begin` on.

    The second half of `area` is what all stretches after one get on top.
    """
    for at in range(2 * many):
        area[at] = 0.0
    for job in range(count):
        if latency[job] < 0.0:
            continue
        came, sign = (arrival[job] - begin) / step, 1.0
        for moment in (came, came + min(latency[job], timeout) / step):
            at = max(moment, 0.0)
            if at < many:
                place = int(at)
                area[place] += sign * (place + 1.0 - at)
                if place + 1 < many:
                    area[many + place + 1] += sign
            sign = -1.0
    above = 0.0
    for place in range(many):
        above += area[many + place]
        area[place] += above


@part
def _restless(area, many, step, span):
    """Relative variance of the mean over a span, if need be from that over shorter windows."""
    wide = max(1, min(round(span / step), many // WINDOWS))
    mean, some = 0.0, 0.0
    for place in range(many):
        mean += area[place] / many
    if mean <= 0.0:
        return 0.0
    total = 0.0
    for place in range(many):
        some += area[place]
        if place >= wide:
            some -= area[place - wide]
        if place >= wide - 1:
            total += (some / (wide * mean) - 1.0) ** 2
    return total / (many - wide + 1) * wide * step / span


@kernel("f8[:]", "f8*", "f8*", "i8", "f8", "f8", "f8", "i8", "f8*", "f8*", "f8*")
def _measure(arrival, latency, begun, skip, timeout, first, width, in_slots, shares, area, found):
    """What requests took, from number `skip` on: shares below each bin's end, of latencies within
    the time-out and, if wanted, of times in a slot; and into `found` their mean latency and how
    much the mean of requests at once varies over SPANS_S.
    """
    count = arrival.size
    for at in range(2 * (BINS + 1)):
        shares[at] = 0.0
    answered, sum_s = 0, 0.0
    for job in range(skip, count):
        if latency[job] < 0.0 or latency[job] > timeout:
            continue
        answered += 1
        sum_s += latency[job]
        at = _binned(latency[job], first, width)
        shares[at] += 1.0
        if in_slots > 0:
            held = arrival[job] + latency[job] - begun[job]
            shares[BINS + 1 + _binned(held, first, width)] += 1.0
    for row in (0, BINS + 1):
        below = 0.0
        for at in range(BINS):
            below += shares[row + at]
            shares[row + at] = below / (count - skip)
    found[0] = sum_s / max(answered, 1)
    begin = arrival[skip]
    last = arrival[count - 1] - begin
    step = min(STRETCH_S, last / STRETCHES)
    many = min(STRETCHES_MOST, int(last / step))
    _present(arrival, latency, count, begin, step, timeout, area, many)
    found[1] = _restless(area, many, step, SPANS_S[0])
    found[2] = _restless(area, many, step, SPANS_S[1])
    found[3] = _restless(area, many, step, SPANS_S[2])


class Table:
    """What a fleet's requests take, cell by cell, worked out when asked for.

    `capacity_rps` is a replica's, `service_s` and `cpu_s` a request's; `edges_s` end the bins.
    `below` and `held` (bin, cell) are shares of requests whose latency, and whose time in a slot,
    is below each edge; below 1 at the end is refused. `stay_s` is the mean latency, and `restless`
    (cell, SPANS_S) the variance of the mean of requests at once over each span, relative to its
    square and times the utilisation of all replicas.
    """

    def __init__(self, laws: Sequence[RouteLaw], shape: Fleet, burst: float) -> None:
        self.shape, self.burst = shape, burst
        self.laws, self.samples = tuple(laws), samples_of(tuple(laws))
        walls, shares, weights = self.samples.T
        self.service_s = float(walls @ weights)
        self.cpu_s = float((walls * shares) @ weights)
        self.first = float(walls.min()) * 0.95
        last = max(WAIT_LAST_S, 10 * shape.timeout_s)
        self.width = math.log(last / self.first) / BINS
        self.edges_s = self.first * np.exp(self.width * np.arange(1, BINS + 1))
        self.plain = (
            shape.slots == 1
            and shape.queue_max == 0
            and (shape.workers == 1 or shape.vcpu >= shape.workers)
        )
        self.alone = shape.balancer == "random" and shape.connection_requests <= 1.0
        self.played: set[int] = set()
        self.below, self.held = np.zeros((2, BINS, CELLS))
        self.stay_s, self.restless = np.zeros(CELLS), np.zeros((CELLS, len(SPANS_S)))
        self.alike = np.array([self.like(cell) for cell in range(CELLS)])
        self.capacity_rps = self._capacity()
        self.late: dict[int, Floats] = {}

    def _capacity(self) -> float:
        shape = self.shape
        if shape.slots == 1 and shape.vcpu >= shape.workers:
            return shape.workers / self.service_s
        # Requests that take the same end in waves of all places: it takes some to make a rate.
        count = max(FULL, FULL_WAVES * shape.workers * shape.slots)
        asked = requests(self.laws, count, 1)
        ends = np.sort(
            station.replay(np.zeros(count), *asked, self._places(1, shared=True)).latency
        )
        low, high = count // 10, count - count // 10
        return float((high - low) / (ends[high] - ends[low]))

    def _places(self, many: int, shared: bool | None = None) -> station.Places:
        shape = self.shape
        shared = shape.queue == "replica" if shared is None else shared
        return station.Places(
            many, shape.workers, shape.slots, shape.vcpu, shared, BALANCERS[shape.balancer],
            max(1, shape.zones), 1.0 / shape.connection_requests, shape.queue_max,
        )  # fmt: skip

    def _arrivals(self, count: int, rate: float, variance: float, cell: int) -> Floats:
        """When the requests of a cell come, at seconds' rates that vary so much."""
        found, inside = np.empty(count), np.empty(0)
        if variance >= 1e-4:
            factors = gamma_quantiles(1.0 / variance, int(count / rate) + 2)
            np.random.Generator(np.random.Philox(2_000_000 + cell)).shuffle(factors)
            inside = np.cumsum(factors) * (rate / factors.mean())
        _arrive(even_arrivals(count, cell), rate, inside, found)
        return found

    def missing(self, cells: Iterable[int]) -> list[int]:
        """Cells not played yet, without those that are like another."""
        return sorted({self.like(cell) for cell in cells} - self.played)

    def like(self, cell: int) -> int:
        """Of replicas that do not know of each other one is enough, unless they share bursts."""
        return cell % ROWS if self.alone and self.burst <= 0.0 else cell

    def play(self, cell: int) -> None:
        """Work out a cell; on any thread."""
        fleet, used = CLASSES[cell // ROWS], float(SHARES[cell % ROWS])
        rate = used * self.capacity_rps * fleet
        count = PLAYED_IDLE if used < 0.1 else PLAYED if used < 0.91 else PLAYED_FULL
        count *= PLAYED_TIMES if self.plain else 1
        variance, many = self.burst / rate, fleet
        if self.alone:
            # Each gets its share of the second's rate: one replica has the law of all.
            rate, many = rate / many, 1
        arrival = self._arrivals(count, rate, variance, cell)
        done = station.replay(arrival, *requests(self.laws, count, 2 + cell), self._places(many))
        shares, found = np.empty((2, BINS + 1)), np.empty(1 + len(SPANS_S))
        in_slots = cell % ROWS in (0, ROWS - 1)
        _measure(
            arrival, done.latency, done.begun, int(WARM * count), self.shape.timeout_s, self.first,
            self.width, in_slots, shares.ravel(), np.empty(2 * STRETCHES_MOST), found,
        )  # fmt: skip
        self.below[:, cell], self.held[:, cell] = shares[:, :BINS]
        self.stay_s[cell], self.restless[cell] = found[0], found[1:] * used * many
        self.played.add(cell)

    def noise(self, metric: str) -> float:
        """Variance over mean of a span's work, in requests; beside the minutes' own."""
        if metric == "requests":
            return 1.0 + self.burst
        walls, shares, weights = self.samples.T
        work = walls * shares if metric == "cpu" else walls
        mean = float(work @ weights)
        return self.burst + (float((work * work) @ weights) / mean**2 if mean > 0 else 1.0)

    def overload(self, cell: int) -> Floats:
        """Shares below each edge after each of WAITS waits and a time in a slot of the cell."""
        cell = self.like(cell)
        if cell not in self.late:
            full = self.held[:, cell]
            share = full / full[-1] if full[-1] > 0 else full  # None is answered in time.
            place, part = _after(self.first, self.width)
            found = np.zeros((WAITS, BINS))
            ends = np.concatenate([[0.0], share, share[-1:]])
            found[:-1] = ends[place] + part * np.diff(ends)[place]
            self.late[cell] = found
        return self.late[cell]


@lru_cache(maxsize=8)
def _after(first: float, width: float) -> tuple[npt.NDArray[np.int64], Floats]:
    """What of each bin is left after each wait: the bin's number, 0 for none, and a part of it."""
    edges = first * np.exp(width * np.arange(1, BINS + 1))
    waits = np.geomspace(WAIT_FIRST_S, WAIT_LAST_S, WAITS - 1)
    left = np.maximum(edges[None, :] - waits[:, None], first * 1e-9)
    spot = np.log(left / first) / width
    place = np.clip(np.floor(spot), 0.0, BINS)
    return place.astype(np.int64), np.where(spot < 1.0, 0.0, spot - place)


def queues_of(fleet: Fleet) -> int:
    """How many queues a replica has."""
    return fleet.workers if fleet.queue == "worker" else 1


@lru_cache(maxsize=2 * CELLS)
def requests(laws: tuple[RouteLaw, ...], count: int, seed: int) -> tuple[Floats, Floats, Floats]:
    """Seconds that requests compute and then wait, and the luck of each: the same for all fleets.

    So fleets differ by what they are, not by chance.
    """
    chance, samples = np.random.Generator(np.random.Philox(seed)), samples_of(laws)
    even = (np.arange(count) + chance.random()) / count
    total = np.cumsum(samples[:, 2])
    drawn = np.minimum(np.searchsorted(total, even * total[-1]), len(total) - 1)
    chance.shuffle(drawn)
    walls, shares = samples[drawn, 0], samples[drawn, 1]
    return walls * shares, walls * (1.0 - shares), chance.random(count)


@lru_cache(maxsize=2 * CELLS)
def even_arrivals(count: int, seed: int) -> Floats:
    """When requests come independently, one a second in the mean; their gaps are stratified."""
    gaps = -np.log1p(-(np.arange(count) + 0.5) / count)
    np.random.Generator(np.random.Philox(1_000_000 + seed)).shuffle(gaps)
    at: Floats = np.cumsum(gaps) * (1.0 / gaps.mean())
    return at


def gamma_quantiles(shape: float, count: int) -> Floats:
    """A gamma law of scale one by as many values of equal chance, the lowest first.

    By the trapezoidal rule over the logarithm, of which the law is smooth; below exp(-6) a law of a
    shape below one is a power.
    """
    high = math.log(shape + 12 * math.sqrt(shape) + 40)
    low = math.log(shape) - 9 / math.sqrt(shape) if shape >= 1 else -6.0
    at, step = np.linspace(low, high, GAMMA_POINTS, retstep=True)
    # Over what the density is about its peak, which would be too large a number.
    law = np.exp(shape * (at - math.log(shape)) - np.exp(at) + shape)
    below = np.cumsum(law) - (law + law[0]) / 2 + law[0] / shape / step
    below /= below[-1]
    even = (np.arange(count) + 0.5) / count
    found = np.interp(even, below, at)
    deep = int(np.searchsorted(even, below[0]))
    found[:deep] = low + np.log(even[:deep] / below[0]) / shape
    return np.exp(found)


@lru_cache(maxsize=8)
def samples_of(laws: tuple[RouteLaw, ...]) -> Floats:
    """(wall time, processor share, weight) of samples; weights sum to one.

    Each wall time of a law stands for its stretch of `service`'s distribution, in PARTS.
    """
    taken = [law for law in laws if law.weight > 0]
    _, first, mean, rise, tail, shares = service.tables(taken)
    total = sum(law.weight for law in taken)
    even = (np.arange(PARTS) + 0.5) / PARTS
    ends = np.linspace(0.0, 1.0, PARTS + 1)
    # The integral of -log(1 - x), for the means of the parts of an exponential tail.
    whole = ends - np.where(ends < 1, (ends - 1) * np.log(np.where(ends < 1, 1 - ends, 1.0)), 0.0)
    rows = []
    for number, law in enumerate(taken):
        low, high = int(first[number]), int(first[number + 1])
        walls = mean[low:high, None] + rise[low:high, None] * (even - 0.5)
        if tail[number] > 0:
            walls[-1] = mean[high - 1] + tail[number] * np.diff(whole) * PARTS
        weight = law.weight / total / walls.size
        each = np.maximum(walls.ravel(), 1e-6)
        rows.append(np.column_stack([each, np.full(each.size, shares[number]),
                                     np.full(each.size, weight)]))  # fmt: skip
    return np.vstack(rows)


def shape_of(fleet: Fleet) -> Fleet:
    """The fleet without what the table does not depend on, so that fleets share tables.

    A worker uses one processor at most, and one worker has one queue either way.
    """
    return Fleet(
        replicas_min=1, replicas_max=1, workers=fleet.workers, slots=fleet.slots,
        vcpu=min(fleet.vcpu, float(fleet.workers)),
        queue="replica" if fleet.workers == 1 else fleet.queue, balancer=fleet.balancer,
        timeout_s=fleet.timeout_s, zones=fleet.zones, queue_max=fleet.queue_max,
        connection_requests=fleet.connection_requests,
    )  # fmt: skip


@lru_cache(maxsize=512)
def table(laws: tuple[RouteLaw, ...], shape: Fleet, burst: float) -> Table:
    """The table of a shape; `burst` is the variance over mean, less one, of a fleet's seconds."""
    return Table(laws, shape, burst)
