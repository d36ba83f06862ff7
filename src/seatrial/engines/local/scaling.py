"""How many replicas there shall be: the policies of the platforms, on measured processors.

The decision is `kernel.policies`, which the simulator plays too. Its metric is the busy share of
the processors of all replicas that are ready; a replica has as many processors as it has workers,
because a Python worker uses one at a time. Replicas that still boot count as none of both.
"""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Iterable
from typing import NamedTuple

from seatrial.engines import processes, runner
from seatrial.engines.engine import SCALING, Release
from seatrial.engines.local import launch
from seatrial.engines.local.layout import Layout
from seatrial.engines.local.state import Slot
from seatrial.kernel import policies
from seatrial.kernel.errors import TransientError
from seatrial.kernel.simulation import Policy

_PROXY_TOLD_S = 2.0
"""The proxy reads a new list of replicas within milliseconds; nobody waits for longer than this."""


class Reading(NamedTuple):
    """What the replicas did since the last reading: `busy` share (-1: unknown), and how many."""

    busy: float
    ready: int


class Scaler:
    """Looks once a period, and says how many replicas there shall be."""

    def __init__(self, policy: Policy, least: int, most: int, workers: int) -> None:
        self._policy, self._least, self._most, self._workers = policy, least, most, workers
        self._state = [0.0] * (
            policies.HPA_STATE if policy.kind == "hpa" else policies.TRACKING_STATE
        )
        self._spent: dict[str, dict[processes.Identity, float]] = {}
        self._looked = time.monotonic()
        self.due = self._looked + policy.period_s

    def look(self, slots: Iterable[Slot], desired: int) -> tuple[int, Reading]:
        """How many there shall be now, and what that was decided on."""
        now = time.monotonic()
        reading = self._read(slots, now - self._looked)
        self._looked = now
        self.due = now + self._policy.period_s
        return self.decide(now, reading, desired), reading

    def decide(self, now: float, reading: Reading, desired: int) -> int:
        """One step of the policy."""
        policy, least, most = self._policy, float(self._least), float(self._most)
        if policy.kind == "hpa":
            wanted = policies.hpa(
                self._state, now, reading.busy, float(desired), float(reading.ready), least, most,
                policy.target,
            )  # fmt: skip
        else:
            wanted = policies.target_tracking(
                self._state, now, reading.busy, float(desired), least, most, policy.target,
                policy.cooldown_out_s, policy.cooldown_in_s,
            )  # fmt: skip
        return int(wanted)

    def _read(self, slots: Iterable[Slot], span_s: float) -> Reading:
        spent = {}
        for slot in slots:
            if slot.identity is not None and launch.ask_replica(slot.management_port).ready:
                spent[slot.name] = processes.processor_s(slot.identity)
        worked, replicas = 0.0, 0
        for name, now in spent.items():
            before = self._spent.get(name)
            if before is None:
                continue  # Ready since the last look: nobody knows since when.
            replicas += 1
            # A worker that has ended takes its time along; a new one brings all of its own.
            worked += sum(max(0.0, s - before.get(one, 0.0)) for one, s in now.items())
        self._spent = spent
        capacity = replicas * self._workers * span_s
        return Reading(worked / capacity if capacity > 0 else -1.0, len(spent))


def scaler(release: Release) -> Scaler | None:
    """The scaler of a release; none where the number of replicas is fixed."""
    if release.replicas_max <= release.replicas or release.scaling.kind not in SCALING:
        return None
    return Scaler(release.scaling, release.replicas, release.replicas_max, release.workers)


def free_name(slots: Iterable[Slot]) -> str:
    """The first name of a replica that none has."""
    taken = {slot.name for slot in slots}
    return next(name for i in range(len(taken) + 1) if (name := f"replica-{i}") not in taken)


def proxy_left(layout: Layout, replicas: int, since: float) -> bool:
    """Whether the proxy sends nothing to others than the `replicas` of its new list any more.

    True as well when it does not say so in time: then it is down, and restarts with the new list.
    """
    target = "/stats?format=json&filter=^cluster.app.membership_total$"
    with contextlib.suppress(TransientError, ValueError, KeyError, IndexError, TypeError):
        _, body = runner.http_unix(layout.admin, "GET", target, 2.0)
        if json.loads(body)["stats"][0]["value"] == replicas:
            return True
    return time.monotonic() - since > _PROXY_TOLD_S
