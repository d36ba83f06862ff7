"""When which request is sent: an open-loop Poisson schedule, drawn from a seed. Pure.

Open-loop means that the next request is sent when its time has come, whether or not the
server has answered the last one, as users who do not know of each other would.
"""

from __future__ import annotations

import math
import re

import numpy as np
import numpy.typing as npt

from seatrial.kernel.errors import InputError
from seatrial.kernel.values import Value

REQUESTS_MAX = 2_000_000
"""Most requests of one schedule; beyond it the result no longer fits well into memory."""

RATE_RPS_MAX = 10_000.0
"""Highest rate that is drawn. One Python process sends far less: see `late_sends`."""

PATH_BYTES_MAX = 8_000
"""Request lines that every recipient should take (RFC 9110, section 4.1)."""

_PATH = re.compile(r"/[!-~]*")


class Target(Value):
    """Something to ask for: the `path` of a URL, as an example of `route`.

    `route` is the template the result is reported under (`/race/<int:id>`), `path` goes on the
    wire (`/race/7?full=1`). Several targets may share a route. `weight` is the target's part
    of the traffic, relative to the sum of all weights; a target of weight 0 is never sent.
    """

    route: str
    path: str
    weight: float = 1.0


class Schedule(Value):
    """Every request of a trial: `at_us[i]` microseconds after the start, `target[i]` is asked.

    `at_us` never falls and stays below `duration_s`; `target` holds indices into `targets`.
    """

    seed: int
    rate_rps: float
    duration_s: float
    targets: tuple[Target, ...]
    at_us: tuple[int, ...]
    target: tuple[int, ...]


def schedule(
    seed: int,
    rate_rps: float,
    duration_s: float,
    targets: tuple[Target, ...],
    *,
    stream: int = 0,
) -> Schedule:
    """Draw Poisson arrivals at `rate_rps` for `duration_s`, each with a target by weight.

    Same arguments, same bytes. Times and targets come from two PCG64 streams, so that a longer
    schedule starts with the shorter one. `stream` tells schedules of one seed apart (0 the
    trial, 1 its warm-up). Raises `InputError`.
    """
    _check(seed, rate_rps, duration_s, targets)
    times = _generator(seed, stream, 0)
    at_s = _arrivals(times, rate_rps, duration_s)
    drawn = _draw(_generator(seed, stream, 1), at_s.size, targets)
    # Rounding down keeps every time inside the duration.
    at_us = np.floor(at_s * 1e6).astype(np.int64)
    return Schedule(
        seed=seed,
        rate_rps=rate_rps,
        duration_s=duration_s,
        targets=targets,
        at_us=tuple(at_us.tolist()),
        target=tuple(drawn.tolist()),
    )


def _generator(seed: int, stream: int, part: int) -> np.random.Generator:
    return np.random.Generator(
        np.random.PCG64(np.random.SeedSequence(seed, spawn_key=(stream, part)))
    )


def _arrivals(
    chance: np.random.Generator, rate_rps: float, duration_s: float
) -> npt.NDArray[np.float64]:
    """Arrival times in seconds below `duration_s`: running sums of exponential gaps.

    The gaps come from uniform doubles by inversion, not from `Generator.exponential`: NumPy
    keeps the bits of PCG64 from version to version, but not the methods of its distributions.
    """
    mean = rate_rps * duration_s
    block = math.ceil(mean + 6 * math.sqrt(mean) + 16)
    gaps = -np.log1p(-chance.random(block)) / rate_rps
    while gaps.sum() < duration_s:
        gaps = np.concatenate((gaps, -np.log1p(-chance.random(block)) / rate_rps))
    at_s = np.cumsum(gaps)
    return at_s[at_s < duration_s]


def _draw(
    chance: np.random.Generator, count: int, targets: tuple[Target, ...]
) -> npt.NDArray[np.int64]:
    edges = np.cumsum([target.weight for target in targets])
    drawn = np.searchsorted(edges, chance.random(count) * edges[-1], side="right")
    # u * edges[-1] may round up to the last edge: the last target of any weight takes it.
    last = max(i for i, target in enumerate(targets) if target.weight > 0)
    capped: npt.NDArray[np.int64] = np.minimum(drawn, last).astype(np.int64)
    return capped


def _check(seed: int, rate_rps: float, duration_s: float, targets: tuple[Target, ...]) -> None:
    if seed < 0:
        raise InputError(f"{seed} is negative", where="seed", fix="give 0 or more")
    if not 0 < rate_rps <= RATE_RPS_MAX:
        raise InputError(
            f"{rate_rps} requests/s cannot be sent",
            where="rate_rps",
            fix=f"give more than 0 and at most {RATE_RPS_MAX:,.0f}",
        )
    if not 0 < duration_s < math.inf:
        raise InputError(
            f"{duration_s} s is not a duration", where="duration_s", fix="give more than 0 s"
        )
    if rate_rps * duration_s > REQUESTS_MAX:
        raise InputError(
            f"{rate_rps:g} requests/s for {duration_s:g} s are more than {REQUESTS_MAX:,} requests",
            where="duration_s",
            fix=f"run for at most {REQUESTS_MAX / rate_rps:,.0f} s",
        )
    if not targets:
        raise InputError("nothing to ask for", where="targets", fix="give at least one target")
    for index, target in enumerate(targets):
        _check_target(target, f"targets[{index}] {target.route}")
    if not 0 < sum(target.weight for target in targets) < math.inf:
        raise InputError(
            "no target has any weight", where="targets", fix="give one a weight above 0"
        )


def _check_target(target: Target, where: str) -> None:
    if not 0 <= target.weight < math.inf:
        raise InputError(
            f"weight {target.weight} is not 0 or more", where=where, fix="give a finite weight"
        )
    if len(target.path) > PATH_BYTES_MAX:
        raise InputError(
            f"path of {len(target.path):,} characters",
            where=where,
            fix=f"use at most {PATH_BYTES_MAX:,}",
        )
    # Anything else (a space, a line break, a letter beyond ASCII) would break the request line.
    if not _PATH.fullmatch(target.path) or "#" in target.path:
        raise InputError(
            f"{target.path[:80]!r} is not the path of a URL",
            where=where,
            fix="start with / and percent-encode everything but visible ASCII",
        )
