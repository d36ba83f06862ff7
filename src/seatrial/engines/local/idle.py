"""Starting a component that answers no requests, until it has nothing to do any more."""

from __future__ import annotations

import os
import time
from pathlib import Path

from seatrial.engines import runner
from seatrial.engines.engine import Release
from seatrial.engines.local import launch
from seatrial.engines.local.sandbox import Sandbox
from seatrial.kernel.errors import DeployError
from seatrial.kernel.values import Value

_LOOK_S = 0.25
_QUIET_LOOKS = 6
_BUSY_SHARE = 0.03
"""A process that uses less of a processor than this only waits."""


class Idle(Value):
    """A component that waits for work: after how many seconds, and its processes outside."""

    idle_s: float
    pids: tuple[int, ...]


def idle(release: Release, box: Sandbox, timeout_s: float) -> Idle:
    """Start `release.command` and wait until it uses no processor time.

    It runs until the sandbox ends. Raises DeployError when it ends by itself, or is still busy
    after `timeout_s` seconds.
    """
    log = box.layout.log("boot")
    launch.rotate(log)
    began = time.monotonic()
    with runner.open_log(log) as file:
        offset = file.seek(0, os.SEEK_END)
    folder = Path(release.source_dir)
    env = box.env_of(release) | {"PYTHONPATH": str(folder / release.app_dir)}
    pid = box.spawn(release.command, env=env, cwd=folder, log=log)
    quiet, quiet_since, used = 0, 0.0, 0.0
    while time.monotonic() - began < timeout_s:
        time.sleep(_LOOK_S)
        code = box.exit_code(pid)
        if code is not None:
            text = launch.end_of_log(log, release, offset)
            raise DeployError(
                f"it ended with {box.verdict or runner.describe_exit(code)}\n{text}",
                where=str(log), fix=launch.fix_for(text),
            )  # fmt: skip
        now_used = box.cpu_s(pid)
        if now_used - used > _BUSY_SHARE * _LOOK_S:
            quiet = 0
        elif quiet == 0:
            quiet, quiet_since = 1, time.monotonic() - _LOOK_S
        else:
            quiet += 1
        used = now_used
        if quiet >= _QUIET_LOOKS:
            return Idle(idle_s=round(quiet_since - began, 3), pids=box.tree(pid))
    raise DeployError(f"it was still busy after {timeout_s:.0f} s", where=str(log))
