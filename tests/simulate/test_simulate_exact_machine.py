"""Replicas on the processors of one machine, and proxies that keep their connections."""

from __future__ import annotations

from typing import Any

import msgspec
import numpy as np
import pytest

from seatrial.assessor.simulate.exact import Habits, Outage, Requests, replay
from seatrial.kernel.errors import InputError
from seatrial.kernel.simulation import Fleet, Policy

FLEET = Fleet(
    replicas_min=3, replicas_max=3, workers=2, slots=4, vcpu=1.0, queue="worker", timeout_s=1e6
)


def asked(arrivals: Any, cpu: Any = 0.0, wait: Any = 0.0) -> Requests:
    times = np.asarray(arrivals, np.float64)
    nothing = np.zeros(times.size)
    return Requests(times, np.zeros(times.size, np.int64), nothing + cpu, nothing + wait)


def but(**changes: Any) -> Fleet:
    return msgspec.structs.replace(FLEET, **changes)


def test_replicas_on_one_machine_share_its_processors_as_one_replica_would() -> None:
    rng = np.random.default_rng(5)
    work = asked(np.sort(rng.random(3_000)) * 100, rng.exponential(0.025, 3_000))
    many = replay(but(slots=400), work, habits=Habits(machine_vcpu=1.0, gil=False))
    one = replay(
        but(replicas_min=1, replicas_max=1, workers=1, slots=3_000), work, habits=Habits(gil=False)
    )
    assert many.latency_s == pytest.approx(one.latency_s, rel=1e-6)
    assert many.busy_s == pytest.approx(work.cpu_s.sum())


def test_a_machine_with_room_for_all_makes_no_difference() -> None:
    rng = np.random.default_rng(6)
    work = asked(np.sort(rng.random(2_000)) * 50, rng.exponential(0.03, 2_000), 0.01)
    apart = replay(but(vcpu=2.0), work, seed=3)
    together = replay(but(vcpu=2.0), work, seed=3, habits=Habits(machine_vcpu=6.0))
    assert together.latency_s == pytest.approx(apart.latency_s, rel=1e-9)


@pytest.mark.parametrize("fleet", [but(policy=Policy(kind="target-tracking")), FLEET])
def test_replicas_of_one_machine_do_not_come_and_go(fleet: Fleet) -> None:
    outages = [Outage(1.0, 2.0)] if fleet.policy.kind == "fixed" else []
    with pytest.raises(InputError, match=r"machine_vcpu"):
        replay(fleet, asked([0.0]), habits=Habits(machine_vcpu=1.0), outages=outages)


def test_a_proxy_sends_on_the_connection_it_used_last() -> None:
    one = but(replicas_min=1, replicas_max=1, slots=1)
    kept = Habits(pool_idle_s=1.0, accept="turns")
    # The first holds worker 0, the second opens a connection to worker 1, which the third finds
    # idle; the fourth has to open one, which worker 0, whose turn it is, cannot serve yet.
    run = replay(one, asked([0.0, 0.1, 0.5, 0.6], wait=[1.0, 0.2, 0.2, 0.3]), habits=kept)
    assert run.latency_s == pytest.approx([1.0, 0.2, 0.2, 0.7])


def test_a_connection_that_was_idle_for_long_is_closed() -> None:
    one = but(replicas_min=1, replicas_max=1, slots=1)
    kept = Habits(pool_idle_s=1.0, accept="turns")
    # After a pause the third opens a connection to worker 0 again, where the first still is;
    # within the time the connection to worker 1 would have been there for it.
    for pause, waits in ((0.9, 0.1), (1.1, 5.0 - 1.4 + 0.1)):
        run = replay(one, asked([0.0, 0.1, 0.3 + pause], wait=[5.0, 0.2, 0.1]), habits=kept)
        assert run.latency_s[2] == pytest.approx(waits)


def test_turns_are_more_even_than_chance() -> None:
    rng = np.random.default_rng(7)
    work = asked(np.sort(rng.random(26_000)) * 100, wait=rng.exponential(0.08, 26_000))
    p95 = {}
    for accept in ("chance", "turns"):
        run = replay(FLEET, work, habits=Habits(pool_idle_s=0.001, accept=accept))  # type: ignore[arg-type]
        p95[accept] = np.quantile(run.latency_s, 0.95)
    assert p95["turns"] < 0.9 * p95["chance"]
