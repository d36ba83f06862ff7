"""The rare events of a design: for each, what the fleet can do from the first second to the last.

An event's window is conditional on its happening; `failures.py` weighs it with its rate. Each
function here says what happens at one level of load: so many replicas, so many requests a second.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import log
from typing import Literal, NamedTuple

from seatrial.assessor.simulate.failure_rates import Rate, Rates, packaged_rates
from seatrial.assessor.simulate.failure_windows import Step, overlay
from seatrial.assessor.simulate.rollouts import Phase, Strategy, bad_rollout, rollout
from seatrial.assessor.simulate.zone_loss import (
    Database,
    ZoneLoss,
    restore_s,
    standby_recovery,
    zone_database_s,
)
from seatrial.kernel.simulation import Fleet, Provider
from seatrial.kernel.values import Value

MONTHS = 12


class Condition(Value):
    """A share of the time in which so many requests a second meet so many replicas."""

    rate_rps: float
    replicas: int
    weight: float


class Breaker(Value):
    """A circuit breaker in each worker: opens after `failures`, tries again every `probe_s`."""

    failures: int = 5
    probe_s: float = 30.0


class FailureCase(Value):
    """What the failures of a design depend on.

    One replica answers `replica_rps` at most; `mean_s` is how long a request is in it. `hosts` are
    the machines under the replicas, 0 when each has its own. `restart_s` is until a crashed
    replica is back, none when that is a new replica's start. `database_share` and `llm_share`
    are the shares of requests that need the database or the language model, which hang for their
    timeouts when it is gone. `spot_share` of the replicas can be taken back, `spot_percent_month`
    of them each month if the price says so. `backup_copy` says that backups are in another region,
    `standby` that the app waits there, with copies of its databases `standby_lag_s` behind.
    """

    fleet: Fleet
    replica_rps: float
    conditions: tuple[Condition, ...]
    mean_s: float = 0.0
    hosts: int = 0
    restart_s: float | None = None
    zone_loss: ZoneLoss = "survives"
    region_loss: Literal["survives", "down"] = "down"
    region: str = ""
    database: Database = "none"
    database_share: float = 1.0
    database_timeout_s: float = 30.0
    backup_copy: bool = False
    standby: bool = False
    standby_lag_s: float | None = None
    llm_share: float = 0.0
    provider: Provider = Provider()
    breaker: Breaker | None = None
    strategy: Strategy = Strategy()
    deploys_year: float | None = None
    spot_share: float = 0.0
    spot_percent_month: float | None = None
    rates: Rates | None = None

    @property
    def known(self) -> Rates:
        """The rates of the case, or those that come with the simulator."""
        return self.rates or packaged_rates()

    @property
    def zones(self) -> int:
        """The zones that the replicas are spread over; a platform that goes down has one."""
        return max(1, self.fleet.zones) if self.zone_loss == "survives" else 1


class Episode(NamedTuple):
    """One way an event goes: for how many things its rate counts, the window, and requests lost.

    `in_flight` is the share of the requests in progress that are lost when it begins.
    """

    many: float
    steps: tuple[Step, ...]
    in_flight: float = 0.0


Episodes = Callable[[FailureCase, int, float], list[Episode]]
"""What an event does at one number of replicas and one rate of requests."""


class Event(NamedTuple):
    """A kind of rare event: its rate, and the amounts its harm is proportional to, by name."""

    name: str
    rate: str
    amounts: tuple[str, ...]
    episodes: Episodes
    stated: Rate | None = None


def events(case: FailureCase) -> tuple[Event, ...]:
    """The events that can happen to a design."""
    stands = case.zone_loss == "survives" and case.zones > 1
    zone = (
        "zone-replace-s"
        if (stands and case.database != "single") or case.zone_loss == "moves"
        else "zone-s"
    )
    away = case.region_loss == "survives" or case.standby
    found = [
        Event("replica crash", "crash", ("detect-crash-s",), _crash),
        Event("machine loss", "machine", ("detect-s",), _machine),
        Event("zone loss", "zone", (zone,), _zone),
        Event(
            "region loss", case.known.region(case.region),
            ("region-share", "region-failover-s" if away else "region-s"), _region,
        ),
    ]  # fmt: skip
    if case.database != "none":
        takes = "database-failover-s" if case.database == "standby" else "database-recover-s"
        found.append(Event("database outage", "machine", (takes,), _database))
    if case.llm_share > 0:
        found += [
            Event("language model outage", "llm-outage", ("llm-outage-s",), _llm_outage),
            Event(
                "language model partial outage", "llm-partial",
                ("llm-partial-s", "llm-partial-share"), _llm_partial,
            ),
        ]  # fmt: skip
    stated = None if case.deploys_year is None else _deploys(case.deploys_year)
    found += [
        Event("deployment", "deploy", (), _deploy, stated),
        Event(
            "bad deployment", "deploy", ("change-failure-share", "bad-version-share"),
            _bad_deploy, stated,
        ),
    ]  # fmt: skip
    if case.spot_share > 0:
        found.append(Event("spot interruption", "spot", (), _spot, _spot_rate(case)))
    return tuple(found)


def _deploys(a_year: float) -> Rate:
    return Rate(per_year=a_year, assumed="deployments a year as stated")


def _spot_rate(case: FailureCase) -> Rate | None:
    """The rate that gives the price row's share of capacity taken back in a month."""
    if case.spot_percent_month is None:
        return None
    kept = max(1e-9, 1 - case.spot_percent_month / 100)
    return Rate(per_year=-MONTHS * log(kept), factor=2.0, source="the spot price's row")


