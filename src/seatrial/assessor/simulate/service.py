"""How long requests take, unloaded: drawn from route laws, with what providers do to them.

A law's wall times are equally likely cells. Within a cell times are uniform about its mean, as wide
as its neighbours allow (`shapes.limited_slopes`), so that the mean of every cell stays. The highest
cell is open: an exponential tail that keeps the cell's mean, D / (2 ln 2) long for a step D from
the cell below, which is exact where the law's tail is exponential. Processor time and waiting
keep the route's shares in every request.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from seatrial.assessor.profile import RouteLoad, profile_of
from seatrial.assessor.simulate.chance import stream, uniform
from seatrial.assessor.simulate.kernels import kernel, part
from seatrial.assessor.simulate.shapes import Floats, limited_slopes
from seatrial.kernel.demand import Demand
from seatrial.kernel.errors import InputError
from seatrial.kernel.simulation import Provider, RouteLaw
from seatrial.kernel.workload import Component

CELLS = 200
"""Equally likely wall times of a law made from a profile: the 99th percentile has two above it."""

Routes = npt.NDArray[np.int32]
Flags = npt.NDArray[np.bool_]


class Tables(NamedTuple):
    """Laws as arrays for kernels.

    Route r is drawn below `until[r]`; its cells are first[r] to first[r + 1] of `mean` and `rise`;
    `tail[r]` is the mean of what is added to the lower end of its highest cell, which `mean` has.
    """

    until: Floats
    first: npt.NDArray[np.int64]
    mean: Floats
    rise: Floats
    tail: Floats
    cpu_share: Floats


def tables(laws: Sequence[RouteLaw]) -> Tables:
    """The laws as arrays; `InputError` for laws that cannot be."""
    check(laws)
    weights = np.array([law.weight for law in laws])
    until = np.cumsum(weights / weights.sum())
    # Rounding must not leave a gap below one, nor draw a route that has no weight.
    until[int(np.flatnonzero(weights > 0)[-1]) :] = 1.0
    means, rises, tails = [], [], []
    for law in laws:
        wall = np.sort(np.asarray(law.wall_s, dtype=np.float64))
        rise = limited_slopes(wall, ring=False)
        tail = 0.0
        if wall.size > 1:
            rise[0] = min(wall[1] - wall[0], 2 * wall[0])
            tail = float(wall[-1] - wall[-2]) / (2 * math.log(2))
            wall[-1] -= tail
            rise[-2] = min(rise[-2], 2 * (wall[-1] - wall[-2]))
        means.append(wall)
        rises.append(rise)
        tails.append(tail)
    return Tables(
        until=until,
        first=np.cumsum([0] + [mean.size for mean in means]),
        mean=np.concatenate(means),
        rise=np.concatenate(rises),
        tail=np.array(tails),
        cpu_share=np.array([law.cpu_share for law in laws]),
    )


def samples(
    laws: Sequence[RouteLaw], n: int, seed: int, *, first: int = 0
) -> tuple[Routes, Floats, Floats]:
    """Route, processor time and waiting of `n` requests, from request number `first` on.

    Each request is drawn by its number: parts drawn one by one are those drawn at once. Their mean
    wall time is that of the laws.
    """
    if n < 0 or first < 0:
        raise InputError(f"{n} requests from {first}", where="n", fix="give numbers from 0 up")
    route, cpu, wait = np.empty(n, np.int32), np.empty(n), np.empty(n)
    _sample(*tables(laws), seed, first, route, cpu, wait)
    return route, cpu, wait


@part
def wall_time(
    u: float, route: int, first: npt.NDArray[np.int64], mean: Floats, rise: Floats, tail: Floats
) -> float:
    """The wall time at rank `u` (0 to 1) of a route, in seconds."""
    low, cells = first[route], first[route + 1] - first[route]
    place = u * cells
    cell = min(int(place), cells - 1)
    rest = place - cell
    if cell == cells - 1 and tail[route] > 0.0:
        return float(mean[low + cell] - tail[route] * math.log(max(1.0 - rest, 1e-12)))
    return float(mean[low + cell] + rise[low + cell] * (rest - 0.5))


@kernel("f8[:]", "i8*", "f8*", "f8*", "f8*", "f8*", "i8", "i8", "i4[:]", "f8*", "f8*")
def _sample(
    until: Floats, first: npt.NDArray[np.int64], mean: Floats, rise: Floats, tail: Floats,
    cpu_share: Floats, seed: int, start: int, route: Routes, cpu: Floats, wait: Floats,
) -> None:  # fmt: skip
    key = stream(seed, 2, 0)
    for i in range(route.size):
        count = np.uint64(2 * (start + i))
        r = 0
        if until.size > 1:
            u = uniform(key, count)
            while u >= until[r]:
                r += 1
        wall = wall_time(uniform(key, count + np.uint64(1)), r, first, mean, rise, tail)
        route[i] = r
        cpu[i] = wall * cpu_share[r]
        wait[i] = wall - cpu[i]


def check(laws: Sequence[RouteLaw]) -> None:
    """Raises `InputError` for laws that cannot be."""
    if not laws or not 0 < sum(law.weight for law in laws) < math.inf:
        raise InputError("no route has any weight", where="routes", fix="give one a weight above 0")
    for law in laws:
        checks = (
            ("weight", 0 <= law.weight < math.inf, "a number from 0 up"),
            ("wall_s", bool(law.wall_s), "at least one time"),
            ("wall_s", all(0 <= w < math.inf for w in law.wall_s), "finite seconds from 0 up"),
            ("cpu_share", 0 <= law.cpu_share <= 1, "a share from 0 to 1"),
            ("calls", 0 <= law.calls <= 1000, "0 to 1000"),
        )
        for key, good, wanted in checks:
            if not good:
                raise InputError(
                    f"{key} cannot be", where=f"route {law.path}", fix=f"give {wanted}"
                )


def laws_of(component: Component, demand: Demand) -> tuple[RouteLaw, ...]:
    """Route laws of a component under a demand: as measured, or as assumed when nothing was.

    What is assumed is `promise.profile_of`'s, which also says so. Measured are mid-quantiles and
    the mean of the wall time; the law has this mean, because what the quantiles lack of it is put
    into an exponential tail above the highest.
    """
    return tuple(
        RouteLaw(
            path=route.path,
            weight=route.weight,
            wall_s=_cells(np.array(route.quantiles_ms), route.mean_ms),
            cpu_share=_cpu_share(route),
        )
        for route in profile_of(component, demand).routes
    )


def _cpu_share(route: RouteLoad) -> float:
    return min(1.0, max(0.0, route.cpu_ms / route.mean_ms)) if route.mean_ms > 0 else 1.0


def _cells(quantiles_ms: Floats, mean_ms: float) -> tuple[float, ...]:
    """Means, in seconds, of equally likely cells of the law through mid-quantiles and a mean."""
    q = np.maximum.accumulate(np.maximum(quantiles_ms, 0.0))
    if not mean_ms > 0:
        return (0.0,)
    n = q.size
    if n < 2 or q[-1] <= 0:
        return (mean_ms / 1000,)
    # Between knots times are straight in -ln(1 - rank), as an exponential law's are everywhere.
    # Below the lowest quantile the line goes on; above the highest it does with the slope that
    # the mean asks for.
    lowest = max(0.0, q[0] - (q[1] - q[0]) / 2)
    ranks = np.concatenate(([0.0], (np.arange(n) + 0.5) / n))
    knots, depth = np.concatenate(([lowest], q)), -np.log1p(-ranks)
    slope = np.append(np.diff(knots) / np.diff(depth), 0.0)
    parts = _integral(knots[:-1], slope[:-1], depth[:-1], depth[1:])
    until = np.concatenate(([0.0], np.cumsum(parts)))
    slope[-1] = max(0.0, (mean_ms - until[-1]) * 2 * n - q[-1])
    edges = np.arange(CELLS) / CELLS
    at = np.searchsorted(ranks, edges, side="right") - 1
    below = until[at] + _integral(knots[at], slope[at], depth[at], -np.log1p(-edges))
    total = until[-1] + (q[-1] + slope[-1]) / (2 * n)
    means = np.maximum.accumulate(np.maximum(np.diff(np.append(below, total)) * CELLS, 0.0))
    means *= mean_ms / means.mean()
    return tuple((means / 1000).tolist())


def _integral(knot: Floats, slope: Floats, start: Floats, end: Floats) -> Floats:
    """Integral over rank, from depth `start` to `end`, of knot + slope (depth - start)."""
    before, after = np.exp(-start), np.exp(-end)
    found: Floats = knot * (before - after) + slope * (before - (end - start + 1) * after)
    return found


def with_provider(
    laws: Sequence[RouteLaw], provider: Provider, route: Routes, wait_s: Floats, seed: int
) -> tuple[Floats, Flags]:
    """Waiting of the requests with what their provider does to them, and which of them fail.

    All waiting of a route with calls is taken as theirs, equal parts one after the other. A call
    fails by the provider's share, after as long as a good one takes, or when it reaches the
    time-out, where it is given up. It is asked again at once up to `retries` times, each with
    a new time. After the last, a fallback answers after one more call's time, the time-out at
    most; without one the request fails there and makes no further calls.
    """
    check_provider(provider)
    table = tables(laws)
    calls = np.array([law.calls for law in laws])
    waiting, failed = wait_s.copy(), np.zeros(route.size, np.bool_)
    _provide(
        table.first, table.mean, table.rise, table.tail, 1 - table.cpu_share, calls,
        provider.failure_share, provider.timeout_s, provider.retries, provider.fallback, seed,
        route, waiting, failed,
    )  # fmt: skip
    return waiting, failed


@kernel(
    "i8*", "f8*", "f8*", "f8*", "f8*", "f8*", "f8", "f8", "i8", "i8", "i8", "i4[:]", "f8*", "b1[:]"
)
def _provide(
    first: npt.NDArray[np.int64], mean: Floats, rise: Floats, tail: Floats, wait_share: Floats,
    calls: Floats, failure: float, timeout: float, retries: int, fallback: bool, seed: int,
    route: Routes, waiting: Floats, failed: Flags,
) -> None:  # fmt: skip
    for i in range(route.size):
        r = route[i]
        if calls[r] <= 0.0:
            continue
        key = stream(seed, 3, i)
        count = np.uint64(1)
        number = int(calls[r])
        if uniform(key, np.uint64(0)) < calls[r] - number:
            number += 1
        if number == 0:
            continue
        part = 1.0 / number
        total = 0.0
        for _ in range(number):
            answered = False
            for attempt in range(retries + 1):
                if attempt == 0:
                    took = waiting[i] * part
                else:
                    u = uniform(key, count)
                    count += np.uint64(1)
                    took = wall_time(u, r, first, mean, rise, tail) * wait_share[r] * part
                total += min(took, timeout)
                fails = uniform(key, count) < failure
                count += np.uint64(1)
                if took < timeout and not fails:
                    answered = True
                    break
            if not answered and fallback:
                u = uniform(key, count)
                count += np.uint64(1)
                took = wall_time(u, r, first, mean, rise, tail) * wait_share[r] * part
                total += min(took, timeout)
            elif not answered:
                failed[i] = True
                break
        waiting[i] = total


def check_provider(provider: Provider) -> None:
    """Raises `InputError` for a provider that cannot be."""
    checks = (
        ("failure_share", 0 <= provider.failure_share <= 1, "a share from 0 to 1"),
        ("timeout_s", 0 < provider.timeout_s < math.inf, "seconds above 0"),
        ("retries", 0 <= provider.retries <= 100, "0 to 100"),
    )
    for key, good, wanted in checks:
        if not good:
            raise InputError("cannot be", where=f"provider.{key}", fix=f"give {wanted}")
