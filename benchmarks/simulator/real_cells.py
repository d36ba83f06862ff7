"""The cells of the comparison: which server, which fleet, what work, how busy."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from typing import Literal, NamedTuple

import numpy as np
import numpy.typing as npt

from seatrial.assessor.simulate.exact import Habits, Requests
from seatrial.kernel.simulation import Fleet

Floats = npt.NDArray[np.float64]
Server = Literal["sync", "gthread", "granian"]
Kind = Literal["waiting", "cpu", "mixed"]

SERVERS: tuple[Server, ...] = ("sync", "gthread", "granian")
KINDS: tuple[Kind, ...] = ("waiting", "cpu", "mixed")
RHOS = (0.5, 0.7, 0.9)

POOL_IDLE_S = 1.0
"""How long the proxy keeps an idle connection: what the local engine configures."""


class Law(NamedTuple):
    """Independent log-normal times: their means, and their deviation as a share of the mean."""

    cpu_s: float
    wait_s: float
    deviation: float = 0.8


LAWS: dict[Kind, Law] = {
    "waiting": Law(0.0, 0.040),
    "cpu": Law(0.020, 0.0),
    "mixed": Law(0.008, 0.025),
}


class Cell(NamedTuple):
    """One measured case: `replicas` of `workers` processes with `slots` requests at once each."""

    server: Server
    kind: Kind
    replicas: int
    workers: int
    slots: int
    rho: float

    @property
    def seed(self) -> int:
        """Of its own, so that one unlucky minute is not in every cell."""
        return zlib.crc32(self.name.encode())

    @property
    def by_chance(self) -> bool:
        """Whether it is chance which worker a request meets: a replay has to be told."""
        return self.server == "granian" and self.workers > 1

    @property
    def name(self) -> str:
        """As filters and tables have it."""
        shape = f"{self.replicas}x{self.workers}x{self.slots}"
        return f"{self.server}/{self.kind}/{shape}/{self.rho:g}"


class Overhead(NamedTuple):
    """What a server and the proxy add to a request, in calm: measured once for each server."""

    cpu_s: float
    added_s: float


def cells(quick: bool) -> Iterator[Cell]:
    """The matrix; quick: one level of load, and the smaller fleets."""
    for server in SERVERS:
        for kind in KINDS:
            for replicas, workers, slots in _shapes(server, kind)[: 1 if quick else None]:
                for rho in (0.7,) if quick else RHOS:
                    yield Cell(server, kind, replicas, workers, slots, rho)


def _shapes(server: Server, kind: Kind) -> tuple[tuple[int, int, int], ...]:
    """Replicas, workers, slots. One processor carries them all, so work on it has one shape."""
    if kind == "cpu":
        return ((2, 2, 1),) if server == "sync" else ((2, 1, 4),)
    if kind == "mixed":
        return ((3, 4, 1),) if server == "sync" else ((3, 1, 4),)
    return ((2, 4, 1), (4, 2, 1)) if server == "sync" else ((2, 1, 4), (4, 2, 2))


def rate_rps(cell: Cell, overhead: Overhead) -> float:
    """Requests a second: `rho` is the busy share of the slots when waiting, else of the processor.

    What the server itself computes for a request counts.
    """
    law = LAWS[cell.kind]
    if cell.kind == "waiting":
        return cell.rho * cell.replicas * cell.workers * cell.slots / (law.wait_s + overhead.cpu_s)
    return cell.rho / (law.cpu_s + overhead.cpu_s)


def draw(cell: Cell, count: int, chance: np.random.Generator) -> tuple[Floats, Floats]:
    """Processor time and waiting of so many requests, in whole microseconds."""
    law = LAWS[cell.kind]
    return _times(law.cpu_s, law.deviation, count, chance), _times(
        law.wait_s, law.deviation, count, chance
    )


def _times(mean_s: float, deviation: float, count: int, chance: np.random.Generator) -> Floats:
    if mean_s == 0.0:
        return np.zeros(count)
    spread = np.log1p(deviation**2)
    drawn = chance.lognormal(np.log(mean_s) - spread / 2, np.sqrt(spread), count)
    return np.asarray(np.round(drawn * 1e6) / 1e6, dtype=np.float64)


def fleet(cell: Cell) -> Fleet:
    """The cell as the simulator has it."""
    return Fleet(
        replicas_min=cell.replicas, replicas_max=cell.replicas, workers=cell.workers,
        slots=cell.slots, vcpu=1.0, queue="replica" if cell.server == "sync" else "worker",
        timeout_s=60.0, start_s=0.0,
    )  # fmt: skip


def habits(cell: Cell) -> Habits:
    """One processor carries all replicas, the proxy keeps connections, and workers accept so."""
    accept: Literal["chance", "turns"] = "turns" if cell.server == "gthread" else "chance"
    return Habits(machine_vcpu=1.0, pool_idle_s=POOL_IDLE_S, accept=accept)


def requests(arrival_s: Floats, cpu_s: Floats, wait_s: Floats, overhead: Overhead) -> Requests:
    """What a replay takes: the server's own computing goes with the request's."""
    return Requests(arrival_s, np.zeros(len(arrival_s), np.int64), cpu_s + overhead.cpu_s, wait_s)
