"""One exact replay of recorded or drawn requests through a fleet, event by event.

What it assumes, beside what `replay_serve` says of processors:
- A client gives up `timeout_s` after it asked. The fleet does not notice: what has reached a
  replica is served to its end, as application servers do, and that capacity is lost.
- A client that failed asks again after a growing pause, `retries` times. Its latency counts from
  its first attempt to its last answer.
- Connections: `clients` of them ask in turn by chance; each opens a new connection once in
  `connection_requests` requests, which goes where the balancer says, and keeps to it.
- Each zone has a proxy of its own, which all replicas are behind; it counts its own turns and
  its own outstanding requests.
- Replicas of the start are warm. A replica that scaling takes away serves what it has; a replica
  that a zone takes with it fails what it has.
- Functions (`per-request`): one request an instance. A request that finds no idle instance starts
  one and waits for that one; the instance used last is used first.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal, NamedTuple

import numpy as np
import numpy.typing as npt

from seatrial.assessor.simulate import replay as kernel
from seatrial.assessor.simulate import replay_fleet
from seatrial.assessor.simulate import replay_state as state
from seatrial.assessor.simulate.replay_check import (
    check_fleet,
    check_habits,
    check_outages,
    check_requests,
)
from seatrial.assessor.simulate.replay_policy import Reading, Step, policy_of
from seatrial.kernel.errors import InputError
from seatrial.kernel.simulation import Fleet
from seatrial.kernel.values import Value

Floats = npt.NDArray[np.float64]

OK, REJECTED, TIMED_OUT, FAILED = state.OK, state.REJECTED, state.TIMED_OUT, state.FAILED

BALANCERS = {
    "round-robin": state.ROUND_ROBIN,
    "least-outstanding": state.LEAST_OUTSTANDING,
    "random": state.RANDOM,
}
HOLDING = ("knative", "cloud-run")
"""Platforms that keep a request until a replica is up; at others there is nobody to answer."""

ROOM = 1024


class Habits(Value):
    """What the contract of a fleet leaves open, with what is taken for it.

    `backoff_s` before the first retry, doubling, times 0.5 to 1.5; `recycle_s` until a recycled
    worker accepts again (measured: 0.4 to 1.1 s with gunicorn and granian); `idle_s` an unused
    function instance stays; `cpu_first` share of the processor time spent before the wait;
    `gil` false lets each computing slot have a processor of its own; `clients` with connections.
    `machine_vcpu` processors carry all replicas together, in place of `vcpu` each (0: they do
    not). A proxy keeps its connections to a worker for `pool_idle_s` and sends on the one used
    last (0: as `Fleet.connection_requests` says). New connections to a replica whose workers have
    their own queues are accepted by `chance` (measured: granian, whose sockets the kernel chooses
    by a hash) or by `turns` (gunicorn gthread: the worker that ran last comes last).
    """

    backoff_s: float = 1.0
    recycle_s: float = 1.0
    idle_s: float = 600.0
    cpu_first: float = 1.0
    gil: bool = True
    clients: int = 64
    machine_vcpu: float = 0.0
    pool_idle_s: float = 0.0
    accept: Literal["chance", "turns"] = "chance"


USUAL = Habits()


class Requests(NamedTuple):
    """What is replayed: when each request comes, its route, and its two kinds of work."""

    arrival_s: Floats
    route: npt.NDArray[np.int64]
    cpu_s: Floats
    wait_s: Floats


class Outage(NamedTuple):
    """A zone is lost with its replicas at `at_s` and takes new ones again from `until_s` on."""

    at_s: float
    until_s: float
    zone: int = 0


class Counts(NamedTuple):
    """How many requests ended how, and what happened to the fleet on the way.

    `attempts` are requests and their retries, `wasted` the attempts served to nobody.
    """

    ok: int
    rejected: int
    timed_out: int
    failed: int
    attempts: int
    wasted: int
    cold_starts: int
    recycles: int
    drained: int


class Replay(NamedTuple):
    """What became of each request, and what the fleet did in each second.

    By second, up to `duration_s`: the means of replicas (starting, ready and draining, which is
    what is paid), of replicas ready, of processors busy, and of requests whose clients wait.
    `busy_s` and `replica_s` are totals until then, or until the last attempt was served if later.
    """

    outcome: npt.NDArray[np.int64]
    latency_s: Floats
    replicas: Floats
    ready: Floats
    busy: Floats
    in_flight: Floats
    busy_s: float
    replica_s: float
    counts: Counts


def replay(
    fleet: Fleet,
    requests: Requests,
    *,
    seed: int = 0,
    step: Step | None = None,
    period_s: float = 0.0,
    duration_s: float | None = None,
    outages: Sequence[Outage] = (),
    habits: Habits = USUAL,
) -> Replay:
    """Play the requests through the fleet until each has ended and every attempt is served.

    `step` is asked every `period_s` how many replicas there shall be, in place of the fleet's
    own policy. The same arguments give the same bits.
    """
    check_fleet(fleet)
    check_habits(habits, fleet, outages)
    check_requests(requests)
    check_outages(outages, fleet.zones)
    if step is None or fleet.policy.kind == "per-request":
        step, period_s = policy_of(fleet)
    if step is not None and not 0 < period_s < math.inf:
        raise InputError(f"a policy cannot look every {period_s} s", where="policy.period_s",
                         fix="give a period above zero")  # fmt: skip
    if duration_s is None:
        duration_s = float(requests.arrival_s[-1]) if len(requests.arrival_s) else 0.0
    world = _world(fleet, requests, seed, math.ceil(duration_s), habits)
    return _result(_Driver(world, fleet, step, period_s, outages).run())


class _Driver:
    """Runs a world from one decision or outage to the next."""

    def __init__(
        self, world: state.World, fleet: Fleet, step: Step | None, period_s: float,
        outages: Sequence[Outage],
    ) -> None:  # fmt: skip
        self.world, self.fleet, self.step, self.period_s = world, fleet, step, period_s
        self.desired = fleet.replicas_min
        self.losses = [(o.at_s, o.zone, True) for o in outages]
        self.losses += [(o.until_s, o.zone, False) for o in outages]
        self.losses.sort()
        self.before = (0.0, 0.0, 0.0, 0.0, 0.0, 0.0)

    def run(self) -> state.World:
        """Until every request has ended and every attempt is served."""
        tick = 1
        while True:
            look = tick * self.period_s if self.step is not None else math.inf
            loss = self.losses[0][0] if self.losses else math.inf
            self._advance(min(look, loss))
            if self._over():
                break
            assert min(look, loss) < math.inf, "requests are left, and nothing happens any more"
            if loss <= look and self.losses:
                self._lose()
            elif self.step is not None:
                tick += 1
                self._decide(self.step)
        return self.world

    def _over(self) -> bool:
        hub = self.world.hub[0]
        served = hub["finished"] == len(self.world.requests) and hub["alive"] == 0
        return bool(served and hub["now"] >= hub["end"])

    def _advance(self, until: float) -> None:
        while kernel.advance(self.world, until) == kernel.GROW:
            self._grow(0)

    def _grow(self, timers: int) -> None:
        """Twice the room for attempts and timers, where little is left."""
        world, hub = self.world, self.world.hub[0]
        if hub["attempts"] >= len(world.attempts):
            more = np.zeros(len(world.attempts) + ROOM, state.ATTEMPT)
            world = world._replace(attempts=np.concatenate([world.attempts, more]))
        slots = int(hub["leaves"] * hub["workers"] * hub["slots"])
        if hub["timers"] + timers + slots + kernel.SPARE > len(world.timers):
            more = np.zeros(len(world.timers) + timers + slots + ROOM, state.TIMER)
            world = world._replace(timers=np.concatenate([world.timers, more]))
        self.world = world

    def _lose(self) -> None:
        """A zone is lost or comes back, and scaling sees to the replicas that are missing."""
        _, zone, lost = self.losses.pop(0)
        self._grow(int(self.world.hub[0]["open"]))
        if lost:
            replay_fleet.change(self.world, replay_fleet.LOSE_ZONE, zone)
        else:
            self.world.zones["down"][zone] = 0
        if self.fleet.policy.kind != "per-request":
            replay_fleet.change(self.world, replay_fleet.SCALE, self.desired)

    def _decide(self, step: Step) -> None:
        """Ask the policy and do what it wants, within the fleet's bounds."""
        wanted = step(self._reading())
        least = self.fleet.replicas_min
        if self.world.queues["length"][-1] > 0:
            least = max(least, 1)
        self.desired = int(min(max(wanted, least), self.fleet.replicas_max))
        self._grow(0)
        replay_fleet.change(self.world, replay_fleet.SCALE, self.desired)

    def _reading(self) -> Reading:
        hub = self.world.hub[0]
        now = (
            float(hub["now"]), float(hub["busy_s"]), float(hub["running_s"]),
            float(hub["ready_s"]), float(hub["open_s"]), float(hub["attempts"]),
        )  # fmt: skip
        span, busy, running, ready, flight, asked = (
            a - b for a, b in zip(now, self.before, strict=True)
        )
        self.before = now
        return Reading(
            now_s=now[0], span_s=span,
            # A start on demand, at a platform that holds requests, is a decision already made.
            desired=max(self.desired, min(1, int(hub["starting"] + hub["ready"]))),
            ready=int(hub["ready"]),
            cpu=busy / (running * self.fleet.vcpu) if running > 0 else -1.0,
            busy=busy / span,
            requests_minute=asked * 60.0 / ready if ready > 0 else -1.0,
            in_flight=flight / span,
        )  # fmt: skip