def _full(case: FailureCase, count: float, seconds: float = 0.0) -> Step:
    return Step(seconds, count * case.replica_rps)


def _lost(case: FailureCase, count: int, gone: int, detect_s: float, replace_s: float) -> Episode:
    """`gone` of `count` replicas answer nothing: unseen for a while, then missing until replaced.

    Until it is seen, the balancer sends them their share; a client that asks again meets them again
    by the same chance. Without any replica everything is refused.
    """
    share = gone / count
    rest = (count - gone) * case.replica_rps
    again = 1.0 if gone >= count else share ** (1 + max(0, case.fleet.retries))
    seen = 1.0 if gone >= count else 0.0
    steps = (
        Step(detect_s, rest, again), Step(replace_s, rest, seen), _full(case, count),
    )  # fmt: skip
    return Episode(1.0, steps, share)


def _crash(case: FailureCase, count: int, rate_rps: float) -> list[Episode]:
    back = case.fleet.start_s if case.restart_s is None else case.restart_s
    seen = case.known.amount("detect-crash-s")
    return [_lost(case, count, 1, seen, back)._replace(many=float(count))]


def _machine(case: FailureCase, count: int, rate_rps: float) -> list[Episode]:
    hosts = min(count, case.hosts) if case.hosts > 0 else count
    seen = case.known.amount("detect-s")
    each = _spread(count, hosts)
    return [_lost(case, count, gone, seen, case.fleet.start_s) for gone in each]


def _spread(count: int, places: int) -> list[int]:
    """As evenly as it goes, the fuller places first."""
    low, more = divmod(count, places)
    return [low + (place < more) for place in range(places)]


def _zone(case: FailureCase, count: int, rate_rps: float) -> list[Episode]:
    """Each zone once; the first has the database, or the one of the pair that is in use."""
    told: list[Episode] = []
    lasts, seen = case.known.amount("zone-s"), case.known.amount("detect-s")
    if case.zone_loss == "down" or (case.zone_loss == "survives" and case.zones == 1):
        missing = max(0.0, lasts - seen) + case.fleet.start_s
    else:
        missing = min(lasts, case.known.amount("zone-replace-s")) + case.fleet.start_s
    for place, gone in enumerate(_spread(count, case.zones)):
        episode = _lost(case, count, gone, seen, missing) if gone else None
        if place == 0 and case.database != "none":
            down = overlay(episode.steps if episode else (_full(case, count),), _down(case, count))
            episode = Episode(1.0, down, gone / count)
        if episode:
            told.append(episode)
    return told


def _down(case: FailureCase, count: int) -> tuple[Step, ...]:
    """The database in the lost zone: the standby takes over, or it is waited for or restored."""
    wrong = min(1.0, case.database_share)
    takes = zone_database_s(case.known, case.database)
    return (_full(case, count, takes)._replace(wrong=wrong), _full(case, count))


def region_s(case: FailureCase) -> float:
    """How long a design is hurt by its region's loss."""
    if case.standby:
        return standby_recovery(case.known, case.fleet.start_s, case.standby_lag_s).rto_s
    if case.region_loss == "survives":
        return case.known.amount("region-failover-s")
    lasts = case.known.amount("region-s")
    return min(lasts, restore_s(case.known)) if case.backup_copy else lasts


