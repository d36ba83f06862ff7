"""Response times of one replica over its load, as tables that the fluid year looks up.

A replica (or each of its workers, where every worker has a queue) is a station of c slots whose
throughput with k requests inside is that of a closed network of processors under processor
sharing and of waiting (Buzen's convolution; the flow-equivalent server of Chandy, Herzog and Woo).
With waiting only, or one slot a processor, the birth-death chain over k is Erlang's M/M/c.
- Wait for a slot: probability from the chain, mean by Allen-Cunneen with the correction of Kraemer
  and Langenbach-Belz for arrivals more regular than Poisson, exponential tail.
- Round robin over n replicas gives each 1/n of the variability of Poisson arrivals; least
  outstanding is taken as one pool of n replicas; keep-alive connections undo both.
- Under processor sharing a request is stretched as by the number an arrival sees, with variance
  1/(2 - rho) of it about the mean: exact for the second moment of M/M/1 under processor sharing.
- Bursts (variance of the rate from second to second) make the chain two-dimensional: the rate jumps
  between six levels of a gamma law, and stays exponentially, half a second in the mean, which gives
  counts over longer spans the variance that independent seconds have. Solved exactly in `chain`.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from numba import njit

from seatrial.assessor.simulate.chain import at, solve
from seatrial.kernel.simulation import Fleet, RouteLaw

Floats = npt.NDArray[np.float64]

BINS = 320
ROWS = 48
TOP = 5.3
"""Rows are even in -log(1 - utilisation), up to 0.995."""
WAITS = 128
WAIT_FIRST_S, WAIT_LAST_S = 1e-3, 3600.0
CLASSES = (1, 2, 4, 8, 16)
"""Numbers of replicas that the balancer's effect is worked out for; 16 stands for more."""
PHASES = (0.3, 0.3, 0.2, 0.12, 0.06, 0.02)
"""Shares of the seconds that the levels of the rate stand for."""
STATES = 128
"""Exact closed network up to so many requests inside; beyond, the lesser of its two bounds."""


class Table(NamedTuple):
    """Mass over response times by class and row, error share, and what saturation adds.

    `hist[class, row, bin]`; `times_s[bin]`; `overload[wait bin, bin]` is a fluid wait plus the
    service of a full replica; `capacity_rps` a replica's, `service_s` and `cpu_s` a request's.
    """

    times_s: Floats
    hist: Floats
    error: Floats
    overload: Floats
    capacity_rps: float
    service_s: float
    cpu_s: float


class _Station(NamedTuple):
    slots: int
    processors: float
    units: int


def station(fleet: Fleet) -> _Station:
    """Slots and processors behind one queue, and how many such queues a replica has.

    A Python worker computes on one processor at a time.
    """
    if fleet.queue == "worker":
        each = min(1.0, fleet.vcpu / fleet.workers)
        return _Station(fleet.slots, each, fleet.workers)
    return _Station(fleet.workers * fleet.slots, min(fleet.vcpu, float(fleet.workers)), 1)


@njit(cache=True)
def _throughput(slots, think, work, processors):
    """Throughput with 0..slots requests inside."""
    total = think + work
    z, d = think / total, work / total
    scale = max(1.0, d / processors)
    exact = min(slots, STATES)
    waiting = np.empty(exact + 1)
    working = np.empty(exact + 1)
    norm = np.empty(exact + 1)
    waiting[0] = working[0] = 1.0
    for j in range(1, exact + 1):
        waiting[j] = waiting[j - 1] * z / j / scale
        working[j] = working[j - 1] * d / min(float(j), processors) / scale
    for k in range(exact + 1):
        norm[k] = 0.0
        for j in range(k + 1):
            norm[k] += waiting[j] * working[k - j]
    found = np.zeros(slots + 1)
    most = processors / work if work > 0 else np.inf
    for k in range(1, slots + 1):
        if k <= exact:
            found[k] = norm[k - 1] / (norm[k] * scale) / total
        else:
            found[k] = min(found[exact] * k / exact, most)
    return found


@njit(cache=True)
def _put(hist, first, width, time, mass):
    """Split a mass between the two points about `time`."""
    x = min(max(np.log(time / first) / width, 0.0), hist.size - 1.000001)
    low = int(x)
    hist[low] += mass * (low + 1 - x)
    hist[low + 1] += mass * (x - low)


@njit(cache=True)
def _serve(hist, first, width, samples, stretch, mass):
    """Add service times, their processor part stretched; samples are (wall, share, weight)."""
    for i in range(samples.shape[0]):
        wall, share = samples[i, 0], samples[i, 1]
        _put(hist, first, width, wall * (1.0 - share + share * stretch), mass * samples[i, 2])


