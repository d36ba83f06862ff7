"""The guard: runs an app that is measured where it can do no harm, and ends all of it.

A program of its own, started by `sandbox` with its order as argument and one end of a socket
pair, the door. What is asked through the door, one JSON line a question, it does inside: start a
process, tell how one ended, open a connection to one. Where the kernel allows it to, inside is a
network without a way out and a process space of its own, which the kernel ends as a whole.
Elsewhere the guard is the parent that all orphans come back to, and it ends them one by one.

When the door closes, because Seatrial is done or was killed, everything inside is ended and the
scratch folder removed.
"""

from __future__ import annotations

import contextlib
import json
import os
import resource
import select
import shutil
import signal
import socket
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

import psutil

from seatrial.engines.local import space
from seatrial.engines.ports import free_ports

_LOOK_EVERY_S, _LOOK_SOON_S = 0.2, 0.02
_LOG_BYTES_MAX = 64 << 20
_CONNECT_S = 5.0
_ANSWER_BYTES = 1 << 20
_PLAIN_USER = 1000
NOBODY = 65534
MIB = 1 << 20


class Guard:
    """What runs inside, and how much of this machine it may use."""

    def __init__(self, door: socket.socket, order: dict[str, Any], own_pids: bool) -> None:
        self._door = door
        self._memory_mib = int(order["memory_mib"])
        self._processes = int(order["processes"])
        self._own_pids = own_pids
        self._children: dict[int, subprocess.Popen[bytes]] = {}
        self._codes: dict[int, int] = {}
        self._logs: set[str] = set()
        self._plain_user = _plain_user()
        self._count, self._grows = 0, False  # Processes, and whether they became more.
        self._adding: threading.Thread | None = None  # Their exact memory,
        self._over = False  # which was too much.
        self._verdict = ""
        self._rest = b""

    def run(self, hello: dict[str, Any]) -> None:
        """Answer until the door closes, then end everything."""
        _go_first()
        try:
            self._answer({**hello, "nobody": self._plain_user is _nobody}, None)
            due = time.monotonic()
            while True:
                left = max(0.0, due - time.monotonic())
                if select.select([self._door], [], [], left)[0] and not self._listen():
                    return
                self._reap()
                if time.monotonic() >= due:
                    self._look()
                    soon = self._grows or self._adds()
                    due = time.monotonic() + (_LOOK_SOON_S if soon else _LOOK_EVERY_S)
        finally:
            self._end_all()

    # -- what is asked through the door

    def _listen(self) -> bool:
        try:
            chunk = self._door.recv(_ANSWER_BYTES)
        except OSError:
            return False
        if not chunk:
            return False
        *lines, self._rest = (self._rest + chunk).split(b"\n")
        for line in lines:
            asked = json.loads(line)
            does: Callable[..., tuple[dict[str, Any], socket.socket | None]]
            does = getattr(self, f"_do_{asked.pop('op')}")
            try:
                answer, passed = does(**asked)
            except (OSError, subprocess.SubprocessError) as error:
                answer, passed = {"error": f"{type(error).__name__}: {error}"}, None
            try:
                self._answer(answer, passed)
            except OSError:
                return False
        return True

    def _answer(self, answer: dict[str, Any], passed: socket.socket | None) -> None:
        line = json.dumps({**answer, "verdict": self._verdict}).encode() + b"\n"
        if passed is None:
            self._door.sendall(line)
            return
        with passed:
            socket.send_fds(self._door, [line], [passed.fileno()])

    def _do_spawn(
        self,
        argv: list[str],
        env: dict[str, str],
        cwd: str,
        log: str,
        stdin: str,
        plain_user: bool,
    ) -> tuple[dict[str, Any], None]:
        """Start a process; `stdin` is written to it, `plain_user` never lets it be root."""
        if self._verdict:
            return {"error": self._verdict}, None
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND
        with os.fdopen(os.open(log, flags, 0o600), "ab") as output:
            child = subprocess.Popen(
                argv,
                env=env,
                cwd=cwd,
                stdin=subprocess.PIPE if stdin else subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                preexec_fn=self._settle(plain_user),
            )
        if child.stdin is not None:
            with contextlib.suppress(BrokenPipeError), child.stdin as pipe:
                pipe.write(stdin.encode())
        self._children[child.pid] = child
        self._logs.add(log)
        return {"pid": child.pid}, None

    def _settle(self, plain_user: bool) -> Callable[[], None]:
        """What a new process does first: it has neither the guard's priority nor its user."""

        def settle() -> None:
            os.setpriority(os.PRIO_PROCESS, 0, 0)
            if plain_user and self._plain_user is not None:
                self._plain_user()

        return settle

    def _do_poll(self, pid: int) -> tuple[dict[str, Any], None]:
        """The exit code of a process that was started; none while it runs."""
        self._reap()
        return {"code": self._codes.get(pid)}, None

    def _do_signal(self, pid: int, number: int) -> tuple[dict[str, Any], None]:
        """Signal one process that was started."""
        if pid in self._children:
            os.kill(pid, number)
        return {}, None

    def _do_connect(self, port: int) -> tuple[dict[str, Any], socket.socket]:
        """A connection to a loopback port inside."""
        return {}, socket.create_connection(("127.0.0.1", port), _CONNECT_S)

    def _do_ports(self, count: int) -> tuple[dict[str, Any], None]:
        """Loopback ports that nobody inside listens on now."""
        return {"ports": free_ports(count)}, None

    # -- limits and the end

    def _reap(self) -> None:
        with contextlib.suppress(ChildProcessError):
            while True:
                pid, status = os.waitpid(-1, os.WNOHANG)
                if pid == 0:
                    return
                child = self._children.pop(pid, None)
                if child is not None:
                    code = os.waitstatus_to_exitcode(status)
                    child.returncode = self._codes[pid] = code

    def _inside(self) -> list[psutil.Process]:
        """Every process that is guarded."""
        if not self._own_pids:
            return psutil.Process().children(recursive=True)
        return [process for process in psutil.process_iter() if process.pid != os.getpid()]

    def _look(self) -> None:
        """End everything when it uses more than it may; keep the logs bounded."""
        for log in self._logs:
            with contextlib.suppress(OSError):
                if os.stat(log).st_size > _LOG_BYTES_MAX:
                    os.truncate(log, 0)
        # The count first, and cheaply: while it is taken, a fork bomb doubles.
        inside = [] if self._own_pids else self._inside()
        count = _own_space_count() if self._own_pids else len(inside)
        self._grows, self._count = count > self._count, count
        if count > self._processes:
            self._condemn(f"it ran more than {self._processes} processes at a time")
            return
        inside = inside or self._inside()
        if self._over:
            self._condemn(f"it used more than {self._memory_mib} MiB of memory")
        # Resident sizes count shared pages once a process, so they are only the first look.
        elif not self._adds() and _sum_mib(inside, exact=False) > self._memory_mib:
            # The exact ones wait for a lock that a process holds while it forks, and meanwhile a
            # bomb would grow: so they are added up beside.
            self._adding = threading.Thread(target=self._add_up, args=(inside,), daemon=True)
            self._adding.start()

    def _adds(self) -> bool:
        return self._adding is not None and self._adding.is_alive()

    def _add_up(self, inside: list[psutil.Process]) -> None:
        self._over = _sum_mib(inside, exact=True) > self._memory_mib

    def _condemn(self, reason: str) -> None:
        self._verdict = self._verdict or reason
        self._end_all()

    def _end_all(self) -> None:
        """Kill until nothing is left; what is stopped first cannot fork meanwhile."""
        deadline = time.monotonic() + 10.0
        while time.monotonic() < deadline:
            if self._own_pids:
                # Everything in this process space but itself, also what is being forked just now.
                with contextlib.suppress(ProcessLookupError):
                    os.kill(-1, signal.SIGKILL)
                self._reap()
                if _own_space_count() == 0:
                    return
                time.sleep(0.01)
                continue
            left = self._inside()
            for number in (signal.SIGSTOP, signal.SIGKILL):
                for process in left:
                    with contextlib.suppress(psutil.Error, OSError):
                        process.send_signal(number)
            self._reap()
            if not left:
                return
            time.sleep(0.01)


