"""Latency of a pool of identical servers: Erlang C with the Allen-Cunneen correction.

Erlang's delay formula gives the probability that a request waits in M/M/c; Allen and Cunneen
scale the mean wait by (ca2 + cs2) / 2 for general service times (A. O. Allen, "Probability,
Statistics, and Queueing Theory", 2nd ed. 1990, section 6.2). The wait of those who wait is
taken as exponential, which is exact for M/M/c and conservative for less variable service.
"""

from __future__ import annotations

import math
from collections.abc import Sequence


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


def response_quantile(
    probability: float, services_ms: Sequence[tuple[float, float]], waits: float, decay: float
) -> float:
    """Quantile in milliseconds of wait + service.

    `services_ms` are (weight, service time) with weights that sum to 1; `waits` the probability
    of waiting and `decay` the rate of the exponential tail per millisecond. The distribution
    function is a mixture of shifted exponentials, so it is inverted by bisection on its exact
    value rather than sampled.
    """

    def reached(time_ms: float) -> float:
        total = 0.0
        for weight, service in services_ms:
            if service <= time_ms:
                total += weight * (1 - waits * math.exp(-decay * (time_ms - service)))
        return total

    low, high = 0.0, max(service for _, service in services_ms) + 1.0
    while reached(high) < probability:
        high *= 2
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if reached(middle) < probability else (low, middle)
    return high
