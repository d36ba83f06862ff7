"""Replicas that follow the load by the policies of the platforms, and drain without a loss."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seatrial.assessor.simulate import replay_policy
from seatrial.engines.local.layout import layout_of
from seatrial.engines.local.scaling import Reading, Scaler, free_name, scaler
from seatrial.engines.local.state import Slot, State, read_state
from seatrial.kernel.errors import InputError
from seatrial.kernel.simulation import Fleet, Policy

QUICK = Policy(
    kind="target-tracking", target=0.3, period_s=0.3, cooldown_out_s=0.5, cooldown_in_s=0.5
)


def wanted(bench: Any) -> int:
    found = bench.engine.status()
    assert found is not None
    return int(found.replicas_wanted)


def replicas(bench: Any) -> list[Any]:
    return [one for one in bench.engine.status().processes if one.role == "replica"]


def test_load_raises_replicas_and_idleness_lowers_them(bench: Any, traffic: Any) -> None:
    bench.deploy(replicas=1, replicas_max=3, scaling=QUICK)
    port = bench.release.port
    assert bench.process("engine").detail == "wants 1 of 1 to 3 replicas"
    with traffic(port, 4, "/burn?s=0.02") as load:
        bench.wait_until(lambda: wanted(bench) >= 2)
        bench.wait_until(lambda: sum(one.state == "ready" for one in replicas(bench)) >= 2)
        bench.wait_until(lambda: len({bench.get("/")["pid"] for _ in range(8)}) >= 2)
    state = read_state(layout_of(bench.root).state)
    assert isinstance(state, State)
    assert (state.replicas_min, state.replicas_max) == (1, 3)
    assert len(state.replicas) >= 2
    # Somebody still asks while replicas drain, and loses nothing.
    with traffic(port, 1) as quiet:
        bench.wait_until(lambda: wanted(bench) == 1)
        bench.wait_until(lambda: [one.name for one in replicas(bench)] == ["replica-0"])
        assert bench.healthy()
    assert load.failed == quiet.failed == []
    assert quiet.answered > 0
    log = (layout_of(bench.root).logs / "engine.log").read_text()
    assert "1 to 2 replicas" in log or "1 to 3 replicas" in log


def test_a_request_that_takes_long_ends_before_its_replica(bench: Any, traffic: Any) -> None:
    bench.deploy(replicas=1, replicas_max=2, scaling=QUICK)
    with traffic(bench.release.port, 4, "/burn?s=0.02"):
        bench.wait_until(lambda: sum(one.state == "ready" for one in replicas(bench)) == 2)
    # Both replicas have requests while the second is told to go.
    with traffic(bench.release.port, 4, "/slow?s=2") as slow:
        bench.wait_until(lambda: any("drains" in one.detail for one in replicas(bench)))
        bench.wait_until(lambda: len(replicas(bench)) == 1)
    assert slow.failed == []


def test_a_replica_that_dies_while_the_number_follows_the_load_is_replaced(bench: Any) -> None:
    bench.deploy(replicas=2, replicas_max=3, scaling=QUICK)
    bench.kill("replica-1")
    bench.wait_until(lambda: bench.process("replica-1").restarts == 1 and bench.healthy())


@pytest.mark.parametrize(
    ("changes", "where"),
    [
        ({"replicas_max": 1}, "replicas_max"),
        ({"replicas_max": 65}, "replicas_max"),
        ({"scaling": Policy(kind="knative")}, "scaling.kind"),
        ({"scaling": Policy(kind="hpa", metric="requests")}, "scaling.metric"),
        ({"scaling": Policy(kind="hpa", target=0.0)}, "scaling.target"),
        ({"scaling": Policy(kind="hpa", period_s=0.0)}, "scaling.period_s"),
        ({"scaling": Policy(kind="hpa", cooldown_in_s=-1.0)}, "scaling.cooldown_in_s"),
    ],
)
def test_scaling_that_cannot_be_is_refused(bench: Any, changes: Any, where: str) -> None:
    with pytest.raises(InputError) as caught:
        bench.deploy(**{"replicas": 2, "replicas_max": 3, **changes})
    assert caught.value.where == where
    assert caught.value.fix


def test_without_room_there_is_nothing_to_decide(make_release: Any) -> None:
    assert scaler(make_release()) is None
    assert scaler(make_release(replicas=2, replicas_max=2)) is None
    assert scaler(make_release(replicas=2, replicas_max=3)) is not None


def test_names_are_used_again() -> None:
    slots = [Slot(role="replica", name=f"replica-{i}") for i in (0, 2)]
    assert free_name(slots) == "replica-1"
    assert free_name([]) == "replica-0"


@given(
    st.sampled_from(["target-tracking", "hpa"]),
    st.lists(st.tuples(st.floats(-1, 3), st.integers(0, 9)), min_size=1, max_size=60),
    st.integers(1, 3),
    st.integers(3, 9),
)
def test_it_decides_as_the_simulator_does(
    kind: Any, readings: list[tuple[float, int]], least: int, most: int
) -> None:
    policy = Policy(kind=kind, target=0.6)
    fleet = Fleet(
        replicas_min=least, replicas_max=most, workers=1, slots=1, vcpu=1.0, policy=policy
    )
    step, period_s = replay_policy.policy_of(fleet)
    assert step is not None
    real = Scaler(policy, least, most, workers=1)
    played = desired = least
    for number, (busy, ready) in enumerate(readings):
        now = number * period_s
        told = replay_policy.Reading(now, period_s, played, ready, busy, 0.0, -1.0, 0.0)
        played = int(min(max(step(told), least), most))
        desired = real.decide(now, Reading(busy, ready), desired)
        assert desired == played
        assert least <= desired <= most
