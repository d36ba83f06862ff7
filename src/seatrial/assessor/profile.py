"""What the model needs of an app: route loads, memory and boot, measured or assumed."""

from __future__ import annotations

import math

from seatrial.kernel.demand import Demand
from seatrial.kernel.values import Value
from seatrial.kernel.workload import Component, Proof

ASSUMED_SERVICE_MS = 100.0


ASSUMED_MEMORY_MIB = 256.0
"""Stand-ins for an app that was not measured; every plan that uses them says so."""


class RouteLoad(Value):
    """One route's share of the requests and its service time: wall quantiles and mean CPU."""

    path: str
    weight: float
    mean_ms: float
    cpu_ms: float
    scv: float
    quantiles_ms: tuple[float, ...]
    response_bytes: float


class Metered(Value):
    """How much a meter of a managed service reads: by the request, and by the month beside.

    `missing` names the setting that would tell an amount that nobody knows.
    """

    kind: str
    meter: str
    per_request: float = 0.0
    per_month: float = 0.0
    missing: str = ""


class Profile(Value, cache_hash=True):
    """What the model needs of a workload: route loads, worker memory, boot time, and proofs.

    `overhead_ms` is what the path to the app adds to each request, once a trial measured it;
    `metered` what requests use of managed services.
    """

    routes: tuple[RouteLoad, ...]
    memory_mib_worker: float
    boot_s: float | None
    measured: bool
    proofs: tuple[Proof, ...]
    overhead_ms: float = 0.0
    metered: tuple[Metered, ...] = ()

    @property
    def mean_ms(self) -> float:
        """Mean wall service time of a request, weighted by route."""
        return sum(route.weight * route.mean_ms for route in self.routes)

    @property
    def cpu_ms(self) -> float:
        """Mean processor time of a request, weighted by route."""
        return sum(route.weight * route.cpu_ms for route in self.routes)

    @property
    def response_bytes(self) -> float:
        """Mean body size of a response, weighted by route."""
        return sum(route.weight * route.response_bytes for route in self.routes)


def profile_of(component: Component, demand: Demand) -> Profile:
    """Route loads of a component under a demand: measured where there are measurements.

    Routes without a weight in the demand share the traffic equally when no route has one, and
    get none otherwise.
    """
    weights = demand.traffic.route_weights
    timed = [(r, r.service_time) for r in component.routes if r.service_time is not None]
    chosen = [(r, t) for r, t in timed if not weights or weights.get(r.path, 0) > 0]
    if component.measured is None or not chosen:
        note = f"not measured: {ASSUMED_SERVICE_MS:g} ms of processor time a request"
        proof = Proof(kind="assumed", rule="assume.service-time", note=note)
        mean = ASSUMED_SERVICE_MS
        route = RouteLoad(
            path="*",
            weight=1.0,
            mean_ms=mean,
            cpu_ms=mean,
            scv=1.0,
            quantiles_ms=tuple(_exponential_quantiles(mean)),
            response_bytes=16384.0,
        )
        return Profile(
            routes=(route,),
            memory_mib_worker=ASSUMED_MEMORY_MIB,
            boot_s=None,
            measured=False,
            proofs=(proof,),
        )
    total = sum(weights.get(r.path, 0.0) if weights else 1.0 for r, _ in chosen)
    routes = tuple(
        RouteLoad(
            path=r.path,
            weight=(weights[r.path] if weights else 1.0) / total,
            mean_ms=t.mean_ms,
            cpu_ms=min(t.cpu_ms_mean, t.mean_ms),
            scv=t.scv,
            quantiles_ms=t.quantiles_ms,
            response_bytes=t.response_bytes_mean,
        )
        for r, t in chosen
    )
    return Profile(
        routes=routes,
        memory_mib_worker=component.measured.memory_mib_worker,
        boot_s=component.measured.boot_s,
        measured=True,
        proofs=(component.measured.proof,),
    )


def _exponential_quantiles(mean: float) -> list[float]:
    return [-mean * math.log(1 - (i + 0.5) / 40) for i in range(40)]
