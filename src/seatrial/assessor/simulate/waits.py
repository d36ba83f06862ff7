"""Response times of a fleet's replicas over their load, which the fluid year looks up.

A table has cells: a number of replicas and a utilisation. A cell is a short exact replay by
`station` at that constant load: so what the balancer, the queues, the workers and the shared
processors do to a request is not approximated, but sampled, with `PLAYED` requests and more.
Service times and gaps between arrivals are stratified, so that the load of a short replay is
the one that is asked for. A cell says how long requests take, how many are there at once, and how
much the mean of that varies from one stretch of time to another, which is what policies see.
- Bursts: the rate of each second is multiplied by a gamma factor, as `bursts` has it. Of a
  fleet's burst a cell takes the variance at its own rate.
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
from seatrial.assessor.simulate.kernels import kernel
from seatrial.assessor.simulate.mixing import CELLS, CLASSES, ROWS, SHARES
from seatrial.kernel.simulation import Fleet, RouteLaw

Floats = npt.NDArray[np.float64]

BINS = 640
WAITS = 128
WAIT_FIRST_S, WAIT_LAST_S = 1e-3, 3600.0
"""The last wait stands for all that are longer, which have no figure."""
PLAYED = 8_000
PLAYED_MORE = 20_000
"""Requests of a cell without load, and how many more of a full one."""
WARM = 0.1
PARTS = 8
SPANS_S = (6.0, 15.0, 60.0)
FULL, FULL_WAVES = 4_000, 40
"""Requests of the replay that finds a replica's capacity, or so many for each of its places."""
STRETCH_S, STRETCHES, STRETCHES_MOST = 3.0, 512, 4096
"""Time is cut into stretches of so long, or so many of them at least."""
WINDOWS = 32
"""Windows of stretches that a variance is taken of, at least."""
BALANCERS = {"round-robin": station.TURNS, "random": station.RANDOM,
             "least-outstanding": station.LEAST}  # fmt: skip


@kernel("f8*", "i8", "i8", "f8", "f8", "f8", "f8[:,:]")
def _tally(m, count, skip, timeout, first, width, hist):
    """Count latencies within the time-out by bin, and in a second row the times in a slot."""
    scale = 1.0 / (count - skip)
    for job in range(skip, count):
        latency = m[8 * job + station.LATENCY]
        if latency < 0.0 or latency > timeout:
            continue
        at = int(math.log(max(latency, first) / first) / width)
        hist[0, min(at, BINS)] += scale
        held = m[8 * job + station.ARRIVAL] + latency - m[8 * job + station.BEGUN]
        at = int(math.log(max(held, first) / first) / width)
        hist[1, min(at, BINS)] += scale


@kernel("f8*", "i8", "f8", "f8", "f8", "f8[:]")
def _present(m, count, begin, step, timeout, area):
    """Request-seconds in each of the stretches of `step` from `begin` on, as differences.

    The second half of `area` is what all stretches after one get on top.
    """
    many = area.size // 2
    for job in range(count):
        latency = m[8 * job + station.LATENCY]
        if latency < 0.0:
            continue
        for end in range(2):
            at = m[8 * job + station.ARRIVAL] - begin
            if end == 1:
                at += min(latency, timeout)
            at = max(at, 0.0) / step
            place = int(at)
            if place < many:
                sign = step if end == 0 else -step
                area[place] += sign * (place + 1.0 - at)
                if place + 1 < many:
                    area[many + place + 1] += sign


