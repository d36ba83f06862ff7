"""Design: one complete candidate. It leaves no choice open."""

from __future__ import annotations

from functools import cached_property
from typing import Literal

from seatrial.kernel.platform import ON_DEMAND
from seatrial.kernel.values import Value

THREADS = 8
"""Threads per worker, the runtime's default."""


class Attached(Value):
    """A managed service the design uses, by kind, with its size and what is said of its options.

    Options that are not given keep the default of the catalogue's service. Without one that is
    `spare` the app still answers, so its availability does not count.
    """

    kind: str
    size: str = ""
    options: dict[str, str] = {}
    spare: bool = False


class Database(Value):
    """A managed PostgreSQL: instance class, storage, and a standby in another zone or none."""

    instance: str
    storage_gib: int = 20
    multi_az: bool = False

    @property
    def attached(self) -> Attached:
        """The database as the managed service that it is bought as."""
        options = {
            "deployment": "multi-az" if self.multi_az else "single-az",
            "storage_gib": str(self.storage_gib),
        }
        return Attached(kind="postgresql", size=self.instance, options=options)


class Beside(Value):
    """A component that runs beside the one that answers requests: a worker, a scheduler.

    `replicas` of `size` run all month, each with `vcpu` and `memory_mib`; `servers` are bought for
    them where servers are bought. `busy_hours_month` are the hours in which they work on tasks,
    all together; none where nobody said how much there is to do.
    """

    component: str
    kind: Literal["worker", "scheduler"]
    size: str
    vcpu: float
    memory_mib: int
    replicas: int = 1
    servers: int = 0
    busy_hours_month: float | None = None


class Standby(Value):
    """What waits in a second region for the first to be lost: one replica, and copies of databases.

    `lag_s` is how far the copies are behind at most; none where there is nothing to copy.
    """

    region: str
    lag_s: float | None = None


class Design(Value, dict=True):
    """Platform, region, size, replicas, process model and data services.

    `vcpu` and `memory_mib` are what ONE replica gets; `size` is the name under which it is
    bought (a task size, an instance type). `replicas_min` run all day, `replicas_max` at most.
    `servers` counts the machines bought where replicas share machines, else 0. `commitment` is
    what the replicas that run all day are bought under; those above them are on demand. `beside`
    are the app's other components, bought under the same terms; `standby` is in another region.
    """

    platform: str
    region: str
    size: str
    vcpu: float
    memory_mib: int
    replicas_min: int
    replicas_max: int
    workers: int
    threads: int
    servers: int = 0
    arch: Literal["x86_64", "arm64"] = "x86_64"
    database: Database | None = None
    services: tuple[Attached, ...] = ()
    beside: tuple[Beside, ...] = ()
    standby: Standby | None = None
    commitment: str = ON_DEMAND

    @cached_property
    def attached(self) -> tuple[Attached, ...]:
        """All managed services of the design, the database among them."""
        if self.database is None:
            return self.services
        return (self.database.attached, *self.services)

    @cached_property
    def id(self) -> str:
        """A readable name, unique within a plan."""
        name = f"{self.platform}/{self.region}/{self.size}x{self.replicas_min}"
        if self.replicas_max != self.replicas_min:
            name += f"-{self.replicas_max}"
        if self.servers:
            name += f"on{self.servers}"
        # Functions have one of both; a worker per processor with the usual threads goes unsaid.
        if self.threads != 1 and self.workers != max(1, int(self.vcpu)):
            name += f"w{self.workers}"
        if self.threads not in (1, THREADS):
            name += f"t{self.threads}"
        if self.database:
            name += f"+{self.database.instance}" + ("-multi-az" if self.database.multi_az else "")
        for service in self.services:
            name += f"+{service.kind}" + (f":{service.size}" if service.size else "")
            name += "".join(f",{key}={value}" for key, value in sorted(service.options.items()))
        for part in self.beside:
            name += f"+{part.component}:{part.size}x{part.replicas}"
        if self.standby:
            name += f"+standby:{self.standby.region}"
        if self.arch != "x86_64":
            name += f"/{self.arch}"
        if self.commitment != ON_DEMAND:
            name += f"/{self.commitment}"
        return name