@njit(cache=True)
def _delayed(hist, times, base, waits, decay):
    """Add mass `waits` of an exponential wait of that decay plus the service in `base`."""
    held = 0.0
    served = 0.0
    before = 0.0
    edge_before = times[0]
    for b in range(times.size):
        edge = np.sqrt(times[b] * times[min(b + 1, times.size - 1)])
        held = held * np.exp(-decay * (edge - edge_before))
        held += base[b] * np.exp(-decay * (edge - times[b]))
        served += base[b]
        hist[b] += waits * (served - held - before)
        before = served - held
        edge_before = edge
    hist[times.size - 1] += waits * (served - before)


@njit(cache=True)
def _regular(rho, arrival_scv, service_scv):
    """Factors on the chance and on the mean of a wait, against Poisson arrivals."""
    both = max(arrival_scv + service_scv, 0.02)
    if arrival_scv >= 1.0 or rho <= 0.0:
        return 1.0, both / 2.0
    less = 1.0 - arrival_scv
    mean = both / 2.0 * np.exp(-2.0 * (1.0 - rho) * less * less / (3.0 * rho * both))
    top = 1.0 + arrival_scv + rho * service_scv
    bottom = 1.0 + rho * (service_scv - 1.0) + rho * rho * (4.0 * arrival_scv + service_scv)
    return max(1e-6, 1.0 - less * (1.0 - rho) * top / bottom), max(mean, 1e-9)


@njit(cache=True)
def _stretches(rates, think, work, pooled, states):
    """How much longer processors take for one that comes when 0..states are inside."""
    stretch = np.ones(states + 1)
    if work > 1e-9 * think:
        for k in range(states + 1):
            inside = min(max(1.0, (k + 1) / pooled), rates.size - 1.0)
            stretch[k] = (inside / at(rates, inside) - think) / work
    return stretch


@njit(cache=True)
def _row(hist, times, samples, rates, think, work, pooled, regular, scv, rho, factors, shares):
    """Response times at one utilisation; returns masses, decays and ratios of the waits."""
    width = np.log(times[1] / times[0])
    full = pooled * rates[-1]
    chance, waits, ratios = solve(rates, pooled, rho * full, factors, shares)
    stretch = _stretches(rates, think, work, pooled, chance.size)
    mean = waits.sum() * stretch[-1] + (chance * stretch[:-1]).sum()
    damp = 1.0 / np.sqrt(2.0 - rho)
    mass, held = 0.0, stretch[0]
    for k in range(chance.size):
        if mass > 1e-12 and abs(stretch[k] - held) > 0.02 * held:
            _serve(hist, times[0], width, samples, mean + (held - mean) * damp, mass)
            mass, held = 0.0, stretch[k]
        mass += chance[k]
    _serve(hist, times[0], width, samples, mean + (held - mean) * damp, mass)
    base = np.zeros(times.size)
    _serve(base, times[0], width, samples, mean + (stretch[-1] - mean) * damp, 1.0)
    factor, longer = _regular(rho, regular, scv)
    slack = full * (1.0 - rho)
    decays = full * (1.0 - ratios)
    for i in range(waits.size):
        own = decays[i]
        less = factor ** min(1.0, own / slack)
        decays[i] = less / max(1.0 / own + (longer - 1.0) / slack, 0.1 / own)
        _delayed(hist, times, base, waits[i] * less, decays[i])
        hist += base * (waits[i] * (1.0 - less))
        waits[i] *= less
    hist[:] = np.maximum(hist, 0.0)
    return waits, decays, ratios


@njit(cache=True)
def _overload(found, times, width, base):
    """found[wait bin, bin]: a wait plus the service times in `base`."""
    step = np.log(WAIT_LAST_S / WAIT_FIRST_S) / (WAITS - 1)
    for j in range(WAITS):
        wait = WAIT_FIRST_S * np.exp(step * j)
        for b in range(times.size):
            if base[b] > 0.0:
                _put(found[j], times[0], width, wait + times[b], base[b])


@njit(cache=True)
def _tables(
    times, samples, rates, think, work, scv, pools, regular, limits, rhos, factors, shares, many
):
    """Rows of each class, their error shares, and full service; see `Table`.

    `factors[class, row, phase]` are levels of the rate; where `many` is false there is one.
    """
    width = np.log(times[1] / times[0])
    hist = np.zeros((pools.size, rhos.size, times.size))
    error = np.zeros((pools.size, rhos.size))
    timeout, queue_max = limits
    for j in range(pools.size):
        for i in range(rhos.size):
            phases = shares.size if many[j, i] else 1
            share = shares if many[j, i] else np.ones(1)
            waits, decays, ratios = _row(
                hist[j, i], times, samples, rates, think, work, pools[j], regular[j], scv,
                rhos[i], factors[j, i, :phases], share,
            )  # fmt: skip
            error[j, i] = (waits * np.exp(-decays * timeout)).sum()
            if queue_max > 0:
                error[j, i] += (waits * (1.0 - ratios) * ratios**queue_max).sum()
            error[j, i] = min(1.0, max(0.0, error[j, i]))
    base = np.zeros(times.size)
    stretch = (rates.size - 1) / rates[-1]
    stretch = (stretch - think) / work if work > 1e-9 * think else 1.0
    _serve(base, times[0], width, samples, stretch, 1.0)
    found = np.zeros((WAITS, times.size))
    _overload(found, times, width, base)
    return hist, error, found


