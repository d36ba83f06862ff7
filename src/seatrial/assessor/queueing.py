"""Latency of a pool of identical servers: Erlang C with the Allen-Cunneen correction.

Erlang's delay formula gives the probability that a request waits in M/M/c; Allen and Cunneen
scale the mean wait by (ca2 + cs2) / 2 for general service times (A. O. Allen, "Probability,
Statistics, and Queueing Theory", 2nd ed. 1990, section 6.2). The wait of those who wait is
taken as exponential, which is exact for M/M/c and conservative for less variable service.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

BISECTIONS = 40
"""Enough for twelve digits of the longest response time."""


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


def response_quantiles(
    probabilities: Sequence[float],
    weights: npt.NDArray[np.float64],
    services_ms: npt.NDArray[np.float64],
    waits: float,
    decay: float,
) -> list[float]:
    """Quantiles in milliseconds of wait + service, one for each probability.

    `weights` (n,) sum to 1 and belong to the service times `services_ms` (n,); `waits` is the
    probability of waiting and `decay` the rate of the wait's exponential tail per millisecond.
    The distribution function is a mixture of shifted exponentials, so it is inverted by bisection
    on its exact value rather than sampled.
    """
    wanted = np.asarray(probabilities)
    low = np.zeros(wanted.size)
    # Beyond the longest service time plus this wait even the highest quantile is reached.
    tail = math.log(max(waits, 1e-300) / (1 - max(probabilities))) / decay
    high = np.full(wanted.size, float(services_ms.max()) + max(tail, 0.0) + 1e-9)
    for _ in range(BISECTIONS):
        middle = (low + high) / 2
        since = middle[:, None] - services_ms[None, :]
        reached = np.where(since < 0, 0.0, 1 - waits * np.exp(-decay * np.maximum(since, 0)))
        enough = reached @ weights >= wanted
        low, high = np.where(enough, low, middle), np.where(enough, middle, high)
    return [float(value) for value in high]
