"""Lanes against a plain one-design simulation, against theory, and against themselves."""

from __future__ import annotations

import bisect
import math
from typing import NamedTuple

import numpy as np
import pytest
from msgspec.structs import replace

from seatrial.assessor.queueing import erlang_c
from seatrial.assessor.simulate import lanes
from seatrial.assessor.simulate.histogram import histogram, quantiles
from seatrial.kernel import policies
from seatrial.kernel.errors import InputError
from seatrial.kernel.simulation import Fleet, Policy

FIXED = Fleet(replicas_min=2, replicas_max=2, workers=2, slots=1, vcpu=2.0)


def span(
    seed: int, rate: float, seconds: float, cpu: float, wait: float, *, warm: float = 0.0,
    begin: float = 0.0, busy: float = 1.0,
) -> lanes.Span:  # fmt: skip
    """Poisson arrivals, `busy` times as many in the middle third; exponential services."""
    chance = np.random.default_rng(seed)
    parts = [
        chance.uniform(third * seconds / 3, (third + 1) * seconds / 3, chance.poisson(n))
        for third, n in enumerate(rate * seconds / 3 * np.array([1, busy, 1]))
    ]
    times = begin + np.sort(np.concatenate(parts))
    return lanes.Span(
        begin_s=begin, counts_from_s=begin + warm, end_s=begin + seconds, times_s=times,
        cpu_s=chance.exponential(1.0, times.size) * cpu,
        wait_s=chance.exponential(1.0, times.size) * wait,
    )  # fmt: skip


class Plain(NamedTuple):
    """What the plain simulation says of one fleet in one window."""

    latencies: list[float]
    timed_out: int
    replica_s: float
    peak: int


