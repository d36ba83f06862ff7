"""Where things are in the arrays of a fluid year: see `minutes`."""

from __future__ import annotations

from seatrial.assessor.simulate.waits import CELLS, CLASSES, WAITS
from seatrial.kernel import policies

HOURS = 168
PENDING = 64
STATE = 4 + 2 * policies.RING
"""Room for any policy's state."""

KINDS = ("fixed", "target-tracking", "step", "hpa", "knative", "per-request", "cloud-run")
FIXED, TRACKING, STEP, HPA, KNATIVE, REQUEST, RUN = range(len(KINDS))
METRICS = ("cpu", "requests", "concurrency")
FIELDS = (
    "kind", "metric", "target", "cooldown_out", "cooldown_in", "ticks", "least", "most",
    "start", "timeout", "queue", "retry", "capacity", "cpu", "service", "vcpu", "slots", "noise",
    "highest",
)  # fmt: skip
(
    KIND, METRIC, TARGET, OUT, IN, TICKS, LEAST, MOST,
    START, TIMEOUT, QUEUE, RETRY, CAPACITY, CPU, SERVICE, VCPU, SLOTS, NOISE,
    HIGHEST,
) = range(len(FIELDS))  # fmt: skip
TOTALS = ("desired", "ready", "replica_s", "served", "peak", "lost", "arrived", "left")
DESIRED, READY, REPLICA_S, SERVED, PEAK, LOST, ARRIVED, LEFT = range(20, 20 + len(TOTALS))
"""`lost` are errors; `left` is what waits or is to ask again when the year ends."""
BACKLOG, AGAIN, AGE, COMING = range(30, 34)
DUE, JOINS = 40, 40 + PENDING
WORK = JOINS + PENDING
"""A fleet's array: FIELDS, TOTALS, the fluid, and those that start: how many, when and of each."""
LATE = HOURS * CELLS
CAME = LATE + HOURS * WAITS
COUNTS = CAME + 3 * HOURS
"""What is counted: requests by hour and cell, by hour and wait from LATE on; and from CAME on by
hour what arrived, what was lost, and replica-seconds."""
SPOTS = 1025
MANY = CLASSES[-1]
NORMALS = SPOTS + MANY + 1
INSIDE = NORMALS + 256
"""What `tables` has: see `waits.places`, and from INSIDE on requests at once by row."""