def _restless(area: Floats, step: float) -> list[float]:
    """Relative variances of windows' means over each of SPANS_S, if need be from shorter ones."""
    stretches = area.size // 2
    inside = area[:stretches] + np.cumsum(area[stretches:])
    total = np.concatenate([[0.0], np.cumsum(inside)])
    mean = total[-1] / stretches
    if mean <= 0.0:
        return [0.0] * len(SPANS_S)
    found = []
    for span in SPANS_S:
        wide = max(1, min(round(span / step), stretches // WINDOWS))
        windows = (total[wide:] - total[:-wide]) / (wide * mean)
        found.append(float(((windows - 1.0) ** 2).mean()) * wide * step / span)
    return found


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
        self.samples = samples_of(laws)
        walls, shares, weights = self.samples.T
        self.service_s = float(walls @ weights)
        self.cpu_s = float((walls * shares) @ weights)
        self.first = float(walls.min()) * 0.95
        last = max(WAIT_LAST_S, 10 * shape.timeout_s)
        self.width = math.log(last / self.first) / BINS
        self.edges_s = self.first * np.exp(self.width * np.arange(1, BINS + 1))
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
        requests = self._requests(count, 1)
        m, o = station.arena(requests, self._places(1, shared=True))
        station.play(m, o)
        found = m[: requests.size].reshape(-1, 8)
        ends = np.sort(found[:, station.LATENCY])
        low, high = count // 10, count - count // 10
        return float((high - low) / (ends[high] - ends[low]))

    def _places(self, many: int, shared: bool | None = None) -> station.Places:
        shape = self.shape
        shared = shape.queue == "replica" if shared is None else shared
        return station.Places(
            many, shape.workers, shape.slots, shape.vcpu, shared, BALANCERS[shape.balancer],
            max(1, shape.zones), 1.0 / shape.connection_requests, shape.queue_max,
        )  # fmt: skip

    def _requests(self, count: int, seed: int) -> Floats:
        """Work and luck of requests; all are there from the start."""
        chance = np.random.Generator(np.random.Philox(seed))
        even = (np.arange(count) + chance.random()) / count
        total = np.cumsum(self.samples[:, 2])
        drawn = np.minimum(np.searchsorted(total, even * total[-1]), len(total) - 1)
        chance.shuffle(drawn)
        walls, shares = self.samples[drawn, 0], self.samples[drawn, 1]
        requests = np.zeros((count, 8))
        requests[:, station.CPU_S] = walls * shares
        requests[:, station.WAIT_S] = walls * (1.0 - shares)
        requests[:, station.LUCK] = chance.random(count)
        return requests

    def _arrivals(self, count: int, rate: float, variance: float, seed: int) -> Floats:
        chance = np.random.Generator(np.random.Philox(seed))
        gaps = -np.log1p(-(np.arange(count) + 0.5) / count)
        chance.shuffle(gaps)
        at: Floats = np.cumsum(gaps) * (1.0 / gaps.mean())
        if variance < 1e-4:
            return at / rate
        factors = chance.gamma(1.0 / variance, variance, size=int(count / rate) + 2)
        inside = np.concatenate([[0.0], np.cumsum(factors * (rate / factors.mean()))])
        # The last second goes on for as long as it must.
        inside[-1] = max(inside[-1], at[-1])
        return np.interp(at, inside, np.arange(inside.size, dtype=np.float64))

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
        count = int(PLAYED + PLAYED_MORE * used)
        requests = self._requests(count, 2 + cell)
        variance = self.burst / rate
        many = fleet
        if self.alone:
            # Each gets its share of the second's rate: one replica has the law of all.
            rate, many = rate / many, 1
        requests[:, station.ARRIVAL] = self._arrivals(count, rate, variance, 1_000_000 + cell)
        m, o = station.arena(requests, self._places(many))
        station.play(m, o)
        hist, skip, limit = np.zeros((2, BINS + 1)), int(WARM * count), self.shape.timeout_s
        _tally(m, count, skip, limit, self.first, self.width, hist)
        begin = float(requests[skip, station.ARRIVAL])
        last = float(requests[-1, station.ARRIVAL]) - begin
        step = min(STRETCH_S, last / STRETCHES)
        area = np.zeros(2 * min(STRETCHES_MOST, int(last / step)))
        _present(m, count, begin, step, limit, area)
        self.below[:, cell], self.held[:, cell] = np.cumsum(hist[:, :BINS], axis=1)
        middles = self.edges_s * math.exp(-self.width / 2)
        shares = hist[0, :BINS]
        self.stay_s[cell] = float(shares @ middles) / max(float(shares.sum()), 1e-12)
        self.restless[cell] = np.array(_restless(area, step)) * used * many
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
            waits = np.geomspace(WAIT_FIRST_S, WAIT_LAST_S, WAITS - 1)
            left = np.maximum(self.edges_s[None, :] - waits[:, None], self.first * 1e-9)
            spot = np.log(left / self.first) / self.width - 1.0
            found = np.interp(spot, np.arange(BINS, dtype=np.float64), share, left=0.0)
            self.late[cell] = np.vstack([found, np.zeros((1, BINS))])
        return self.late[cell]


def queues_of(fleet: Fleet) -> int:
    """How many queues a replica has."""
    return fleet.workers if fleet.queue == "worker" else 1


def samples_of(laws: Sequence[RouteLaw]) -> Floats:
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
    """The fleet without what the table does not depend on, so that fleets share tables."""
    return Fleet(
        replicas_min=1, replicas_max=1, workers=fleet.workers, slots=fleet.slots, vcpu=fleet.vcpu,
        queue=fleet.queue, balancer=fleet.balancer, timeout_s=fleet.timeout_s, zones=fleet.zones,
        connection_requests=fleet.connection_requests, queue_max=fleet.queue_max,
    )  # fmt: skip


@lru_cache(maxsize=512)
def table(laws: tuple[RouteLaw, ...], shape: Fleet, burst: float) -> Table:
    """The table of a shape; `burst` is the variance over mean, less one, of a fleet's seconds."""
    return Table(laws, shape, burst)
