"""Where things are in the arrays of a fluid year: see `minutes`."""

from __future__ import annotations

from seatrial.assessor.simulate.mixing import COUNTED, LEVELS, SPOTS
from seatrial.assessor.simulate.waits import WAITS
from seatrial.kernel import policies

HOURS = 168
PENDING = 64
STATE = 4 + 2 * policies.RING
"""Room for any policy's state."""

KINDS = ("fixed", "target-tracking", "step", "hpa", "knative", "per-request", "cloud-run")
FIXED, TRACKING, STEP, HPA, KNATIVE, REQUEST, RUN = range(len(KINDS))
TICKS = {"hpa": 4, "knative": 5, "cloud-run": 4}
"""Steps in a minute: HPA looks every 15 s; of Knative's looks, every 2 s, the highest of six is
taken, and of what Cloud Run sees every 5 s, the mean of a minute, every third. Others look once a
minute."""
METRICS = ("cpu", "requests", "concurrency")
FIELDS = (
    "kind", "metric", "target", "cooldown_out", "cooldown_in", "ticks", "least", "most",
    "start", "timeout", "queue", "retry", "capacity", "cpu", "service", "vcpu", "slots", "noise",
    "highest",
)  # fmt: skip
(
    KIND, METRIC, TARGET, OUT, IN, LOOKS, LEAST, MOST,
    START, TIMEOUT, QUEUE, RETRY, CAPACITY, CPU, SERVICE, VCPU, SLOTS, NOISE,
    HIGHEST,
) = range(len(FIELDS))  # fmt: skip
TOTALS = ("desired", "ready", "replica_s", "served", "peak", "lost", "arrived", "left")
DESIRED, READY, REPLICA_S, SERVED, PEAK, LOST, ARRIVED, LEFT = range(20, 20 + len(TOTALS))
"""`lost` are errors; `left` is what waits or is to ask again when the year ends."""
WITHIN, BACKLOG, AGAIN, AGE, COMING = range(30, 35)
"""Requests that are there at once as at a constant load, and what waits beyond that."""
SEEN_BUSY, SEEN_CPU = 36, 48
"""What policies saw in the steps of the last minute: the sum, and each."""
DUE, JOINS = 60, 60 + PENDING
WORK = JOINS + PENDING
"""A fleet's array: FIELDS, TOTALS, the fluid, and those that start: how many, when and of each."""
LATE = HOURS * COUNTED
CAME = LATE + HOURS * WAITS
COUNTS = CAME + 3 * HOURS
"""What is counted: requests by hour, level and spot, by hour and wait from LATE on; and from CAME
on by hour what arrived, what was lost, and replica-seconds."""

CHANCES, DRAWS = 4096, 6
"""Minutes until chance repeats itself, and what is drawn for each: one for all of it, and one for
each step."""
MANY = LEVELS[-1]
TURNS = 512
ROOM = MANY + 1
DELAY = ROOM + len(LEVELS)
PLACE = DELAY + len(LEVELS)
SEEN = PLACE + len(LEVELS) * (TURNS + 1)
SEEN_ROW = 3 * (SPOTS + 1)
ENVIRONMENTS = SEEN + len(LEVELS) * SEEN_ROW
BUSY_RANKS, BUSY_LEVELS = 64, 256
"""What `lookup` has: the level by number of replicas; then of each level the most requests, of a
step and from before, that a replica serves as at a constant load, and the wait that is then before
a request; the spot by requests; and of each spot requests at once and what chance makes of them.
Of functions, environments by requests at once and rank."""
