"""One replica under the runtime, without proxy or engine process: what measuring an app needs."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from seatrial.engines import commands, runner
from seatrial.engines.engine import Release
from seatrial.engines.local import launch
from seatrial.engines.local.sandbox import Limits, Sandbox, sandbox
from seatrial.kernel.errors import DeployError, SeatrialError, TransientError
from seatrial.kernel.values import Value

_PORT_TRIES = 5
_POLL_S = 0.02
_GRACE_S = 5.0


class Booted(Value):
    """A replica that is ready. `boot_s` is from process start to its first good answer.

    It is reached with `dial`, whose argument-less call opens a connection to the app: its
    `url` may lead nowhere outside the sandbox. Pids are those outside; `tree` are all processes
    of the replica.
    """

    url: str
    boot_s: float
    dial: Callable[[], socket.socket]
    ask: Callable[[str], tuple[int, bytes]]
    worker_pids: Callable[[], tuple[int, ...]]
    tree: Callable[[], tuple[int, ...]]


@contextlib.contextmanager
def boot(
    release: Release, root: Path, box: Sandbox | None = None, *, port: int = 0
) -> Iterator[Booted]:
    """Run one replica of `release` for the length of a `with` block.

    It runs in `box`, or in a sandbox of its own with the usual limits; on `port`, or on a free
    one. It is ended on every way out. Raises DeployError when it does not become ready, and in
    place of an error of the block when the reason is that the app broke a limit.
    """
    with contextlib.ExitStack() as stack:
        if box is None:
            box = stack.enter_context(sandbox(root, Limits()))
        launch.make_data_folder(release)
        log = box.layout.log("boot")
        launch.rotate(log)
        pid, ports, boot_s = _start(release, box, log, port)
        try:
            yield _booted(box, pid, ports, boot_s)
        except SeatrialError as error:
            raise _broken_limit(box, log) or error from None
        finally:
            with contextlib.suppress(DeployError):
                box.signal(pid, signal.SIGTERM)
                if box.wait(pid, _GRACE_S) is None:
                    box.signal(pid, signal.SIGKILL)


def _booted(box: Sandbox, pid: int, ports: tuple[int, int], boot_s: float) -> Booted:
    def worker_pids() -> tuple[int, ...]:
        try:
            inner = launch.ask_worker_pids(ports[1], box.get)
        except TransientError:
            return ()
        return tuple(found for one in inner if (found := box.host_pid(one)) is not None)

    return Booted(
        url=f"http://127.0.0.1:{ports[0]}",
        boot_s=boot_s,
        dial=lambda: box.dial(ports[0]),
        ask=lambda target: box.get(ports[1], target),
        worker_pids=worker_pids,
        tree=lambda: box.tree(pid),
    )


def _start(
    release: Release, box: Sandbox, log: Path, port: int
) -> tuple[int, tuple[int, int], float]:
    """The pid inside, the app's and the management port, and the seconds until ready."""
    env = box.env_of(release)
    for _ in range(_PORT_TRIES):
        free = box.free_ports(2)
        ports = (port or free[0], free[1])
        with runner.open_log(log) as file:
            offset = file.seek(0, os.SEEK_END)
        # A folder without Python files; see `commands.replica`.
        argv = commands.replica(release, *ports)
        pid = box.spawn(argv, env=env, cwd=box.layout.logs, log=log)
        boot_s = _await_ready(release, box, pid, ports[1], log, offset)
        if boot_s is not None:
            return pid, ports, boot_s
    raise DeployError(f"no free ports in {_PORT_TRIES} tries", where=str(log))


def _await_ready(
    release: Release, box: Sandbox, pid: int, management_port: int, log: Path, offset: int
) -> float | None:
    """Seconds until ready; None when the ports were taken by somebody else meanwhile."""
    deadline = time.monotonic() + release.start_timeout_s + _GRACE_S
    while True:
        code = box.exit_code(pid)
        if code is not None:
            broken = _broken_limit(box, log)
            if broken is not None:
                raise broken
            if launch.lost_its_port(code, runner.tail(log, offset)):
                return None
            text = launch.end_of_log(log, release, offset)
            raise DeployError(
                f"the app ended with {runner.describe_exit(code)} before it was ready\n{text}",
                where=str(log),
                fix=launch.fix_for(text),
            )
        told = launch.ask_replica(management_port, box.get)
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


def _broken_limit(box: Sandbox, log: Path) -> DeployError | None:
    verdict = box.verdict
    if not verdict:
        return None
    return DeployError(
        f"the app was ended while it was measured: {verdict}", where=str(log),
        fix="raise the limit with --measure-memory-mib, or see why the app needs so much",
    )  # fmt: skip