def rhos() -> Floats:
    """Utilisation of the rows."""
    return np.maximum(1.0 - np.exp(-np.linspace(0.0, TOP, ROWS)), 1e-6)


VARIANCES = np.geomspace(1e-4, 1e3, 71)


@lru_cache(maxsize=1)
def _levels() -> Floats:
    """Levels (variance, phase) of gamma factors of mean one, by VARIANCES; their variance kept."""
    generator = np.random.Generator(np.random.Philox(17))
    shares = np.array(PHASES)
    cuts = np.concatenate([[0], np.round(np.cumsum(shares) * 10_000).astype(np.int64)])
    found = np.empty((VARIANCES.size, shares.size))
    for row, variance in zip(found, VARIANCES, strict=True):
        drawn = np.sort(generator.gamma(1 / variance, variance, size=10_000))
        row[:] = np.add.reduceat(drawn, cuts[:-1]) / np.diff(cuts)
        row /= max(float(shares @ row), 1e-12)
        spread = float(shares @ (row - 1) ** 2)
        row[:] = np.maximum(1 + (row - 1) * np.sqrt(variance / max(spread, 1e-12)), 1e-3)
        row += np.arange(shares.size) * 1e-6  # Equal levels would have equal roots.
        row /= float(shares @ row)
    return found


def _phases(variances: Floats) -> tuple[Floats, npt.NDArray[np.bool_]]:
    """Levels of the rate for variances (class, row), and where there is more than one."""
    levels = _levels()
    logs = np.log(np.clip(variances, VARIANCES[0], VARIANCES[-1]))
    at_ = np.minimum(np.interp(logs, np.log(VARIANCES), np.arange(VARIANCES.size)),
                     VARIANCES.size - 1.000001)  # fmt: skip
    low = at_.astype(np.int64)
    part = (at_ - low)[..., None]
    many = variances > VARIANCES[0]
    found = levels[low] * (1 - part) + levels[low + 1] * part
    found[~many] = 1.0
    return found, many


def samples_of(laws: Sequence[RouteLaw]) -> Floats:
    """(wall time, processor share, weight) of each sample; weights sum to one."""
    total = sum(law.weight for law in laws)
    rows = [
        (max(wall, 1e-6), min(1.0, max(0.0, law.cpu_share)), law.weight / total / len(law.wall_s))
        for law in laws
        for wall in law.wall_s
        if law.weight > 0
    ]
    return np.array(rows)


def shape_of(fleet: Fleet) -> Fleet:
    """The fleet without what the table does not depend on, so that fleets share tables."""
    return Fleet(
        replicas_min=1, replicas_max=1, workers=fleet.workers, slots=fleet.slots, vcpu=fleet.vcpu,
        queue=fleet.queue, balancer=fleet.balancer, timeout_s=fleet.timeout_s,
        connection_requests=fleet.connection_requests, queue_max=fleet.queue_max,
    )  # fmt: skip


@lru_cache(maxsize=512)
def table(laws: tuple[RouteLaw, ...], shape: Fleet, burst: float) -> Table:
    """The table of a replica; `burst` is the variance over mean, less one, of a fleet's seconds.

    A replica of n gets 1/n of that, as of all that is not common to them.
    """
    samples = samples_of(laws)
    place = station(shape)
    service = float(samples[:, 0] @ samples[:, 2])
    work = float((samples[:, 0] * samples[:, 1]) @ samples[:, 2])
    scv = float((samples[:, 0] ** 2) @ samples[:, 2]) / service**2 - 1.0
    rates = _throughput(place.slots, service - work, work, place.processors)
    smooth = shape.connection_requests <= 1.0
    pooling = smooth and shape.balancer == "least-outstanding" and place.units == 1
    even = smooth and shape.balancer != "random" and not pooling
    classes = np.array(CLASSES if pooling or even or burst > 0 else CLASSES[:1])
    pools = classes if pooling else np.ones_like(classes)
    ones = np.ones(classes.size)
    regular = 1.0 - (1.0 - 1.0 / classes) / place.units if even else ones
    capacity = float(rates[-1]) * place.units
    loads = np.maximum(classes[:, None] * rhos()[None, :] * capacity, 1e-9)
    factors, many = _phases(burst / loads)
    many[:, 0] = False
    last = float(samples[:, 0].max()) * place.slots / max(place.processors, 1e-3) + 60.0
    times = np.geomspace(float(samples[:, 0].min()) * 0.9, max(last, WAIT_LAST_S), BINS)
    hist, error, overload = _tables(
        times, samples, rates, service - work, work, scv, pools, regular,
        (shape.timeout_s, float(shape.queue_max)), rhos(), factors, np.array(PHASES), many,
    )  # fmt: skip
    return Table(times, hist, error, overload, capacity, service, work)
