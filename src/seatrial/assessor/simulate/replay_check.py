"""Refuses what cannot be replayed, with the name of the field and what to write there."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from seatrial.kernel.errors import InputError
from seatrial.kernel.simulation import Fleet

if TYPE_CHECKING:
    from seatrial.assessor.simulate.exact import Habits, Outage, Requests


def check_fleet(fleet: Fleet) -> None:
    """Refuse a fleet that cannot be: no workers, negative times, a maximum below the minimum."""
    _whole(fleet.replicas_min, 0, "replicas_min")
    _whole(fleet.replicas_max, max(1, fleet.replicas_min), "replicas_max")
    for name in ("workers", "slots", "zones"):
        _whole(getattr(fleet, name), 1, name)
    for name in ("queue_max", "retries", "warmup_requests", "recycle_requests"):
        _whole(getattr(fleet, name), 0, name)
    for name in ("vcpu", "timeout_s", "warmup_factor"):
        _number(getattr(fleet, name), name, above=0.0)
    _number(fleet.start_s, "start_s")
    _number(fleet.connection_requests, "connection_requests", least=1.0)
    if fleet.policy.kind != "fixed":
        _number(fleet.policy.target, "policy.target", above=0.0)
        _number(fleet.policy.cooldown_out_s, "policy.cooldown_out_s")
        _number(fleet.policy.cooldown_in_s, "policy.cooldown_in_s")


def check_habits(habits: Habits, fleet: Fleet, outages: Sequence[Outage]) -> None:
    """Refuse habits that cannot be."""
    for name in ("backoff_s", "recycle_s", "idle_s", "cpu_first", "machine_vcpu", "pool_idle_s"):
        _number(getattr(habits, name), f"habits.{name}")
    if habits.cpu_first > 1.0:
        raise InputError(f"{habits.cpu_first} is not a share", where="habits.cpu_first",
                         fix="give a share from 0 to 1")  # fmt: skip
    _whole(habits.clients, 1, "habits.clients")
    if habits.machine_vcpu > 0 and (fleet.policy.kind != "fixed" or outages):
        raise InputError("replicas come and go", where="habits.machine_vcpu",
                         fix="replay fixed replicas without outages, or leave it out")  # fmt: skip


def check_requests(requests: Requests) -> None:
    """Refuse arrays of unequal lengths, times out of order, and work that is no time."""
    count = len(requests.arrival_s)
    for name, values in zip(requests._fields, requests, strict=True):
        where = f"requests.{name}"
        if len(values) != count:
            raise InputError(f"{len(values)} values for {count} requests", where=where,
                             fix="give one value for each request")  # fmt: skip
        bad = np.flatnonzero(~np.isfinite(values) | (np.asarray(values) < 0))
        if bad.size:
            raise InputError(f"value {bad[0]} is {values[bad[0]]}", where=where,
                             fix="give finite values of zero and above")  # fmt: skip
    back = np.flatnonzero(np.diff(requests.arrival_s) < 0)
    if back.size:
        raise InputError(f"arrival {back[0] + 1} is before arrival {back[0]}",
                         where="requests.arrival_s", fix="sort the requests by time")  # fmt: skip


def check_outages(outages: Sequence[Outage], zones: int) -> None:
    """Refuse outages of zones that are not, and such as end before they begin."""
    for outage in outages:
        if not 0 <= outage.zone < zones:
            raise InputError(f"there is no zone {outage.zone}", where="outages",
                             fix=f"give a zone from 0 to {zones - 1}")  # fmt: skip
        if not 0 <= outage.at_s <= outage.until_s < math.inf:
            raise InputError(f"from {outage.at_s} to {outage.until_s} s is no time",
                             where="outages", fix="give its begin and its end")  # fmt: skip


def _whole(value: int, least: int, name: str) -> None:
    if value < least:
        raise InputError(f"{value} is too few", where=f"fleet.{name}",
                         fix=f"give {least} or more")  # fmt: skip


def _number(value: float, name: str, *, least: float = 0.0, above: float = -1.0) -> None:
    if not (math.isfinite(value) and value >= least and value > above):
        bound = f"above {above:g}" if above >= 0 else f"of {least:g} or more"
        where = name if "." in name else f"fleet.{name}"
        raise InputError(f"{value} cannot be", where=where,
                         fix=f"give a finite number {bound}")  # fmt: skip
