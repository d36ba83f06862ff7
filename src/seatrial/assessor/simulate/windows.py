"""Windows of a week that stand for all of it, because a whole week is too long to simulate."""

from __future__ import annotations

from typing import Literal

import numpy as np
import numpy.typing as npt

from seatrial.assessor.simulate.shapes import Floats
from seatrial.kernel.errors import InputError
from seatrial.kernel.values import Value

Stratum = Literal["peak", "event", "ordinary", "night"]
STRATA: tuple[Stratum, ...] = ("peak", "event", "ordinary", "night")

PEAK_SHARE = 0.9
NIGHT_SHARE = 0.5
"""Peak: at least this share of the highest usual rate. Night: below this share of the mean."""


class Window(Value):
    """A stretch of the week, and the part of the week it stands for.

    Both weights sum to one over the windows of a week: the share of its requests, with which
    latencies count, and the share of its time, with which replicas count.
    """

    stratum: Stratum
    start_s: float
    duration_s: float
    rate_rps: float
    weight_requests: float
    weight_time: float


def stratified(
    minutes: Floats, in_event: npt.NDArray[np.bool_], period: float,
    count: int, duration_s: float, seed: int,
) -> tuple[Window, ...]:  # fmt: skip
    """`count` windows by the mean rates of the period's minutes; see `arrivals.windows`."""
    slots = int(period / duration_s + 1e-9) if duration_s > 0 else 0
    if count < 1 or slots < 1:
        raise InputError(
            f"{count} windows of {duration_s:g} s in {period:g} s",
            where="count, duration_s", fix="ask for one or more, each within the period",
        )  # fmt: skip
    if slots > 10_000_000:
        raise InputError(
            f"{duration_s:g} s is too short", where="duration_s", fix="give 1 s or more"
        )
    step = period / slots
    starts = np.arange(slots) * step
    ends = np.minimum(np.arange(minutes.size + 1) * 60.0, period)
    until = np.concatenate(([0.0], np.cumsum(minutes * np.diff(ends))))
    slot_edges = np.append(starts, period)
    requests = np.diff(np.interp(slot_edges, ends, until))
    event = in_event[np.minimum(((starts + step / 2) // 60).astype(np.int64), minutes.size - 1)]
    groups = _groups(requests, event)
    chance = np.random.Generator(np.random.PCG64(np.random.SeedSequence(seed, spawn_key=(3,))))
    total = float(requests.sum())
    found = []
    for stratum, band in _bands(groups, requests, min(count, slots)):
        # Drawn as likely as it has requests would favour high rates; the band's slots are alike.
        chosen = int(band[int(chance.random() * band.size)])
        share = float(requests[band].sum()) / total if total > 0 else band.size / slots
        window = Window(
            stratum=stratum,
            start_s=float(starts[chosen]),
            duration_s=float(duration_s),
            rate_rps=float(requests[chosen] / step),
            weight_requests=share,
            weight_time=band.size / slots,
        )
        found.append(window)
    return tuple(sorted(found, key=lambda window: window.start_s))


def _groups(requests: Floats, event: npt.NDArray[np.bool_]) -> dict[Stratum, npt.NDArray[np.int64]]:
    usual = requests[~event]
    highest = float(usual.max()) if usual.size else float("inf")
    flat = usual.size and highest <= float(usual.min()) * 1.000001
    peak = ~event & (requests >= PEAK_SHARE * highest) & (not flat)
    night = ~event & ~peak & (requests < NIGHT_SHARE * requests.mean())
    marks = {"peak": peak, "event": event, "night": night, "ordinary": ~(peak | event | night)}
    return {name: np.flatnonzero(marks[name]) for name in STRATA if marks[name].any()}


def _bands(
    groups: dict[Stratum, npt.NDArray[np.int64]], requests: Floats, count: int
) -> list[tuple[Stratum, npt.NDArray[np.int64]]]:
    """So many sets of slots of about one rate each, all slots in one of them."""
    while len(groups) > count:
        # Fewer windows than strata: the two smallest become one, of the larger one's name.
        small, large = sorted(groups, key=lambda name: groups[name].size)[:2]
        groups[large] = np.sort(np.concatenate((groups[large], groups.pop(small))))
    wanted = {name: 1 for name in groups}
    # Windows go where the requests are, and twice as many where the rate is highest: that is
    # where the tail of the latency comes from. Each goes where it is missed most.
    urgency = {
        name: (float(requests[slots].sum()) + 1e-300) * (2.0 if name in ("peak", "event") else 1.0)
        for name, slots in groups.items()
    }
    for _ in range(count - len(groups)):
        open_ = [name for name in groups if wanted[name] < groups[name].size]
        most = max(open_, key=lambda name: urgency[name] / (wanted[name] + 0.5))
        wanted[most] += 1
    bands = []
    for name, slots in groups.items():
        ranked = slots[np.argsort(requests[slots], kind="stable")]
        bands += [(name, band) for band in np.array_split(ranked, wanted[name])]
    return bands