def _world(
    fleet: Fleet, requests: Requests, seed: int, seconds: int, habits: Habits
) -> state.World:
    """The arrays of a replay at time zero, the first replicas about to be ready."""
    functions = fleet.policy.kind == "per-request"
    workers, slots = (1, 1) if functions else (fleet.workers, fleet.slots)
    # Draining replicas keep their places while others start.
    places = max(1, fleet.replicas_max if functions else 2 * fleet.replicas_max + 8)
    count, zones = len(requests.arrival_s), max(1, fleet.zones)
    asked = np.zeros(count, state.REQUEST)
    asked["arrival"], asked["cpu"], asked["wait"] = (
        requests.arrival_s, requests.cpu_s, requests.wait_s,
    )  # fmt: skip
    asked["latency"], asked["outcome"] = -1.0, state.OPEN
    hub = np.zeros(1, state.HUB)
    _settle_in(hub, fleet, habits, functions, places)
    hub["chance"] = np.uint64(seed % 2**64)
    hub["free"], hub["end"] = places, seconds
    leaves = 1 << max(0, places - 1).bit_length()
    connections = np.zeros(habits.clients, state.CONNECTION)
    connections["replica"] = state.NOBODY
    workers_all = np.zeros(places * workers, state.WORKER)
    workers_all["due"] = np.inf
    world = state.World(
        hub=hub, requests=asked, attempts=np.zeros(count + ROOM, state.ATTEMPT),
        replicas=np.zeros(places, state.REPLICA),
        workers=workers_all,
        queues=np.zeros(places * workers + 1, state.QUEUE),
        timers=np.zeros(places * workers * slots + ROOM, state.TIMER),
        slots=np.zeros((places * workers, slots), state.TIMER),
        due=np.full(2 * leaves, np.inf), up=np.zeros(places, np.int64),
        free=np.arange(places, dtype=np.int64)[::-1].copy(), turns=np.zeros(zones, np.int64),
        outstanding=np.zeros((zones, places), np.int64), connections=connections,
        zones=np.zeros(zones, state.ZONE), seconds=np.zeros(seconds, state.SECOND),
    )  # fmt: skip
    replay_fleet.change(world, replay_fleet.START, fleet.replicas_min)
    if hub["recycle_requests"][0] > 0:
        # Workers that have run for long are at any point of their lives.
        chance = np.random.default_rng(seed)
        lives = chance.integers(1, fleet.recycle_requests, len(world.workers), endpoint=True)
        world.workers["left"] = lives
    return world


