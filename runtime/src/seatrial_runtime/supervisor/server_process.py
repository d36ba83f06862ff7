"""The supervisor's hold on one server process: its start, its messages, its end."""

import contextlib
import os
import selectors
import signal
import subprocess
import time
from collections.abc import Callable, Sequence

from seatrial_runtime.supervisor.channel import Message, Receiver
from seatrial_runtime.supervisor.launch import Launcher
from seatrial_runtime.supervisor.processes import descendants, describe_exit, signal_group

_FIRST_BACKOFF_S, _LONGEST_BACKOFF_S = 0.1, 10.0
_STEADY_S = 10.0  # A server that lived this long was not part of a crash loop.


class ServerProcess:
    """At most one process at a time; a new `start` follows the end of the one before."""

    def __init__(
        self,
        launcher: Launcher,
        selector: selectors.BaseSelector,
        on_message: Callable[[Message], None],
    ) -> None:
        self._launcher = launcher
        self._selector, self._on_message = selector, on_message
        self._process: subprocess.Popen[bytes] | None = None
        self._receiver: Receiver | None = None
        self.groups: set[int] = set()  # Process groups of servers that may have members left.
        # Readable for every server process, present and future, once the service is to end.
        self._stop_read, self._stop_write = os.pipe()
        self._crashes = 0  # In a row, for the backoff.
        self._started_s = 0.0
        self.restart_at: float | None = None  # Monotonic time of a wanted restart.

    @property
    def pid(self) -> int | None:
        """The process, until it is reaped."""
        return self._process.pid if self._process is not None else None

    def start(self) -> None:
        """Start the server in a process group of its own.

        Call it from the main thread: for the kernel, the parent whose death the server is told
        of is the *thread* that started it.
        """
        read_end, write_end = os.pipe()
        try:
            launch = self._launcher(write_end, self._stop_read)
            self._process = subprocess.Popen(
                launch.argv,
                env=launch.env,
                stdin=subprocess.DEVNULL,
                pass_fds=launch.fds,
                start_new_session=True,  # Ctrl-C in a terminal reaches the supervisor only.
            )
        except BaseException:
            os.close(read_end)
            raise
        finally:
            os.close(write_end)
        self.groups.add(self._process.pid)
        self._receiver = Receiver(read_end)
        self._selector.register(read_end, selectors.EVENT_READ, self._read)
        self._started_s = time.monotonic()
        self.restart_at = None

    def back_off(self) -> float:
        """Plan the restart of a server that ended; returns in how many seconds."""
        now = time.monotonic()
        if now - self._started_s > _STEADY_S:
            self._crashes = 0
        backoff_s: float = min(_FIRST_BACKOFF_S * 2**self._crashes, _LONGEST_BACKOFF_S)
        self._crashes = min(self._crashes + 1, 16)
        self.restart_at = now + backoff_s
        return backoff_s

    def stop(self) -> None:
        """Ask the server to finish what is in flight and end, and no other to follow it."""
        self.restart_at = None
        if self._process is not None:
            os.write(self._stop_write, b"!")
            # Not Popen.send_signal: it polls, and would take the exit status away from `reap`.
            os.kill(self._process.pid, signal.SIGTERM)

    def forget(self, status: int) -> None:
        """The process was reaped, with this `waitpid` status."""
        assert self._process is not None
        self._read()  # Its last words may still be in the pipe.
        self._process.returncode = os.waitstatus_to_exitcode(status)  # Popen must not wait too.
        self._process = None
        if self._receiver is not None:
            self._selector.unregister(self._receiver.fd)
            self._receiver.close()
            self._receiver = None

    def _read(self) -> None:
        if self._receiver is not None:
            for message in self._receiver.read():
                self._on_message(message)


def reap(servers: Sequence[ServerProcess]) -> list[tuple[ServerProcess, int, str]]:
    """Collect every dead child, adopted orphans too; which servers ended, their pid and how."""
    ended = []
    by_pid = {server.pid: server for server in servers if server.pid is not None}
    with contextlib.suppress(ChildProcessError):
        while True:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if pid == 0:
                break
            server = by_pid.get(pid)
            if server is not None:
                server.forget(status)
                ended.append((server, pid, describe_exit(status)))
    for server in servers:
        # At once, while no other process can have taken the number over.
        server.groups = {group for group in server.groups if signal_group(group, 0)}
    return ended


def kill(servers: Sequence[ServerProcess]) -> None:
    """End the servers, their workers and whatever they started, now."""
    for server in servers:
        for group in server.groups:
            signal_group(group, signal.SIGKILL)
    # Also what made itself a session of its own: orphans were adopted by this process.
    for pid in descendants(os.getpid()):
        with contextlib.suppress(OSError):
            os.kill(pid, signal.SIGKILL)