def _go_first() -> None:
    """Before the thousand processes of a fork bomb, where this user may.

    In real time, for any share of their turns comes too late; what the guard starts is as usual.
    """
    with contextlib.suppress(OSError):
        os.setpriority(os.PRIO_PROCESS, 0, -10)
    if sys.platform == "linux":
        with contextlib.suppress(OSError):
            first = os.sched_param(os.sched_get_priority_min(os.SCHED_RR))
            os.sched_setscheduler(0, os.SCHED_RR | os.SCHED_RESET_ON_FORK, first)


def _own_space_count() -> int:
    """How many processes this process space has beside the guard."""
    return sum(map(str.isdecimal, os.listdir("/proc"))) - 1


def _sum_mib(processes: list[psutil.Process], *, exact: bool) -> float:
    total = 0
    for process in processes:
        with contextlib.suppress(psutil.Error, OSError):
            if exact and psutil.LINUX:
                total += int(process.memory_full_info().pss)
            else:
                total += int(process.memory_info().rss)
    return total / MIB


def _somebody_else() -> None:
    """Root becomes an ordinary user in its own eyes; files are still its own."""
    space.enter(space.NEW_USER, uid=_PLAIN_USER)


def _nobody() -> None:
    os.setgroups([])
    os.setgid(NOBODY)
    os.setuid(NOBODY)