def _settle_in(
    hub: npt.NDArray[np.void], fleet: Fleet, habits: Habits, functions: bool, places: int
) -> None:
    """Write the settings of a fleet into the hub."""
    settings: dict[str, float] = {
        "balancer": BALANCERS[fleet.balancer], "shared": fleet.queue == "replica" or functions,
        "workers": 1 if functions else fleet.workers, "slots": 1 if functions else fleet.slots,
        "vcpu": habits.machine_vcpu or fleet.vcpu, "gil": habits.gil, "cpu_first": habits.cpu_first,
        "queue_max": fleet.queue_max, "timeout_s": fleet.timeout_s, "retries": fleet.retries,
        "backoff_s": habits.backoff_s, "warmup_requests": fleet.warmup_requests,
        "warmup_factor": fleet.warmup_factor,
        "recycle_requests": 0 if functions else fleet.recycle_requests,
        "recycle_s": habits.recycle_s, "start_s": fleet.start_s, "proxies": max(1, fleet.zones),
        "per_request": functions, "hold": fleet.policy.kind in HOLDING,
        "idle_s": habits.idle_s, "replicas_min": fleet.replicas_min,
        "replicas_max": fleet.replicas_max, "new_connection": 1.0 / fleet.connection_requests,
        "connections": habits.clients, "leaves": places, "pooled": habits.machine_vcpu > 0,
        "by_turns": habits.accept == "turns",
        "pool_idle_s": habits.pool_idle_s if fleet.queue == "worker" else 0.0,
    }  # fmt: skip
    for name, value in settings.items():
        hub[name] = value


def _result(world: state.World) -> Replay:
    hub, asked, seconds = world.hub[0], world.requests, world.seconds
    assert hub["broken"] == 0 and hub["finished"] == len(asked), "a request ended twice, or never"
    ended = np.bincount(asked["outcome"], minlength=4)
    counts = Counts(
        *(int(n) for n in ended),
        *(int(hub[name]) for name in Counts._fields[4:]),
    )
    return Replay(
        outcome=asked["outcome"].copy(), latency_s=asked["latency"].copy(),
        replicas=seconds["replicas"].copy(), ready=seconds["ready"].copy(),
        busy=seconds["busy"].copy(), in_flight=seconds["open"].copy(),
        busy_s=float(hub["busy_s"]), replica_s=float(hub["replica_s"]), counts=counts,
    )  # fmt: skip
