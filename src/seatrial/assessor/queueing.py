"""Latency of a pool of identical servers: Erlang C with the Allen-Cunneen correction.

Erlang's delay formula gives the probability that a request waits in M/M/c; Allen and Cunneen
scale the mean wait by (ca2 + cs2) / 2 for general service times (A. O. Allen, "Probability,
Statistics, and Queueing Theory", 2nd ed. 1990, section 6.2). The wait of those who wait is
taken as exponential, which is exact for M/M/c and conservative for less variable service.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

CELLS_MAX = 1_000_000
"""Exponentials held at once."""

FEW = 16
"""So many columns or fewer are worked out one by one."""


@lru_cache(maxsize=65_536)
def erlang_c(servers: int, load: float) -> float:
    """Probability that an arrival waits in M/M/c with `load` = arrival rate x mean service.

    1.0 when the load is not below the number of servers. Uses the recursion of Erlang B, which
    does not overflow.
    """
    if load <= 0:
        return 0.0
    if load >= servers:
        return 1.0
    blocking = 1.0
    for server in range(1, servers + 1):
        blocking = load * blocking / (server + load * blocking)
    utilisation = load / servers
    return blocking / (1 - utilisation * (1 - blocking))


def wait_decay_per_ms(
    servers: int, rate_per_ms: float, service_ms: float, arrival_scv: float, service_scv: float
) -> float:
    """Decay rate of the waiting time's tail: P(wait > t) = erlang_c x exp(-decay x t)."""
    slack = servers / service_ms - rate_per_ms
    return 2 * slack / (arrival_scv + service_scv)


class Ladder(NamedTuple):
    """Service times ascending, each once, with their shares and the sums of these.

    `steps` (n, 1) is how far each is above the one before, 0 for the first.
    """

    services: Floats
    shares: Floats
    sums: Floats
    steps: Floats


def ladder(weights: Floats, services_ms: Floats) -> Ladder:
    """The service times (n,) with `weights` (n,) that sum to 1, sorted."""
    services, of = np.unique(services_ms, return_inverse=True)
    shares: Floats = np.bincount(of, weights=weights).astype(np.float64)
    sums: Floats = np.cumsum(shares)
    sums[-1] = 1.0
    return Ladder(services, shares, sums, np.diff(services, prepend=services[0])[:, None])


def quantiles_on(
    served: Ladder, probabilities: Sequence[float], waits: Floats, decays: Floats
) -> Floats:
    """Quantiles in milliseconds of wait + service: (m, probabilities).

    `waits` (m,) are probabilities of waiting, `decays` (m,) the rates per millisecond of the wait's
    exponential tail. The distribution function is a mixture of exponentials that each start at a
    service time: it jumps there and follows one exponential up to the next. So the stretch that
    holds the quantile is looked up, and the quantile in it is a logarithm.
    """
    step = max(1, CELLS_MAX // len(served.services))
    parts = [
        _block(probabilities, served, waits[at : at + step], decays[at : at + step])
        for at in range(0, len(waits), step)
    ]
    return np.concatenate(parts) if parts else np.empty((0, len(probabilities)))


def _waiting(served: Ladder, decays: Floats) -> Floats:
    """Who was served up to each service time, and would still wait at it if everyone waited."""
    kept = np.exp(-decays * served.steps)
    still = np.empty_like(kept)
    if len(decays) <= FEW:
        # Python's own numbers are faster than columns of a few; the same operations, the same bits.
        shares = served.shares.tolist()
        for column, each in enumerate(kept.T.tolist()):
            held = 0.0
            still[:, column] = [
                held := held * one + share for one, share in zip(each, shares, strict=True)
            ]
        return still
    row = np.zeros(len(decays))
    for number, share in enumerate(served.shares):
        row = row * kept[number] + share
        still[number] = row
    return still


def _block(probabilities: Sequence[float], served: Ladder, waits: Floats, decays: Floats) -> Floats:
    """Quantiles of one block."""
    services, sums = served.services, served.sums
    still = _waiting(served, decays) * waits
    reached = sums[:, None] - still
    wanted = np.array(probabilities)[:, None]
    # The first service time that reaches each, a row a probability.
    first = np.stack([(reached < one).sum(axis=0) for one in probabilities])
    before = np.maximum(first - 1, 0)
    above = sums[before] - wanted
    with np.errstate(divide="ignore", invalid="ignore"):
        after = np.log(still[before, np.arange(len(waits))] / above) / decays
    tail = np.where((first > 0) & (above > 0), services[before] + after, np.inf)
    jump = np.where(first < len(services), services[np.minimum(first, len(services) - 1)], np.inf)
    return np.minimum(tail, jump).T