def _plain_user() -> Callable[[], None] | None:
    """How a process stops being root; PostgreSQL refuses to run as root."""
    if os.geteuid() != 0:
        return None
    return _somebody_else if space.works(space.NEW_USER, uid=_PLAIN_USER) else _nobody


def remove(folder: str) -> None:
    """Remove a folder, also what an app has made unreadable in it."""
    for _ in range(2):
        shutil.rmtree(folder, ignore_errors=True)
        if not os.path.lexists(folder):
            return
        for top, names, _files in os.walk(folder):
            for name in [top, *(os.path.join(top, one) for one in names)]:
                with contextlib.suppress(OSError):
                    if not os.path.islink(name):
                        os.chmod(name, stat.S_IRWXU)


def main() -> None:
    """Entry point: the door's descriptor and the order."""
    door = socket.socket(fileno=int(sys.argv[1]))
    order = json.loads(sys.argv[2])
    door.set_inheritable(False)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)  # The end comes through the door.
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # A core file would be left behind.
    flags, reason = space.choose(cut_network=bool(order["cut_network"]))
    hello = {
        "network_cut": bool(flags & space.NEW_NETWORK),
        "own_pids": bool(flags & space.NEW_PIDS),
        "reason": reason,
    }
    try:
        if flags & space.NEW_PIDS:
            _run_inside(door, order, flags, hello)
        else:
            space.adopt_orphans()
            if flags:
                space.enter(flags)
                space.furnish(flags)
            Guard(door, order, own_pids=False).run(hello)
    finally:
        remove(order["scratch"])


def _run_inside(
    door: socket.socket, order: dict[str, Any], flags: int, hello: dict[str, Any]
) -> None:
    """The guard is the first process of the new space: with it, the kernel ends all others."""
    outside = os.getpid()
    space.enter(flags)
    if os.fork() == 0:
        code = 1
        try:
            space.die_with_parent(outside)
            space.furnish(flags)
            Guard(door, order, own_pids=True).run(hello)
            code = 0
        except BaseException as error:
            print(f"guard: {type(error).__name__}: {error}", file=sys.stderr, flush=True)
        finally:
            os._exit(code)
    door.close()
    os.wait()


if __name__ == "__main__":
    main()
