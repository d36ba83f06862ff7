"""Deployment: an app running somewhere."""

from __future__ import annotations

from typing import Literal

from seatrial.kernel.values import Value

ProcessState = Literal["starting", "ready", "not-ready", "dead"]


class Process(Value):
    """One process of a deployment, as found when asked.

    `address` is where it listens; `restarts` how often the engine had to start it again;
    `detail` the reason when it is not ready.
    """

    role: Literal["replica", "proxy", "engine"]
    name: str
    pid: int | None
    state: ProcessState
    address: str = ""
    restarts: int = 0
    detail: str = ""


class Deployment(Value):
    """What runs, and whether it can serve.

    `healthy` is true when the proxy and all wanted replicas are ready; `serving` when at least
    one request path from the proxy to a replica works.
    """

    id: str
    engine: str
    app: str
    url: str
    replicas_wanted: int
    healthy: bool
    serving: bool
    processes: tuple[Process, ...]
    log_dir: str
