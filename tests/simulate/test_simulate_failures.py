"""Rare events: windows by hand, deployments, and what may never get worse."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from seatrial.assessor.simulate.failure_events import Breaker, Condition, FailureCase
from seatrial.assessor.simulate.failure_rates import (
    Amount,
    Rate,
    Rates,
    check_rates,
    packaged_rates,
)
from seatrial.assessor.simulate.failure_windows import Step, fluid, overlay
from seatrial.assessor.simulate.failures import (
    YEAR_S,
    Failures,
    conditions,
    failures,
    replica_rps,
)
from seatrial.assessor.simulate.rollouts import (
    Strategy,
    StrategyKind,
    bad_rollout,
    rollout,
)
from seatrial.kernel.errors import InputError
from seatrial.kernel.simulation import FailureOutlook, Fleet, Provider, RouteLaw

FLEET = Fleet(replicas_min=2, replicas_max=2, workers=2, slots=4, vcpu=1.0, zones=2, start_s=60.0)


def case(count: int = 2, rate: float = 8.0, **more: object) -> FailureCase:
    """`count` replicas of 10 requests a second each, at one level of load, without deployments."""
    level = (Condition(rate_rps=rate, replicas=count, weight=1.0),)
    plain = FailureCase(fleet=FLEET, replica_rps=10.0, conditions=level, deploys_year=0.0)
    return replace(plain, **more)


def one(found: Failures, name: str) -> FailureOutlook:
    return next(outlook for outlook in found.outlooks if outlook.name == name)


def lost_s(found: Failures, name: str) -> float:
    """Error-seconds a year of one kind of event."""
    return one(found, name).unavailability_percent / 100 * YEAR_S


# ------------------------------------------------------------------------------------- windows


def test_a_pause_makes_all_wait_and_none_fail() -> None:
    # 100 requests in 10 s; the one that came at s is answered at 10 + s/2, having waited 10 - s/2:
    # between 10 and 5 s, evenly.
    window = fluid(60.0)(10.0, (Step(10, 0), Step(0, 20)))
    assert (window.arrived, window.answered, window.failed) == pytest.approx((100, 100, 0))
    assert window.latency_ms_p95 == pytest.approx(9750)


def test_those_who_waited_long_enough_give_up() -> None:
    # After 10 s the first 6 s of requests have waited 4 s and gone.
    window = fluid(4.0, 100.0)(10.0, (Step(10, 0), Step(0, 20)))
    assert (window.answered, window.failed) == pytest.approx((40, 60))
    # The others waited 4 to 2 s: the 95th percentile is 3.9 s, and 0.1 s of service.
    assert window.latency_ms_p95 == pytest.approx(4000)


def test_overload_fails_what_exceeds_capacity_once_the_queue_is_full() -> None:
    # The wait grows by half a second a second and reaches 10 s at t = 20. The last request is
    # reached at t = 110: 110 s of 10 requests are answered of 2,000.
    window = fluid(10.0)(20.0, (Step(100, 10),))
    assert window.answered == pytest.approx(1100)
    assert window.error_share == pytest.approx(0.45)


def test_refused_requests_leave_capacity_to_the_others_and_wrong_ones_take_it() -> None:
    refused = fluid()(20.0, (Step(10, 10, refused=0.5),))
    assert (refused.failed, refused.latency_ms_p95) == (pytest.approx(100), pytest.approx(0))
    wrong = fluid()(10.0, (Step(10, 10, wrong=0.3),))
    assert wrong.error_share == pytest.approx(0.3)


def test_nothing_ever_answers_a_queue_without_capacity() -> None:
    forever = fluid(math.inf)(5.0, (Step(10, 0),))
    assert (forever.error_share, forever.latency_ms_p95) == (1.0, None)
    assert fluid()(0.0, (Step(10, 0),)).error_share == 0.0
    assert fluid()(5.0, ()).error_share == 0.0


def test_two_things_at_once_are_both_felt() -> None:
    merged = overlay((Step(10, 5, refused=0.5), Step(0, 9)), (Step(4, 7, wrong=0.5), Step(0, 8)))
    assert merged == (Step(4, 5, 0.5, 0.5), Step(6, 5, 0.5), Step(0, 8))


STEPS = st.lists(
    st.builds(
        Step,
        st.floats(0, 1e4),
        st.floats(0, 1e3),
        st.sampled_from([0.0, 0.0, 0.3, 1.0]),
        st.sampled_from([0.0, 0.0, 0.5, 1.0]),
    ),
    min_size=1,
    max_size=8,
)


@settings(max_examples=300, deadline=None)
@given(STEPS, st.floats(0, 1e3), st.sampled_from([0.0, 0.5, 10.0, 60.0, 1e4, math.inf]))
def test_every_request_ends_once(steps: list[Step], rate: float, timeout: float) -> None:
    window = fluid(timeout)(rate, steps)
    assert window.answered + window.failed == pytest.approx(window.arrived, rel=1e-9, abs=1e-6)
    assert window.failed >= -1e-6 and window.answered >= -1e-6
    assert 0 <= window.error_share <= 1
    if window.latency_ms_p95 is not None:
        assert -1e-6 <= window.latency_ms_p95 <= 1000 * timeout + 1e-3


@settings(max_examples=150, deadline=None)
@given(STEPS, st.floats(0.1, 1e3), st.floats(0, 100), st.sampled_from([0.0, 5.0, 60.0]))
def test_more_capacity_never_fails_more(
    steps: list[Step], rate: float, more: float, timeout: float
) -> None:
    plain = [step._replace(wrong=0.0) for step in steps]
    larger = [step._replace(capacity_rps=step.capacity_rps + more) for step in plain]
    few, many = fluid(timeout)(rate, larger), fluid(timeout)(rate, plain)
    assert few.failed <= many.failed * (1 + 1e-9) + 1e-6


def test_the_fluid_queue_agrees_with_small_steps() -> None:
    """Against the same queue with one request every millisecond, which knows no fluid."""
    steps = (Step(20, 3), Step(15, 0, 0.25), Step(30, 9, 0.0), Step(40, 4), Step(10, 12))
    rate, patience, tick = 6.0, 7.0, 0.001
    queue: list[float] = []
    now = credit = 0.0
    gone = at = 0
    asked = 0.0
    ends = [20.0, 35.0, 65.0, 105.0, 115.0]
    while now < 115 or at < len(queue):
        step = steps[min(4, sum(now >= end for end in ends))]
        if now < 115:
            asked += rate * (1 - step.refused) * tick
            queue.append(now)
        weight = [rate * tick * (1 - (0.25 if 20 <= t < 35 else 0)) for t in queue[at : at + 50]]
        credit = min(credit + step.capacity_rps * tick, 1.0) if at < len(queue) else 0.0
        for amount in weight:
            if now - queue[at] > patience:
                gone += amount
            elif credit >= amount:
                credit -= amount
            else:
                break
            at += 1
        now += tick
    window = fluid(patience)(rate, steps)
    refused = 15 * rate * 0.25
    assert window.failed - refused == pytest.approx(gone, rel=0.01)


# --------------------------------------------------------------------------------- deployments


def test_rolling_keeps_what_it_promises() -> None:
    # Four replicas, one more and one fewer: two batches of two with three ready.
    phases = rollout(4, Strategy(), 60.0)
    assert phases == ((60.0, 3, 0.0), (60.0, 3, pytest.approx(2 / 3)))
    # Three replicas: one more, none fewer, one at a time, as 25 % of three is rounded down.
    assert [phase.ready for phase in rollout(3, Strategy(), 60.0)] == [3, 3, 3]
    halves = rollout(2, Strategy(surge=0.0, unavailable=0.5), 60.0)
    assert [(phase.seconds, phase.ready) for phase in halves] == [(60.0, 1), (60.0, 1)]


@pytest.mark.parametrize("kind", ["blue-green", "canary"])
def test_a_second_fleet_costs_no_capacity(kind: StrategyKind) -> None:
    assert {phase.ready for phase in rollout(5, Strategy(kind=kind), 60.0)} == {5}


def test_recreate_stops_everything_while_it_starts() -> None:
    assert rollout(5, Strategy(kind="recreate"), 60.0) == ((60.0, 0, 0),)


@settings(max_examples=200, deadline=None)
@given(
    st.integers(1, 60),
    st.floats(0, 1),
    st.floats(0, 1),
    st.sampled_from(["recreate", "rolling", "blue-green", "canary"]),
)
def test_a_rollout_ends_and_keeps_its_bounds(
    count: int, surge: float, unavailable: float, kind: StrategyKind
) -> None:
    strategy = Strategy(kind=kind, surge=surge, unavailable=unavailable)
    for phase in (
        *rollout(count, strategy, 30.0),
        *bad_rollout(count, strategy, 30.0, 5.0, 0.5, 3600.0),
    ):
        floor = 0 if kind == "recreate" else count - math.floor(count * unavailable)
        assert floor <= phase.ready <= count
        assert 0 <= phase.new_share <= 1 and 0 <= phase.seconds < math.inf


def test_a_bad_canary_by_hand() -> None:
    # Half of the requests of a tenth fail, at 8 rps: 0.8 rps fill a minute with 48 requests,
    # so three minutes and 5 s of switching: 185 s x 0.1 x 0.5 = 9.25 s each time.
    found = failures(case(strategy=Strategy(kind="canary"), deploys_year=100.0))
    assert one(found, "bad deployment").per_year == pytest.approx(10)
    assert lost_s(found, "bad deployment") == pytest.approx(10 * 9.25)
    # At 0.08 rps 20 requests of the canary take 2,500 s each: people are there first.
    slow = failures(case(rate=0.08, strategy=Strategy(kind="canary"), deploys_year=100.0))
    assert lost_s(slow, "bad deployment") == pytest.approx(10 * 0.05 * 3605)


def test_a_bad_recreate_by_hand() -> None:
    # Nothing for 60 s, then half of all requests wrong for three minutes, then nothing for 60 s.
    found = failures(case(strategy=Strategy(kind="recreate"), deploys_year=100.0))
    assert lost_s(found, "bad deployment") == pytest.approx(10 * (60 + 90 + 60))
    assert lost_s(found, "deployment") == pytest.approx(90 * 60)


@settings(max_examples=80, deadline=None)
@given(st.integers(1, 20), st.floats(0.01, 0.99), st.floats(1, 300))
def test_a_canary_hurts_less_than_all_at_once(count: int, load: float, start: float) -> None:
    lost = {
        kind: lost_s(
            failures(
                case(
                    count=count,
                    rate=load * count * 10,
                    fleet=replace(FLEET, start_s=start),
                    strategy=Strategy(kind=kind),
                    deploys_year=52.0,
                )
            ),
            "bad deployment",
        )
        for kind in ("canary", "recreate", "blue-green")
    }
    assert lost["canary"] < min(lost["blue-green"], lost["recreate"])


def test_what_the_alarm_does_not_see_lasts_until_people_do() -> None:
    strategy = Strategy(kind="blue-green", alarm_share=0.6)
    phases = bad_rollout(2, strategy, 60.0, 8.0, 0.5, 3600.0)
    assert sum(p.seconds for p in phases if p.new_share == 1) == pytest.approx(3605)


# ----------------------------------------------------------------------------- events, by hand


def test_a_crash_by_hand() -> None:
    # Two replicas, 12 crashes each: half of the requests fail for the 5 s until it is seen; the
    # other replica's 10 rps carry the 8.
    assert lost_s(failures(case()), "replica crash") == pytest.approx(24 * 2.5)
    # A client that asks again meets the dead one twice in a quarter of the cases.
    again = case(fleet=replace(FLEET, retries=1))
    assert lost_s(failures(again), "replica crash") == pytest.approx(24 * 1.25)
    # Alone nothing answers for 5 + 60 s; a platform that restarts in 10 s shortens that.
    assert lost_s(failures(case(count=1)), "replica crash") == pytest.approx(12 * 65)
    quick = failures(case(count=1, restart_s=10.0))
    assert lost_s(quick, "replica crash") == pytest.approx(12 * 15)
    # Requests in progress: 0.2 s of the replica's half.
    held = failures(case(mean_s=0.2))
    assert lost_s(held, "replica crash") == pytest.approx(24 * (2.5 + 0.1))


def test_a_zone_and_a_region_by_hand() -> None:
    found = failures(case())
    assert one(found, "zone loss").per_year == pytest.approx(2 * 10.5 / 990)
    assert lost_s(found, "zone loss") == pytest.approx(2 * 10.5 / 990 * 25)
    assert lost_s(found, "region loss") == pytest.approx(7.5 / 320 * 28800 * 0.5)
    worst = failures(case(region="us-east-1"))
    assert one(worst, "region loss").per_year == pytest.approx(6.5 / 14.9)
    down = failures(case(zone_loss="down"))
    assert lost_s(down, "zone loss") == pytest.approx(10.5 / 990 * (18400 + 60))
    moved = failures(case(zone_loss="moves"))
    assert lost_s(moved, "zone loss") == pytest.approx(10.5 / 990 * (50 + 600 + 60))


def test_a_spot_replica_by_hand() -> None:
    # The notice of two minutes covers a start of one; of a start of 180 s 60 s are left without.
    assert lost_s(failures(case(spot_share=1.0)), "spot interruption") == 0
    slow = case(count=1, spot_share=1.0, spot_percent_month=5.0, fleet=replace(FLEET, start_s=180))
    a_year = -12 * math.log(0.95)
    assert one(failures(slow), "spot interruption").per_year == pytest.approx(a_year)
    assert lost_s(failures(slow), "spot interruption") == pytest.approx(a_year * 60)


def test_a_breaker_saves_those_who_do_not_need_the_model() -> None:
    # 2 replicas of 8 slots; a fifth of 8 rps hangs for 30 s: 16 / (0.2 x 30) = 2.7 rps are left.
    without = case(llm_share=0.2, provider=Provider(timeout_s=30.0))
    broken = one(failures(without), "language model outage")
    guarded = one(failures(replace(without, breaker=Breaker())), "language model outage")
    assert broken.error_percent > 70
    # Each worker has seen five failures after 30 + 5 / 0.4 s; then a fifth fails.
    assert guarded.error_percent == pytest.approx(20, abs=0.5)
    backed = replace(without, breaker=Breaker(), provider=Provider(timeout_s=30, fallback=True))
    assert one(failures(backed), "language model outage").error_percent < 0.5
    assert one(failures(backed), "language model partial outage").error_percent == 0


def test_a_standby_shortens_a_database_outage() -> None:
    single = failures(case(database="single", database_timeout_s=0.0))
    standby = failures(case(database="standby", database_timeout_s=0.0))
    assert lost_s(single, "database outage") == pytest.approx(0.3 * 1200)
    assert lost_s(standby, "database outage") == pytest.approx(0.3 * 90)
    assert lost_s(standby, "zone loss") < lost_s(single, "zone loss")


def test_errors_that_are_there_anyway_are_counted_once() -> None:
    # 30 rps on 20: a third fails without any event, and a crash adds to it only what is more.
    found = failures(case(rate=30.0))
    value = found.availability_percent.value
    assert value is not None and value == pytest.approx(66.7, abs=0.2)
    given_from_outside = failures(case(), steady_error_percent=2.0).availability_percent.value
    assert given_from_outside is not None and given_from_outside < 98


def test_recovery_follows_the_design() -> None:
    zone, region = failures(case()).recoveries
    assert (zone.rto_s, zone.rpo_s, region.rto_s, region.rpo_s) == (50, 0, 28800, 0)
    zone, _ = failures(case(database="standby")).recoveries
    assert (zone.rto_s, zone.rpo_s) == (90, 0)
    zone, region = failures(case(database="single", backup_copy=True)).recoveries
    assert (zone.rto_s, zone.rpo_s, region.rto_s, region.rpo_s) == (10800, 300, 10800, 1800)
    _, region = failures(case(region_loss="survives")).recoveries
    assert (region.rto_s, region.rpo_s) == (300, 0)


# ------------------------------------------------------------------------ what may never happen

SHAPES = st.fixed_dictionaries(
    {
        "load": st.floats(0.05, 40.0),
        "start": st.floats(0.0, 600.0),
        "timeout": st.sampled_from([0.0, 1.0, 30.0, 60.0]),
        "retries": st.integers(0, 2),
        "database": st.sampled_from(["none", "single", "standby"]),
    }
)


def availability(shape: dict[str, object], count: int, zones: int) -> float:
    fleet = Fleet(
        replicas_min=count, replicas_max=count, workers=2, slots=4, vcpu=1.0, zones=zones,
        start_s=shape["start"], timeout_s=shape["timeout"], retries=shape["retries"],
    )  # fmt: skip
    found = failures(
        case(count, shape["load"], fleet=fleet, database=shape["database"], database_timeout_s=0.0)
    )
    value = found.availability_percent.value
    assert value is not None
    return value


@pytest.mark.parametrize("load", [0.5, 5.0, 15.0])
def test_more_zones_or_replicas_do_not_lower_availability(load: float) -> None:
    """At ordinary loads and without a database: windows with long queues save some requests for
    afterwards, and a database hides the loss of what stands beside it."""
    shape = {"load": load, "start": 60.0, "timeout": 30.0, "retries": 0, "database": "none"}
    for count, zones in ((1, 1), (2, 1), (2, 2), (4, 2), (6, 3)):
        here = availability(shape, count, zones)
        assert availability(shape, count + 1, zones) >= here - 1e-9
        assert availability(shape, count, zones + 1) >= here - 1e-9


@settings(max_examples=60, deadline=None)
@given(SHAPES, st.integers(1, 8), st.floats(0, 1), st.integers(0, 2**32 - 1))
def test_figures_stay_within_their_bounds(
    shape: dict[str, object], count: int, share: float, seed: int
) -> None:
    asked = case(
        count, shape["load"], database=shape["database"], llm_share=share, spot_share=share,
        deploys_year=1000.0, mean_s=shape["start"],
    )  # fmt: skip
    found = failures(asked, seed=seed)
    for outlook in found.outlooks:
        assert outlook.per_year >= 0 and outlook.degraded_s >= 0
        assert 0 <= outlook.error_percent <= 100 and 0 <= outlook.unavailability_percent <= 100
        assert outlook.source
    told = found.availability_percent
    assert told.value is not None and told.low is not None and told.high is not None
    assert 0 <= told.low <= told.value <= told.high <= 100
    assert found == failures(asked, seed=seed)


def test_the_interval_is_that_of_the_rates() -> None:
    # Ten zone events in 990 years: Gamma(10.5) has its 95 % interval at 5.14 and 17.74 (half of the
    # chi-square quantiles of 21 degrees of freedom). 4,096 samples put them within 4 %.
    known = packaged_rates()
    quiet = {name: Rate(per_year=0.0, assumed="off") for name in known.rates}
    sure = {name: replace(amount, factor=1.0) for name, amount in known.amounts.items()}
    only = Rates(rates={**quiet, "zone": known.rates["zone"]}, amounts=sure)
    found = failures(case(zone_loss="down", rates=only)).availability_percent
    assert found.low is not None and found.high is not None
    each = 100 * 18460 / 990 / YEAR_S
    assert (100 - found.low) / each == pytest.approx(17.74, rel=0.04)
    assert (100 - found.high) / each == pytest.approx(5.14, rel=0.04)


def test_impossible_cases_are_refused_and_idle_ones_answered() -> None:
    for wrong in (
        {"replica_rps": math.nan},
        {"conditions": ()},
        {"llm_share": 1.5},
        {"mean_s": -1.0},
        {"fleet": replace(FLEET, timeout_s=-1.0)},
        {"strategy": Strategy(surge=2.0)},
        {"strategy": Strategy(canary_s=math.inf, kind="canary")},
    ):
        with pytest.raises(InputError):
            failures(case(**wrong))
    idle = failures(case(rate=0.0)).availability_percent
    assert (idle.value, idle.low, idle.high) == (100, 100, 100)
    nothing = failures(case(replica_rps=0.0)).availability_percent
    assert nothing.value == pytest.approx(0)


# ------------------------------------------------------------------------------- what goes in


def test_hours_become_levels_of_load() -> None:
    found = conditions([1.0, 1.0, 1.004, 50.0], [2, 2, 2, 2.25])
    assert [(c.replicas, c.weight) for c in found] == [(2, 0.75), (2, 0.1875), (3, 0.0625)]
    assert found[0].rate_rps == pytest.approx(1.00133, rel=1e-5)
    assert conditions([0.0], [0.0])[0].replicas == 1
    for hours in ([math.nan], [-1.0], []):
        with pytest.raises(InputError):
            conditions(hours, [1.0] * len(hours))


def test_a_replica_is_limited_by_slots_or_by_processors() -> None:
    waits = RouteLaw(path="/", weight=1.0, wall_s=(0.1, 0.3), cpu_share=0.0)
    assert replica_rps(FLEET, [waits]) == (pytest.approx(8 / 0.2), pytest.approx(0.2))
    computes = replace(waits, cpu_share=1.0)
    assert replica_rps(FLEET, [computes])[0] == pytest.approx(1 / 0.2)
    with pytest.raises(InputError):
        replica_rps(FLEET, [])


def test_every_figure_says_where_it_is_from() -> None:
    known = packaged_rates()
    for figure in (*known.rates.values(), *known.amounts.values()):
        assert bool(figure.source) != bool(figure.assumed)
        assert bool(figure.as_of) == bool(figure.source)
    assert len(known.rates["zone"].events) == known.rates["zone"].counted == 10
    bare = Rates(rates={"crash": Rate(per_year=1.0)}, amounts={})
    with pytest.raises(InputError, match="no source"):
        check_rates(bare)
    with pytest.raises(InputError, match="impossible"):
        check_rates(Rates(rates={}, amounts={"a-share": Amount(value=2.0, assumed="no")}))
