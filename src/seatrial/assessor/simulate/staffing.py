"""T0: how many replicas a rate needs, in microseconds, by square-root staffing.

Halfin and Whitt ("Heavy-traffic limits for queues with many exponential servers", Operations
Research 29, 1981): c = R + beta sqrt(R) servers for a load of R leave a chance of waiting of
1 / (1 + beta Phi(beta) / phi(beta)). Replicas with queues of their own are then checked one number
at a time with Erlang C and Allen-Cunneen. Bursts count as variability of the arrivals.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from seatrial.assessor.queueing import erlang_c, wait_decay_per_ms
from seatrial.kernel.errors import InputError
from seatrial.kernel.simulation import Fleet, RouteLaw

BISECTIONS = 60
HIGHEST_BETA = 20.0


def wait_chance(beta: float) -> float:
    """Chance of waiting with beta root loads of spare servers (Halfin and Whitt)."""
    if beta <= 0:
        return 1.0
    below = 0.5 * math.erfc(-beta / math.sqrt(2))
    density = math.exp(-beta * beta / 2) / math.sqrt(2 * math.pi)
    return 0.0 if density == 0 else 1 / (1 + beta * below / density)


def servers_for(load: float, waiting: float) -> int:
    """Servers for an offered load such that at most a share `waiting` of requests waits."""
    if not (0 <= load < math.inf and 0 < waiting <= 1):
        raise InputError(
            f"load {load} with {waiting} of the requests waiting", where="staffing",
            fix="give a finite load from 0 up and a share above 0, at most 1",
        )  # fmt: skip
    low, high = 0.0, HIGHEST_BETA
    for _ in range(BISECTIONS):
        middle = (low + high) / 2
        low, high = (middle, high) if wait_chance(middle) > waiting else (low, middle)
    return max(math.floor(load) + 1, math.ceil(load + high * math.sqrt(load)))


def _service(laws: Sequence[RouteLaw]) -> tuple[float, float, float]:
    """Mean wall time, mean processor time, and squared coefficient of variation."""
    total = sum(law.weight for law in laws)
    if total <= 0 or any(not law.wall_s for law in laws):
        raise InputError("no service times", where="laws", fix="give a route with a weight above 0")
    mean = cpu = square = 0.0
    for law in laws:
        share = law.weight / total / len(law.wall_s)
        here = share * sum(law.wall_s)
        mean += here
        cpu += here * law.cpu_share
        square += share * sum(wall * wall for wall in law.wall_s)
    return mean, cpu, (square / (mean * mean) - 1 if mean > 0 else 0.0)


def late_share(
    rate_rps: float, laws: Sequence[RouteLaw], fleet: Fleet, replicas: int,
    wait_s: float, dispersion: float = 1.0,
) -> float:  # fmt: skip
    """Share of requests that wait longer than `wait_s`; 1 when the replicas do not keep up."""
    mean, cpu, scv = _service(laws)
    if rate_rps <= 0 or mean <= 0:
        return 0.0
    if replicas < 1:
        return 1.0
    units = fleet.workers if fleet.queue == "worker" else 1
    slots = fleet.slots if units > 1 else fleet.workers * fleet.slots
    processors = min(fleet.vcpu, float(fleet.workers)) / units
    capacity = min(slots / mean, processors / cpu if cpu > 0 else math.inf)
    rho = rate_rps / (replicas * units * capacity)
    if rho >= 1:
        return 1.0
    # As many servers as work at once: processors where they are the bottleneck.
    servers = max(1, min(slots, round(capacity * mean)))
    # Arrivals at one of n vary by 1/n of what all do.
    arrival_scv = 1 + max(0.0, dispersion - 1) / (replicas * units)
    service_ms = 1000 * servers / capacity
    rate_ms = rho * capacity / 1000
    decay = wait_decay_per_ms(servers, rate_ms, service_ms, arrival_scv, scv)
    return erlang_c(servers, rho * servers) * math.exp(-decay * 1000 * wait_s)


def replicas_for(
    rate_rps: float, laws: Sequence[RouteLaw], fleet: Fleet, wait_s: float,
    share: float = 0.95, dispersion: float = 1.0,
) -> int | None:  # fmt: skip
    """Fewest replicas with which `share` of the requests wait at most `wait_s`.

    Not fewer than the fleet's minimum; none when its maximum is not enough.
    """
    least, most = max(1, fleet.replicas_min), fleet.replicas_max
    if not (0 <= rate_rps < math.inf and wait_s >= 0 and 0 < share < 1):
        raise InputError(
            f"rate {rate_rps}, wait {wait_s} s for {share}", where="staffing",
            fix="give a rate and a wait from 0 up, and a share between 0 and 1",
        )  # fmt: skip

    def late(replicas: int) -> float:
        return late_share(rate_rps, laws, fleet, replicas, wait_s, dispersion)

    if most < least or late(most) > 1 - share:
        return None
    low, high = least - 1, most
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if late(middle) <= 1 - share else (middle, high)
    return high
