"""Design: one complete candidate. It leaves no choice open."""

from __future__ import annotations

from typing import Literal

from seatrial.kernel.values import Value


class Database(Value):
    """A managed PostgreSQL: instance class, storage, and a standby in another zone or none."""

    instance: str
    storage_gib: int = 20
    multi_az: bool = False


class Design(Value):
    """Platform, region, size, replicas, process model and data services.

    `vcpu` and `memory_mib` are what ONE replica gets; `size` is the name under which it is
    bought (a task size, an instance type). `replicas_min` run all day, `replicas_max` at most.
    `servers` counts the machines bought where replicas share machines, else 0.
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
    database: Database | None = None
    commitment: Literal["on-demand"] = "on-demand"

    @property
    def id(self) -> str:
        """A readable name, unique within a plan."""
        name = f"{self.platform}/{self.region}/{self.size}x{self.replicas_min}"
        if self.replicas_max != self.replicas_min:
            name += f"-{self.replicas_max}"
        if self.servers:
            name += f"on{self.servers}"
        if self.database:
            name += f"+{self.database.instance}" + ("-multi-az" if self.database.multi_az else "")
        return name
