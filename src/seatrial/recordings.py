"""What a recording says of traffic: its rate, the shape of its days, and its bursts."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from msgspec.structs import replace

from seatrial import traces
from seatrial.kernel.demand import Traffic
from seatrial.kernel.errors import InputError

HOURS_PER_DAY = 24

SHORTEST_S = 600.0
"""A recording of less than ten minutes tells nothing of a day: not its rate, nor its bursts."""


def traffic_like(file: Path, stated: Traffic, *, rated: bool) -> Traffic:
    """The stated traffic with the shape and the bursts of a recording; `rated` keeps its own rate.

    The hours of a recording of a week or more become the 168 of the week, those of a day or more
    the 24 of every day; a shorter one is taken as flat. What has no dates begins on Monday at
    midnight. Raises `InputError` with the line that cannot be read.
    """
    trace = traces.read(file)
    if trace.times_s[-1] < SHORTEST_S:
        raise InputError(
            f"lasts {trace.times_s[-1]:.0f} s, too short to tell the traffic of a day",
            where=str(file), fix=f"record {SHORTEST_S / 60:.0f} minutes or more",
        )  # fmt: skip
    # The simulator's package, for its model of arrivals; without its compiler.
    from seatrial.assessor.simulate.recorded import fit

    like = fit(np.array(trace.times_s), trace.hour or 0.0)
    weights = tuple(round(weight, 6) for weight in like.weekly_weights)
    day = weights[:HOURS_PER_DAY]
    return replace(
        stated,
        requests_per_day=stated.requests_per_day if rated else round(like.requests_day, 3),
        hourly_weights=day if weights == day * 7 else weights,
        dispersion_1s=round(like.dispersion_1s, 4),
        dispersion_60s=round(like.dispersion_60s, 4),
    )
