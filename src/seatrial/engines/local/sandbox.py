"""A place where an app runs to be measured: bounded, without a way out, and gone afterwards."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import socket
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import psutil

from seatrial.engines import commands, processes, runner
from seatrial.engines.engine import Release
from seatrial.engines.local import guard
from seatrial.engines.local.layout import Layout, layout_of
from seatrial.engines.processes import Identity
from seatrial.kernel.errors import DeployError, ToolError, TransientError
from seatrial.kernel.values import Value

PROCESSES_MAX = 512
_GRACE_S = 5.0
_ANSWER_S = 30.0


class Limits(Value):
    """What a measured app may use. `memory_mib` 0 means 80 % of what is free now.

    `time_s` bounds the measurement, from the first boot to its end.
    """

    memory_mib: int = 0
    processes: int = PROCESSES_MAX
    time_s: float = 900.0
    allow_network: bool = False

    @property
    def memory(self) -> int:
        """The limit on memory in MiB, settled."""
        return self.memory_mib or int(psutil.virtual_memory().available * 0.8 / 2**20)


class Sandbox:
    """The outside of the guard's door. Every method may raise what `_ask` does.

    `own_pids` says that processes inside have other numbers than outside, `network_cut` that no
    way leads out of it and `reason` why one does; `nobody` that a process which must not be root
    belongs to the user `nobody`.
    """

    def __init__(
        self,
        door: socket.socket,
        guarded: Identity,
        layout: Layout,
        scratch: Path,
        mark: str,
        may_reach_out: bool,
    ) -> None:
        self._door, self._guard = door, guarded
        self._lock = threading.Lock()
        self._rest = b""
        self._host_pids: dict[int, int] = {}
        self.layout = layout
        self.scratch = scratch
        self.mark = mark
        hello, _ = self._read()
        self.own_pids = bool(hello["own_pids"])
        self.network_cut = bool(hello["network_cut"])
        self.reason = str(hello["reason"])
        self.nobody = bool(hello["nobody"])
        self._verdict = ""
        self.may_reach_out = may_reach_out

    def env_of(self, release: Release) -> dict[str, str]:
        """The environment that what is measured gets, its folders made."""
        for name in ("home", "tmp"):
            (self.scratch / name).mkdir(mode=0o700, exist_ok=True)
        offline = not self.may_reach_out
        env = commands.measured_env(
            release, os.environ, self.scratch, offline=offline, cut=self.network_cut
        )
        return env | commands.marks(self.mark, "boot", str(processes.me()))

    def cpu_s(self, pid: int) -> float:
        """Processor time so far of a process that was started inside and of all below it."""
        total = 0.0
        for one in self.tree(pid):
            with contextlib.suppress(psutil.Error):
                times = psutil.Process(one).cpu_times()
                total += times.user + times.system
        return total

    def spawn(
        self,
        argv: Sequence[str],
        *,
        env: Mapping[str, str],
        cwd: Path,
        log: Path,
        stdin: str = "",
        plain_user: bool = False,
    ) -> int:
        """Start a process inside; returns its pid there. Raises ToolError when it cannot be."""
        runner.open_log(log).close()
        runner.record(self.layout.steps, argv=list(argv), cwd=str(cwd), inside=self.mark)
        answer, _ = self._ask(
            "spawn", argv=list(argv), env=dict(env), cwd=str(cwd), log=str(log), stdin=stdin,
            plain_user=plain_user,
        )  # fmt: skip
        if "error" in answer:
            raise ToolError(f"cannot start {argv[0]}: {answer['error']}", where=str(log))
        return int(answer["pid"])

    def exit_code(self, pid: int) -> int | None:
        """How a process that was started inside ended; none while it runs."""
        code = self._ask("poll", pid=pid)[0].get("code")
        return None if code is None else int(code)

    def wait(self, pid: int, timeout_s: float) -> int | None:
        """The exit code, as soon as there is one; none after `timeout_s` seconds."""
        deadline = time.monotonic() + timeout_s
        while (code := self.exit_code(pid)) is None and time.monotonic() < deadline:
            time.sleep(0.02)
        return code

    def signal(self, pid: int, number: int) -> None:
        """Signal a process that was started inside."""
        self._ask("signal", pid=pid, number=number)

    def dial(self, port: int) -> socket.socket:
        """A connection to a loopback port inside. Raises OSError when nobody listens there,
        DeployError when the app broke a limit and nobody ever will."""
        answer, found = self._ask("connect", port=port)
        if self._verdict:
            raise DeployError(self._verdict, where=str(self.layout.log("boot")))
        if found is None:
            raise ConnectionRefusedError(str(answer.get("error", "no connection")))
        return found

    def get(self, port: int, target: str, timeout_s: float = 2.0) -> tuple[int, bytes]:
        """GET from a loopback port inside; raises as `runner.http_get` does."""
        try:
            connection = self.dial(port)
        except OSError as error:
            raise TransientError(f"no answer: {error}", where=f"port {port}") from error
        return runner.http_over(connection, target, timeout_s)

    def free_ports(self, count: int) -> tuple[int, ...]:
        """Loopback ports inside that nobody listens on now."""
        return tuple(self._ask("ports", count=count)[0]["ports"])

    @property
    def verdict(self) -> str:
        """Which limit the app broke, if it did: then nothing runs inside any more."""
        with contextlib.suppress(DeployError):
            self._ask("poll", pid=0)
        return self._verdict

    def host_pid(self, pid: int) -> int | None:
        """The number that a process inside has outside; none when it is gone."""
        if not self.own_pids:
            return pid
        known = self._host_pids.get(pid)
        if known is None or _inner_pid(known) != pid:
            self._host_pids = {}
            for process in _descendants(self._guard.pid):
                inner = _inner_pid(process.pid)
                if inner is not None:
                    self._host_pids[inner] = process.pid
        return self._host_pids.get(pid)

    def tree(self, pid: int) -> tuple[int, ...]:
        """The outside numbers of a process that was started inside and of all below it."""
        top = self.host_pid(pid)
        if top is None or not psutil.pid_exists(top):
            return ()
        return (top, *(process.pid for process in _descendants(top)))

    def _ask(self, op: str, **more: Any) -> tuple[dict[str, Any], socket.socket | None]:
        """Ask the guard. Raises DeployError when it is gone: somebody killed it."""
        with self._lock:
            try:
                self._door.sendall(json.dumps({"op": op, **more}).encode() + b"\n")
                answer, found = self._read()
            except OSError as error:
                raise self._gone() from error
        self._verdict = str(answer.get("verdict", "")) or self._verdict
        return answer, found

    def _read(self) -> tuple[dict[str, Any], socket.socket | None]:
        found: list[int] = []
        while b"\n" not in self._rest:
            chunk, passed, _, _ = socket.recv_fds(self._door, 1 << 16, 1)
            found += passed
            if not chunk:
                raise self._gone()
            self._rest += chunk
        line, _, self._rest = self._rest.partition(b"\n")
        answer: dict[str, Any] = json.loads(line)
        return answer, socket.socket(fileno=found[0]) if found else None

    def _gone(self) -> DeployError:
        return DeployError(
            "the process that guards the measured app has ended",
            where=str(self.layout.log("guard")), fix="run it again",
        )  # fmt: skip


@contextlib.contextmanager
def sandbox(root: Path, limits: Limits) -> Iterator[Sandbox]:
    """A sandbox for the length of a `with` block; nothing of it is left on any way out.

    When this process is killed, the guard notices and does the same.
    """
    layout = layout_of(root)
    layout.create()
    mark = f"{layout.mark}measure-{secrets.token_hex(4)}"
    scratch = Path(tempfile.mkdtemp(prefix="seatrial-measure-")).resolve()
    ours, theirs = socket.socketpair()
    ours.settimeout(_ANSWER_S)
    order = {
        "scratch": str(scratch),
        "memory_mib": limits.memory,
        "processes": limits.processes,
        "cut_network": not limits.allow_network,
    }
    env = commands.minimal_env(os.environ) | commands.marks(mark, "guard", str(processes.me()))
    # The guard is this very program, wherever it is imported from.
    env["PYTHONPATH"] = os.pathsep.join(path for path in sys.path if path)
    guarded: list[Identity] = []
    try:
        with theirs:
            argv = (sys.executable, "-P", "-m", guard.__name__, str(theirs.fileno()))
            identity = runner.spawn(
                (*argv, json.dumps(order)),
                cwd=layout.logs,
                env=env,
                log=layout.log("guard"),
                steps=layout.steps,
                fds=(theirs.fileno(),),
            )
        guarded.append(identity)
        with ours:
            yield Sandbox(ours, identity, layout, scratch, mark, limits.allow_network)
    finally:
        ours.close()
        _await_end(guarded)
        own = processes.marked(mark, guarded, owned=True)
        processes.terminate((item.identity for item in own), 0.0, runner.reap)
        guard.remove(str(scratch))


def _await_end(guarded: list[Identity]) -> None:
    """The closed door ends the guard; one that does not notice is killed."""
    deadline = time.monotonic() + 3 * _GRACE_S
    while time.monotonic() < deadline and any(processes.alive(one) for one in guarded):
        runner.reap()
        time.sleep(0.01)
    processes.terminate(guarded, 0.0, runner.reap)


def _descendants(pid: int) -> list[psutil.Process]:
    with contextlib.suppress(psutil.Error):
        return psutil.Process(pid).children(recursive=True)
    return []


def _inner_pid(pid: int) -> int | None:
    """The number of a process in the innermost process space it is in (Linux)."""
    with contextlib.suppress(OSError), open(f"/proc/{pid}/status") as file:
        for line in file:
            if line.startswith("NSpid:"):
                return int(line.split()[-1])
    return None