class PlainFleet:
    """One request after the other, one decision after the other, with lists and the real policies.

    Written for its readers: `lanes` must say exactly the same.
    """

    def __init__(self, fleet: Fleet, window: lanes.Span, omega: float, initial: int) -> None:
        self.fleet, self.window, self.omega = fleet, window, omega
        self.queues = 1 if fleet.queue == "replica" else fleet.workers
        self.slots = fleet.workers * fleet.slots // self.queues
        self.computes = omega < math.inf
        self.replicas = [self.replica(window.begin_s, 0) for _ in range(initial)]
        self.leaving: list[list[list[float]]] = []
        self.starting: list[float] = []
        self.now, self.turn = window.begin_s, 0
        self.state = [0.0] * policies.HPA_STATE
        self.readings: list[tuple[float, float]] = []
        period = lanes.PERIODS_S.get(fleet.policy.kind, fleet.policy.period_s)
        self.period = math.inf if fleet.policy.kind == "fixed" else period
        self.decided, self.decide = window.begin_s, window.begin_s + self.period
        self.pool = self.pool_cpu = self.busy_s = self.wait_s = self.cpu_s = 0.0
        self.asked = 0
        self.result = Plain([], 0, 0.0, 0)

    def replica(self, ready: float, cold: int) -> dict[str, list]:
        return {
            "free": [[ready] * self.slots for _ in range(self.queues)],
            "cold": [cold] * self.queues,
        }

    def account(self, now: float) -> None:
        since, until = (max(t, self.window.counts_from_s) for t in (self.now, now))
        count = len(self.replicas) + len(self.starting)
        peak = max(self.result.peak, count) if until > since else self.result.peak
        seconds = self.result.replica_s + count * (until - since)
        self.result = self.result._replace(replica_s=seconds, peak=peak)
        self.now = now

    def settle(self, until: float) -> None:
        while True:
            ready = self.starting[0] if self.starting else math.inf
            change = min(ready, self.decide)
            if change > until:
                return
            self.account(change)
            if ready <= change:
                self.bring_up()
            else:
                self.decision()

    def bring_up(self) -> None:
        cold = -(-self.fleet.warmup_requests // self.queues)
        self.replicas.append(self.replica(self.starting.pop(0), cold))

    def decision(self) -> None:
        now, policy, fleet = self.decide, self.fleet.policy, self.fleet
        queues = [q for r in self.replicas for q in r["free"]]
        queues += [q for replica in self.leaving for q in replica]
        ahead = sum(max(0.0, free - now) for queue in queues for free in queue)
        pool, pool_cpu = self.pool + self.busy_s, self.pool_cpu + self.cpu_s
        busy = pool - min(ahead, pool)
        cpu = pool_cpu * busy / pool if pool else 0.0
        span, ready = now - self.decided, len(self.replicas)
        flight = (busy + self.wait_s) / span
        metric = -1.0
        if ready:
            metric = {
                "cpu": cpu / (span * ready * fleet.vcpu),
                "requests": self.asked * 60 / (span * ready),
                "concurrency": flight / ready,
            }[policy.metric]
        self.pool, self.pool_cpu = min(ahead, pool), pool_cpu - cpu
        self.busy_s = self.wait_s = self.cpu_s = 0.0
        self.asked, self.decided, self.decide = 0, now, now + self.period
        desired = ready + len(self.starting)
        self.readings.append((cpu / span, flight))
        wanted = int(self.wanted(now, metric, desired, ready))
        self.starting += [now + fleet.start_s] * (wanted - desired)
        for _ in range(desired - wanted):
            if self.starting:
                self.starting.pop()
                continue
            self.leaving.append(gone := self.replicas.pop()["free"])
            idle = max(now, max(max(queue) for queue in gone))
            more = max(0.0, idle - max(now, self.window.counts_from_s))
            self.result = self.result._replace(replica_s=self.result.replica_s + more)
        self.turn = 0 if self.turn >= len(self.replicas) else self.turn

    def wanted(self, now: float, metric: float, desired: int, ready: int) -> float:
        fleet, policy = self.fleet, self.fleet.policy
        limits = (fleet.replicas_min, fleet.replicas_max)
        cooldowns = (policy.cooldown_out_s, policy.cooldown_in_s)

        def mean(which: int, window: int) -> float:
            last = [reading[which] for reading in self.readings[-window:]]
            return sum(last) / len(last)

        if policy.kind == "target-tracking":
            return policies.target_tracking(
                self.state, now, metric, desired, *limits, policy.target, *cooldowns
            )
        if policy.kind == "step":
            return policies.step_scaling(
                self.state, now, metric, desired, *limits, policy.steps, *cooldowns, 1.0, 1.0
            )
        if policy.kind == "hpa":
            return policies.hpa(self.state, now, metric, desired, ready, *limits, policy.target)
        if policy.kind == "knative":
            return policies.knative(
                self.state, now, mean(1, 30), mean(1, 3), ready, *limits, policy.target, desired
            )
        return policies.cloud_run(
            self.state, now, mean(0, 12), mean(1, 12), fleet.vcpu, fleet.workers * fleet.slots,
            *limits, policy.target,
        )  # fmt: skip

    def stretch(self, queue: list[float], start: float) -> float:
        """How many times its processor time a request takes; see `lane_columns._contention`."""
        fleet = self.fleet
        alone = max(1.0, 1.0 / fleet.vcpu)
        if not self.computes or self.queues > 1:
            return alone  # A mean over other queues is not in this simulation.
        if fleet.workers * fleet.slots <= max(1.0, fleet.vcpu) and fleet.slots == 1:
            return alone
        beside = float(sum(free > start for free in queue[1:]))

        def root(vcpu: float, others: float) -> float:
            half = 1.0 + others - vcpu * self.omega
            return (half + math.sqrt(half * half + 4.0 * vcpu * self.omega)) / (2.0 * vcpu)

        held = 0.0 if fleet.slots == 1 else 1.0 / fleet.workers
        return max(alone, root(fleet.vcpu, beside), root(1.0, held * beside))

    def request(self, time: float, cpu: float, wait: float, pick: int) -> None:
        self.settle(time)
        if not self.replicas:
            self.account(time)
            self.starting = self.starting or [time + self.fleet.start_s]
            for _ in range(self.starting.count(self.starting[0])):
                self.bring_up()
            self.turn = 0
        count = len(self.replicas)
        self.turn = 0 if self.turn >= count else self.turn
        if self.fleet.balancer == "round-robin":
            replica, number = self.replicas[self.turn], (pick * self.queues) >> 32
            self.turn = (self.turn + 1) % count
        else:
            column = (pick * self.queues * count) >> 32
            replica, number = self.replicas[column // self.queues], column % self.queues
        self.asked += 1
        queue = replica["free"][number]
        start = max(time, queue[0])
        factor = self.stretch(queue, start)
        if replica["cold"][number] > 0:
            factor *= self.fleet.warmup_factor
        replica["cold"][number] -= 1
        service = wait + cpu * factor
        counted = time >= self.window.counts_from_s
        if start - time > self.fleet.timeout_s:
            self.result = self.result._replace(timed_out=self.result.timed_out + counted)
            return
        queue.pop(0)
        bisect.insort(queue, start + service)
        self.busy_s += service
        self.wait_s += start - time
        self.cpu_s += cpu
        if counted:
            self.result.latencies.append(start - time + service)

    def run(self, picks: np.ndarray) -> Plain:
        window = self.window
        for time, cpu, wait, pick in zip(
            window.times_s.tolist(), window.cpu_s.tolist(), window.wait_s.tolist(),
            picks.tolist(), strict=True,
        ):  # fmt: skip
            self.request(time, cpu, wait, pick)
        self.settle(window.end_s)
        self.account(window.end_s)
        return self.result


def assert_equal_to_plain(spans: list[lanes.Span], fleets: list[Fleet], initial: int = 2) -> None:
    windows = lanes.shared(spans, 7)
    begin = np.full((len(fleets), len(spans)), initial)
    outcome = lanes.simulate(windows, fleets, begin)
    cpu = windows.cpu_s.sum()
    omega = float(windows.wait_s.sum()) / float(cpu) if cpu else math.inf
    for row, fleet in enumerate(fleets):
        least = min(max(initial, fleet.replicas_min), fleet.replicas_max)
        for at, window in enumerate(spans):
            picks = windows.pick[windows.first[at] : windows.first[at + 1]]
            plain = PlainFleet(fleet, window, omega, least).run(picks)
            assert (outcome.histograms(row)[at] == histogram(plain.latencies)).all(), fleet
            assert outcome.timed_out[row, at] == plain.timed_out, fleet
            assert outcome.replica_s[row, at] == pytest.approx(plain.replica_s, rel=1e-9), fleet
            assert outcome.replicas_peak[row, at] == plain.peak, fleet


def test_static_fleets_are_exactly_those_of_the_plain_simulation() -> None:
    chance = np.random.default_rng(5)
    fleets = []
    for _ in range(60):
        replicas, workers, slots = (int(chance.integers(1, top)) for top in (9, 5, 4))
        queue = ("replica", "worker")[int(chance.integers(2))]
        # Where workers have queues of their own they have processors of their own too.
        vcpu = float(chance.choice([0.5, 1.0, 2.0])) if queue == "replica" else 8.0
        fleets.append(
            Fleet(
                replicas_min=replicas, replicas_max=replicas, workers=workers,
                slots=slots if queue == "replica" else 1, vcpu=vcpu, queue=queue,
                balancer=("round-robin", "random")[int(chance.integers(2))],
                timeout_s=float(chance.choice([0.2, 1.0, 60.0])),
            )
        )  # fmt: skip
    spans = [span(1, 30, 20, 0.05, 0.05, warm=5), span(2, 60, 20, 0.05, 0.05, begin=7.0)]
    assert_equal_to_plain(spans, fleets)
    assert_equal_to_plain([span(3, 40, 20, 0.0, 0.1)], fleets)


@pytest.mark.parametrize(
    ("policy", "least"),
    [
        (Policy(kind="target-tracking", target=0.5, period_s=5.0, cooldown_in_s=20.0), 1),
        (Policy(kind="target-tracking", metric="requests", target=300.0, period_s=5.0), 1),
        (Policy(kind="step", steps=((0.6, 1.0), (0.9, 3.0), (0.3, -1.0)), period_s=10.0,
                cooldown_in_s=30.0), 1),
        (Policy(kind="hpa", target=0.6), 1),
        (Policy(kind="knative", metric="concurrency", target=1.5), 0),
        (Policy(kind="cloud-run", target=0.6), 0),
    ],
)  # fmt: skip
def test_scaled_fleets_are_exactly_those_of_the_plain_simulation(
    policy: Policy, least: int
) -> None:
    fleets = [
        Fleet(
            replicas_min=least, replicas_max=12, workers=2, slots=1, vcpu=2.0, start_s=start,
            policy=policy, timeout_s=10.0, warmup_requests=cold, warmup_factor=3.0,
            balancer=balancer,
        )
        for start, cold, balancer in ((0.0, 0, "round-robin"), (13.0, 20, "round-robin"),
                                      (31.0, 5, "random"))
    ]  # fmt: skip
    spans = [span(1, 15, 600, 0.08, 0.04, warm=60, busy=4.0), span(2, 2, 300, 0.1, 0.1)]
    assert_equal_to_plain(spans, fleets)


def test_a_fleet_scaled_to_nothing_wakes_for_a_request() -> None:
    nothing = replace(FIXED, replicas_min=0, replicas_max=3, start_s=4.0,
                      policy=Policy(kind="knative", target=1.0))  # fmt: skip
    alone = lanes.Span(0.0, 0.0, 100.0, np.array([50.0]), np.zeros(1), np.array([0.5]))
    outcome = lanes.simulate(lanes.shared([alone], 1), [nothing])
    assert (outcome.histograms(0)[0] == histogram([4.5])).all()
    assert outcome.replicas_peak[0, 0] == 1


def test_mean_and_quantiles_of_m_m_c_are_erlangs() -> None:
    servers, load = 10, 8.0
    # 4.8 million requests that count, in 240 independent windows; the spread of their means puts
    # half a per cent at more than three standard errors, and the seed is fixed.
    spans = [span(seed, load, 2600, 0.0, 1.0, warm=100) for seed in range(240)]
    fleet = Fleet(replicas_min=1, replicas_max=1, workers=servers, slots=1, vcpu=servers)
    outcome = lanes.simulate(lanes.shared(spans, 3), [fleet])
    found = quantiles(outcome.histograms(0), ranks=(0.5, 0.9, 0.95, 0.99))
    waits, decay = erlang_c(servers, load), servers - load

    def below(t: float) -> float:
        both = waits * (math.exp(-t) - math.exp(-decay * t)) / (decay - 1) * decay
        late = (1 - waits) * math.exp(-t) + waits * math.exp(-decay * t) + both
        return 1 - late

    for rank, value in zip((0.5, 0.9, 0.95, 0.99), found, strict=True):
        low, high = 0.0, 50.0
        for _ in range(60):
            middle = (low + high) / 2
            low, high = (middle, high) if below(middle) < rank else (low, middle)
        assert value == pytest.approx(low, rel=0.005)


def test_lanes_and_threads_in_any_order_say_the_same() -> None:
    chance = np.random.default_rng(9)
    spans = [span(seed, 40, 120, 0.05, 0.02, busy=2.0) for seed in range(3)]
    windows = lanes.shared(spans, 1)
    fleets = [
        replace(
            FIXED, replicas_max=9, workers=int(chance.integers(1, 5)), start_s=float(row),
            slots=int(chance.integers(1, 3)), queue=("replica", "worker")[row % 2],
            warmup_requests=10 * (row % 3), warmup_factor=2.0,
            policy=Policy(kind=("hpa", "fixed", "cloud-run")[row % 3]),
        )
        for row in range(40)
    ]  # fmt: skip
    order = chance.permutation(40)
    once = lanes.simulate(windows, fleets, threads=1)
    again = lanes.simulate(windows, [fleets[row] for row in order], threads=3)
    for one, other in zip(once, again, strict=True):
        assert (one[order] == other).all()
    few = lanes.simulate(windows, fleets[5:6])
    assert (few.table[0] == once.table[5]).all()
    assert (once.served() + once.timed_out == np.diff(windows.first)).all()


def test_more_replicas_or_workers_never_wait_longer() -> None:
    windows = lanes.shared([span(4, 50, 200, 0.0, 0.1)], 1)
    twice = [replace(FIXED, replicas_min=n, replicas_max=n) for n in (2, 4, 8, 16)]
    wider = [replace(FIXED, workers=n) for n in (2, 3, 4, 6)]
    for fleets in (twice, wider):
        outcome = lanes.simulate(windows, fleets)
        slower = np.cumsum([outcome.histograms(row)[0] for row in range(4)], axis=1)
        assert (np.diff(slower, axis=0) >= 0).all()
        assert (slower[-1] != slower[0]).any()


def test_windows_without_requests_cost_their_replicas_only() -> None:
    empty = span(1, 0.0, 90, 0.1, 0.1, warm=30)
    outcome = lanes.simulate(lanes.shared([empty], 1), [FIXED, replace(FIXED, replicas_max=3)])
    assert outcome.replica_s.tolist() == [[120.0], [120.0]]
    assert outcome.served().tolist() == [[0], [0]]
    assert lanes.simulate(lanes.shared([empty], 1), []).served().shape == (0, 1)


@pytest.mark.parametrize(
    "wrong",
    [
        {"workers": 0}, {"slots": 0}, {"vcpu": 0.0}, {"vcpu": math.nan}, {"replicas_min": 3},
        {"replicas_max": 0, "replicas_min": 0}, {"timeout_s": -1.0}, {"start_s": math.inf},
        {"balancer": "least-outstanding"}, {"policy": Policy(kind="per-request")},
        {"replicas_max": 100_000}, {"policy": Policy(kind="hpa", target=0.0)},
    ],
)  # fmt: skip
def test_fleets_that_cannot_be_are_refused(wrong: dict[str, object]) -> None:
    windows = lanes.shared([span(1, 1, 10, 0.1, 0.1)], 1)
    with pytest.raises(InputError, match=r"fleets\[1\]"):
        lanes.simulate(windows, [FIXED, replace(FIXED, **wrong)])


@pytest.mark.parametrize(
    "wrong",
    [
        {"times_s": np.array([2.0, 1.0])}, {"times_s": np.array([1.0, 20.0])},
        {"times_s": np.array([1.0, math.nan])}, {"cpu_s": np.array([-1.0, 1.0])},
        {"wait_s": np.array([math.nan, 1.0])}, {"wait_s": np.ones(3)}, {"end_s": -1.0},
        {"counts_from_s": math.nan},
    ],
)  # fmt: skip
def test_windows_that_cannot_be_are_refused(wrong: dict[str, object]) -> None:
    good = lanes.Span(0.0, 0.0, 10.0, np.array([1.0, 2.0]), np.ones(2), np.ones(2))
    with pytest.raises(InputError, match=r"spans\[1\]"):
        lanes.shared([good, good._replace(**wrong)], 1)
    with pytest.raises(InputError, match="no window"):
        lanes.shared([], 1)