def _region(case: FailureCase, count: int, rate_rps: float) -> list[Episode]:
    share = case.known.amount("region-share")
    hurt = _full(case, count, region_s(case))._replace(refused=share)
    return [Episode(1.0, (hurt, _full(case, count)))]


def _hanging(case: FailureCase, count: int, share: float, hang_s: float) -> float:
    """Capacity while `share` of the requests hold their slot for `hang_s` longer."""
    slots = case.fleet.workers * case.fleet.slots
    held = case.mean_s + share * hang_s
    return count * min(case.replica_rps, slots / held if held > 0 else case.replica_rps)


def _dependency(
    case: FailureCase, count: int, rate_rps: float, share: float, lasts_s: float, hang_s: float,
    fallback: bool,
) -> Episode:  # fmt: skip
    """Something outside answers nothing: requests hang until their worker's breaker opens.

    A breaker that is open fails the requests at once, or takes the fallback, and is closed half a
    probe's interval after the end on average. Without one they hang all the time.
    """
    wrong = 0.0 if fallback else min(1.0, share)
    slow = Step(lasts_s, _hanging(case, count, share, hang_s), 0.0, wrong)
    if case.breaker is None:
        return Episode(1.0, (slow, _full(case, count)))
    calls = rate_rps * share / (count * max(1, case.fleet.workers))
    opens = hang_s + (case.breaker.failures / calls if calls > 0 else lasts_s)
    opens = min(lasts_s, opens)
    after = lasts_s - opens + case.breaker.probe_s / 2
    steps = (
        slow._replace(seconds=opens),
        _full(case, count, after)._replace(wrong=wrong),
        _full(case, count),
    )
    return Episode(1.0, steps)


def _database(case: FailureCase, count: int, rate_rps: float) -> list[Episode]:
    """The database's machine is lost: its standby takes over, or it comes back on another one."""
    standby = case.database == "standby"
    lasts = case.known.amount("database-failover-s" if standby else "database-recover-s")
    share, hang = case.database_share, case.database_timeout_s
    return [_dependency(case, count, rate_rps, share, lasts, min(hang, lasts), False)]


def _llm_outage(case: FailureCase, count: int, rate_rps: float) -> list[Episode]:
    provider, lasts = case.provider, case.known.amount("llm-outage-s")
    hang = min(lasts, provider.timeout_s * (1 + provider.retries))
    return [_dependency(case, count, rate_rps, case.llm_share, lasts, hang, provider.fallback)]


def _llm_partial(case: FailureCase, count: int, rate_rps: float) -> list[Episode]:
    """A share of the calls fails at once, each try anew; too few in a row to open a breaker."""
    fails = case.known.amount("llm-partial-share") ** (1 + max(0, case.provider.retries))
    wrong = 0.0 if case.provider.fallback else case.llm_share * fails
    hurt = _full(case, count, case.known.amount("llm-partial-s"))._replace(wrong=wrong)
    return [Episode(1.0, (hurt, _full(case, count)))]


def _phases(case: FailureCase, phases: Sequence[Phase], bad: float, count: int) -> tuple[Step, ...]:
    steps = [
        Step(
            phase.seconds, phase.ready * case.replica_rps,
            0.0 if phase.ready > 0 else 1.0, phase.new_share * bad,
        )
        for phase in phases
    ]  # fmt: skip
    return (*steps, _full(case, count))


def _deploy(case: FailureCase, count: int, rate_rps: float) -> list[Episode]:
    good = 1 - case.known.amount("change-failure-share")
    phases = rollout(count, case.strategy, case.fleet.start_s)
    return [Episode(good, _phases(case, phases, 0.0, count))]


def _bad_deploy(case: FailureCase, count: int, rate_rps: float) -> list[Episode]:
    share = case.known.amount("change-failure-share")
    bad = case.known.amount("bad-version-share")
    human = case.known.amount("human-s")
    phases = bad_rollout(count, case.strategy, case.fleet.start_s, rate_rps, bad, human)
    return [Episode(share, _phases(case, phases, bad, count))]


def _spot(case: FailureCase, count: int, rate_rps: float) -> list[Episode]:
    """One replica is taken back after a notice in which it drains and the next one starts."""
    missing = max(0.0, case.fleet.start_s - case.known.amount("spot-notice-s"))
    steps = (
        Step(missing, (count - 1) * case.replica_rps, 1.0 if count == 1 else 0.0),
        _full(case, count),
    )
    return [Episode(count * min(1.0, case.spot_share), steps)]
