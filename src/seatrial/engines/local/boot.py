"""One replica under the runtime, without proxy or engine process: what measuring an app needs."""

from __future__ import annotations

import contextlib
import os
import secrets
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from seatrial.engines import commands, processes, runner
from seatrial.engines.engine import Release
from seatrial.engines.local import launch
from seatrial.engines.local.layout import layout_of
from seatrial.engines.processes import Identity
from seatrial.kernel.errors import DeployError
from seatrial.kernel.values import Value

_PORT_TRIES = 5
_POLL_S = 0.02
_GRACE_S = 5.0


class Booted(Value):
    """A replica that is ready. `boot_s` is from process start to its first good answer."""

    url: str
    management_url: str
    boot_s: float
    pid: int
    worker_pids: Callable[[], tuple[int, ...]]


@contextlib.contextmanager
def boot(release: Release, root: Path) -> Iterator[Booted]:
    """Run one replica of `release` for the length of a `with` block.

    It is ended on every way out, KeyboardInterrupt included; when this process itself is killed,
    the next stop under the same root ends it. Raises DeployError when it does not become ready.
    """
    layout = layout_of(root)
    layout.create()
    launch.make_data_folder(release)
    name = f"boot-{secrets.token_hex(4)}"
    marked = commands.marks(layout.mark + name, "boot", owner=str(processes.me()))
    log = layout.log("boot")
    launch.rotate(log)
    started: list[Identity] = []
    try:
        for attempt in range(_PORT_TRIES):
            ports = runner.free_ports(2)
            with runner.open_log(log) as file:
                offset = file.seek(0, os.SEEK_END)
            identity = runner.spawn(
                commands.replica(release, ports[0], ports[1]),
                cwd=layout.logs,
                env=commands.replica_env(release, os.environ, marked),
                log=log,
                steps=layout.steps,
            )
            started.append(identity)
            boot_s = _await_ready(release, identity, ports[1], log, offset)
            if boot_s is not None:
                break
            if attempt == _PORT_TRIES - 1:
                raise DeployError(f"no free ports in {_PORT_TRIES} tries", where=str(log))
        assert boot_s is not None
        yield Booted(
            url=f"http://127.0.0.1:{ports[0]}",
            management_url=f"http://127.0.0.1:{ports[1]}",
            boot_s=boot_s,
            pid=identity.pid,
            worker_pids=lambda: launch.ask_worker_pids(ports[1]),
        )
    finally:
        processes.terminate(started, _GRACE_S, runner.reap)
        own = processes.marked(layout.mark + name, started, owned=True)
        processes.terminate((item.identity for item in own), _GRACE_S, runner.reap)


def _await_ready(
    release: Release, identity: Identity, management_port: int, log: Path, offset: int
) -> float | None:
    """Seconds until ready; None when the ports were taken by somebody else meanwhile."""
    deadline = time.monotonic() + release.start_timeout_s
    told = launch.Readiness(ready=False)
    while True:
        code = runner.exit_code(identity)
        if code is not None:
            if launch.lost_its_port(code, runner.tail(log, offset)):
                return None
            text = launch.end_of_log(log, release, offset)
            raise DeployError(
                f"the app ended with {runner.describe_exit(code)} before it was ready\n{text}",
                where=str(log),
                fix=launch.fix_for(text),
            )
        told = launch.ask_replica(management_port)
        if told.ready and told.boot_s is not None:
            return told.boot_s
        if time.monotonic() > deadline:
            text = launch.end_of_log(log, release, offset)
            raise DeployError(
                f"the app was not ready within {release.start_timeout_s:g} s: "
                f"{told.reason}\n{text}",
                where=str(log),
                fix="see its log",
            )
        time.sleep(_POLL_S)
