"""The narrow seam: what every engine can do, and the values that cross it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import msgspec

from seatrial.kernel.deployment import Deployment
from seatrial.kernel.simulation import Policy
from seatrial.kernel.values import Value
from seatrial.kernel.workload import Interface

Progress = Callable[[str], None]
"""Told one short line for people whenever something visible happens."""


SCALING = ("target-tracking", "hpa")
"""The policies that need no more than the processors of the replicas."""


class Release(Value):
    """Everything an engine needs to run one version of an app; leaves no choice open.

    `entry` is `module:attr` for an app object; where `interface` is `command`, `command` is the
    program, with `{port}` where its port goes, and `port_env` names variables that tell it too.
    `python` is the interpreter of the app's environment, which has the runtime installed.
    `source_dir` is an immutable copy of the app with its build outputs, `app_dir` the folder in
    it that goes on `sys.path`. `env` is given to the app and may hold secrets: it is never
    written to disk, to a log or to a command line. `data_env` names the variable that tells the
    app where `data_dir` is; the data folder outlives every release. A `sticky` app keeps
    sessions in its replica: a visitor has to come back to the same one. `replicas` run at least;
    with a `replicas_max` above that `scaling` decides how many, as the platforms do.
    """

    app: str
    entry: str
    interface: Interface = "wsgi"
    command: tuple[str, ...] = ()
    port_env: tuple[str, ...] = ()
    factory: bool = False
    app_dir: str = "."
    ready_path: str = "/"
    python: str
    source_dir: str
    env: dict[str, str] = msgspec.field(default_factory=dict)
    data_env: str = ""
    data_dir: str = ""
    sticky: bool = False
    replicas: int = 2
    replicas_max: int = 0
    scaling: Policy = Policy(kind="target-tracking")
    workers: int = 1
    threads: int = 8
    port: int = 8080
    graceful_timeout_s: int = 30
    start_timeout_s: float = 120.0

    def __repr__(self) -> str:
        """Without the values of `env`: a release may end up in a log or a traceback."""
        return f"Release(app={self.app!r}, entry={self.entry!r}, env={sorted(self.env)})"


class Ended(Value):
    """One process that a stop ended; `killed` when it did not go when asked."""

    role: str
    pid: int
    killed: bool = False


class StopReport(Value):
    """What a stop found and ended. Nothing found is no error: `ended` is then empty."""

    ended: tuple[Ended, ...] = ()
    notes: tuple[str, ...] = ()


class Engine(Protocol):
    """Runs one deployment of one app. Every method raises from `kernel.errors` only."""

    def deploy(self, release: Release, *, progress: Progress) -> Deployment:
        """Start `release` and return once it serves.

        On any failure nothing of it is left running. Raises DeployError when the app does not
        become ready or a deployment runs already, PortInUseError, InputError, StorageError,
        and TransientError while another command works on the same deployment.
        """

    def status(self) -> Deployment | None:
        """What runs, asked now and not remembered; None when nothing is deployed."""

    def stop(self, *, progress: Progress) -> StopReport:
        """End everything the engine ever started here; data and logs stay. Repeatable."""
