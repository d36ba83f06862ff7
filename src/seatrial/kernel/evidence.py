"""Evidence: what a trial measured, beside what the plan promised."""

from __future__ import annotations

from seatrial.kernel.values import Value

LATE_SENDS = "late_sends_percent"
"""Figure of the requests that the generator itself sent too late."""


class Comparison(Value):
    """One promised figure beside the measured one.

    `promised` comes from the plan's model for this machine, `required` from the SLO; `met` says
    whether the measured figure keeps the requirement.
    """

    figure: str
    unit: str
    promised: float | None
    required: float | None
    measured: float
    met: bool


class Machine(Value):
    """Where a trial ran."""

    cpu: str
    cores: int
    memory_gib: float
    system: str
    python: str


class Latency(Value):
    """Latency from the intended send time, in milliseconds, of all answered requests."""

    p50: float
    p90: float
    p95: float
    p99: float
    max: float
    mean: float


class RouteResult(Value):
    """What one route did under load."""

    path: str
    requests: int
    errors: int
    latency_ms_p95: float


class LoadEvidence(Value):
    """The evidence of `trial load`.

    Requests are sent open-loop at Poisson times drawn from `seed`, at `rate_rps`;
    `peak_share` is the part of the demand's peak rate that this machine was asked to carry.
    """

    trial: str
    app: str
    design: str
    workload_digest: str
    started_at: str
    machine: Machine
    seed: int
    rate_rps: float
    peak_share: float
    duration_s: float
    requests: int
    errors: int
    error_kinds: dict[str, int]
    late_sends: int
    throughput_rps: float
    latency_ms: Latency
    routes: tuple[RouteResult, ...]
    histogram: str
    comparisons: tuple[Comparison, ...]

    @property
    def passed(self) -> bool:
        """Whether every compared figure keeps what the SLO asks.

        Late sends do not count: latency runs from the intended time, so a late client makes it
        look worse, never better.
        """
        return all(c.met or c.figure == LATE_SENDS for c in self.comparisons)
