"""Load evidence: what a load trial measured, beside what the plan promised and the SLO asks."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable

import numpy as np
from hdrh.histogram import HdrHistogram

from seatrial.kernel.assessment import Promise
from seatrial.kernel.demand import Slo
from seatrial.kernel.evidence import (
    LATE_SENDS,
    Comparison,
    Latency,
    LoadEvidence,
    Machine,
    RouteResult,
)
from seatrial.trials.load import LATE_S, TIMEOUT_S_MAX, LoadResult

LATE_PERCENT_MAX = 1.0
"""More late sends than this, and the trial measured its own client rather than the server."""

THROUGHPUT_SHARE = 0.95
"""The part of the requests that were due that must have been answered in time."""

_HISTOGRAM_US = (1, int(TIMEOUT_S_MAX * 1e6))
_DIGITS = 3
_SAME_RATE = 0.01

# An answer of any status has a latency, and a time-out has one of at least the time-out:
# a server must not get a better percentile by hanging. The other kinds had no answer.
_WITH_LATENCY = ("ok", "http-4xx", "http-5xx", "timeout")


def evidence(
    result: LoadResult,
    *,
    app: str,
    design: str,
    workload_digest: str,
    started_at: str,
    machine: Machine,
    seed: int,
    peak_share: float,
    slo: Slo,
    promise: Promise,
) -> LoadEvidence:
    """The evidence of one load trial.

    Latencies are of the answered requests and of the time-outs; when there was not one of
    these, they stand at the time-out, since no request was answered in less. A route that got
    no request has no result. `throughput_rps` counts the good answers that came while the
    load ran. What `promise` says for a rate other than the trial's is left out: it promises
    nothing here.
    """
    plan = result.schedule
    assert seed == plan.seed, "the evidence names a seed the trial was not run with"
    latencies_us = _latencies(result, range(len(result.kinds)))
    latency = _latency(latencies_us, result.timeout_s)
    applies = math.isclose(promise.rate_rps, plan.rate_rps, rel_tol=_SAME_RATE)
    promised = promise if applies else None
    kinds = Counter(kind for kind in result.kinds if kind != "ok")
    return LoadEvidence(
        trial="load",
        app=app,
        design=design,
        workload_digest=workload_digest,
        started_at=started_at,
        machine=machine,
        seed=seed,
        rate_rps=plan.rate_rps,
        peak_share=peak_share,
        duration_s=plan.duration_s,
        requests=len(result.kinds),
        errors=kinds.total(),
        error_kinds=dict(sorted(kinds.items())),
        late_sends=_late_sends(result),
        throughput_rps=_throughput_rps(result),
        latency_ms=latency,
        routes=_routes(result),
        histogram=_histogram(latencies_us),
        comparisons=(
            *_compare_latency(latency, slo, promised),
            _compare_errors(result, slo),
            _compare_throughput(result, slo, promised),
            _compare_late_sends(result),
        ),
    )


def _latencies(result: LoadResult, indices: Iterable[int]) -> list[int]:
    return [result.latency_us[i] for i in indices if result.kinds[i] in _WITH_LATENCY]


def _histogram(latencies_us: list[int]) -> str:
    """The latencies as an HdrHistogram, in its version 2 encoding, compressed, in base64.

    Microseconds to three digits, up to the longest time-out. Any HdrHistogram library reads it;
    histograms of several trials can be added up, which percentiles cannot.
    """
    histogram = HdrHistogram(*_HISTOGRAM_US, _DIGITS)
    clipped = np.clip(np.array(latencies_us, dtype=np.int64), *_HISTOGRAM_US)
    for value, count in zip(*np.unique(clipped, return_counts=True), strict=True):
        histogram.record_value(int(value), int(count))
    return str(histogram.encode().decode("ascii"))


def _latency(latencies_us: list[int], timeout_s: float) -> Latency:
    """Percentiles by nearest rank, of the latencies themselves.

    The p95 is the least latency that at least 95 % of the requests did not exceed. The Python
    port of HdrHistogram rounds the rank instead, and so shows one rank less in small samples.
    """
    if not latencies_us:
        ms = timeout_s * 1000
        return Latency(p50=ms, p90=ms, p95=ms, p99=ms, max=ms, mean=ms)
    in_ms = np.array(latencies_us) / 1000
    p50, p90, p95, p99 = np.percentile(in_ms, (50, 90, 95, 99), method="inverted_cdf").tolist()
    return Latency(
        p50=p50, p90=p90, p95=p95, p99=p99, max=float(in_ms.max()), mean=float(in_ms.mean())
    )


def _routes(result: LoadResult) -> tuple[RouteResult, ...]:
    plan = result.schedule
    asked: dict[str, list[int]] = {}
    for index, target in enumerate(plan.target):
        asked.setdefault(plan.targets[target].route, []).append(index)
    return tuple(
        RouteResult(
            path=route,
            requests=len(asked[route]),
            errors=sum(result.kinds[i] != "ok" for i in asked[route]),
            latency_ms_p95=_latency(_latencies(result, asked[route]), result.timeout_s).p95,
        )
        for route in dict.fromkeys(target.route for target in plan.targets)
        if route in asked
    )


def _compare_latency(latency: Latency, slo: Slo, promise: Promise | None) -> tuple[Comparison, ...]:
    rows = (
        ("latency_ms_p50", promise.latency_ms_p50 if promise else None, None, latency.p50),
        (
            "latency_ms_p95",
            promise.latency_ms_p95 if promise else None,
            slo.latency_ms_p95,
            latency.p95,
        ),
        (
            "latency_ms_p99",
            promise.latency_ms_p99 if promise else None,
            slo.latency_ms_p99,
            latency.p99,
        ),
    )
    return tuple(
        Comparison(
            figure=figure,
            unit="ms",
            promised=promised,
            required=required,
            measured=measured,
            met=required is None or measured <= required,
        )
        for figure, promised, required, measured in rows
    )


def _compare_errors(result: LoadResult, slo: Slo) -> Comparison:
    errors = sum(kind != "ok" for kind in result.kinds)
    measured = 100 * errors / len(result.kinds)
    required = round(100 - slo.availability_percent, 9)  # 100 - 99.9 is not 0.1 in binary.
    return Comparison(
        figure="error_percent",
        unit="%",
        promised=0.0,
        required=required,
        measured=measured,
        met=measured <= required,
    )


def _throughput_rps(result: LoadResult) -> float:
    """Good answers between the first moment of the trial and its last, per second."""
    plan = result.schedule
    end_us = plan.duration_s * 1e6
    answered = sum(
        kind == "ok" and at + latency <= end_us
        for kind, at, latency in zip(result.kinds, plan.at_us, result.latency_us, strict=True)
    )
    return answered / plan.duration_s


def _compare_throughput(result: LoadResult, slo: Slo, promise: Promise | None) -> Comparison:
    """Whether the server kept up: 0.95 of the requests that were due before the end.

    The bound carries no allowance for Poisson noise because there is none left to allow for:
    how many requests arrive by chance is the schedule's doing, it is known to the last one, and
    it says nothing about the server (it is ancillary). Against 0.95 of the *rate*, a 60 s trial
    at 5 requests/s would fail nearly one perfect server in five. A request is due when the p99
    the SLO grants has passed since it was sent; those sent later may still be on their way. So
    a server that keeps its SLO meets the bound, and one whose queue keeps growing does not; in
    a trial hardly longer than that p99 next to nothing is due, and the bound asks for little.
    """
    plan = result.schedule
    due_us = plan.duration_s * 1e6 - slo.latency_ms_p99 * 1000
    due = int(np.searchsorted(np.array(plan.at_us), due_us, side="right"))
    required = THROUGHPUT_SHARE * due / plan.duration_s
    measured = _throughput_rps(result)
    return Comparison(
        figure="throughput_rps",
        unit="requests/s",
        promised=min(plan.rate_rps, promise.capacity_rps) if promise else None,
        required=required,
        measured=measured,
        met=measured >= required,
    )


def _late_sends(result: LoadResult) -> int:
    return sum(late > LATE_S * 1e6 for late in result.late_us)


def _compare_late_sends(result: LoadResult) -> Comparison:
    """Whether the trial can be trusted: a client that is late was the bottleneck itself.

    Not met, it does not fail the trial (`LoadEvidence.passed`): what was measured is then worse
    than the server was. It puts a failed one in doubt.
    """
    measured = 100 * _late_sends(result) / len(result.kinds)
    return Comparison(
        figure=LATE_SENDS,
        unit="%",
        promised=None,
        required=LATE_PERCENT_MAX,
        measured=measured,
        met=measured <= LATE_PERCENT_MAX,
    )
