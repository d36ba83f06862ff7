"""One process of the supervisor's: its start, its messages, its signals, its end."""

import contextlib
import fcntl
import os
import selectors
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from seatrial_runtime.servers.spec import STACKS_SIGNAL, ServerSpec
from seatrial_runtime.settings.settings import Settings
from seatrial_runtime.supervisor.channel import Message, Receiver, pair
from seatrial_runtime.supervisor.launch import Launch
from seatrial_runtime.supervisor.relay import Relay

_SPEC_PIPE_BYTES = 1 << 20
_MAX_STACKS_BYTES = 20_000


@dataclass(frozen=True)
class Shared:
    """What all processes of one service have in common; descriptors are -1 where there is none."""

    settings: Settings
    launch: Launch
    relay: Relay
    selector: selectors.BaseSelector
    listener_fd: int
    stop_fd: int
    buckets_fd: int
    out_fd: int
    err_fd: int
    metrics_dir: str


class WorkerProcess:
    """One life. `on_message` is called, in the main thread, for each message of it."""

    def __init__(
        self, shared: Shared, on_message: Callable[["WorkerProcess", Message], None]
    ) -> None:
        self._selector, self._on_message = shared.selector, on_message
        self.started_s = time.monotonic()
        self.ready_s: float | None = None
        self.tasks_of = ""  # Whose tasks it works on, once it has said so.
        self.silent_since_s: float | None = None  # It will not say when it is ready.
        self.leaving_s: float | None = None  # Since when it drains, its successor being there.
        self.stuck_s: float | None = None  # Since when its end was decided.
        self.reason = ""  # Of its end, where it was decided here.
        self.first_rss_bytes = 0  # When it was ready.
        self.warned = False  # Of these.
        self.failure: Message | None = None
        self.last_stacks = ""  # Once it has ended.
        self.beat = Message("beat", 0)
        self.beat_s = self.started_s
        self._stacks_fd = _memory_file()
        try:
            self._process, self._receiver = self._spawn(shared)
        except BaseException:
            os.close(self._stacks_fd)
            raise
        self.pid = self._process.pid
        self._selector.register(self._receiver.fd, selectors.EVENT_READ, self.read)

    def _spawn(self, shared: Shared) -> tuple[subprocess.Popen[bytes], Receiver]:
        """Start it in a process group of its own.

        In the main thread: for the kernel, the parent whose death the process is told of is the
        *thread* that started it.
        """
        ours, theirs = pair()
        pipes = shared.relay.pipes()
        spec = ServerSpec(
            settings=shared.settings,
            argv=shared.launch.program,
            listener_fd=shared.listener_fd,
            channel_fd=theirs.fileno(),
            stop_fd=shared.stop_fd,
            out_fd=shared.out_fd,
            err_fd=shared.err_fd,
            stacks_fd=self._stacks_fd,
            buckets_fd=shared.buckets_fd,
            metrics_dir=shared.metrics_dir,
            supervisor_pid=os.getpid(),
        )
        try:
            process = subprocess.Popen(
                shared.launch.argv,
                env=shared.launch.env,
                stdin=subprocess.PIPE,
                stdout=pipes.out,
                stderr=pipes.err,
                pass_fds=spec.fds(),
                start_new_session=True,  # Ctrl-C in a terminal reaches the supervisor only.
            )
        except BaseException:
            ours.close()
            raise
        finally:
            theirs.close()
            pipes.close()
        pipes.of(process.pid)
        assert process.stdin is not None
        with contextlib.suppress(OSError):  # It died at once; its end will tell.
            if sys.platform == "linux":
                fcntl.fcntl(process.stdin, fcntl.F_SETPIPE_SZ, _SPEC_PIPE_BYTES)  # type: ignore[attr-defined,unused-ignore]
            with process.stdin:
                process.stdin.write(spec.to_json())
        return process, Receiver(ours.detach())

    def read(self) -> None:
        """Take what it has told."""
        for message in self._receiver.read():
            if message.kind == "beat":
                self.beat, self.beat_s = message, time.monotonic()
            else:
                self._on_message(self, message)
        if self._receiver.closed:
            with contextlib.suppress(KeyError, ValueError):
                self._selector.unregister(self._receiver.fd)

    def order(self, do: str, **more: str) -> None:
        """Ask it for something."""
        self._receiver.order(do, **more)

    def send_signal(self, number: int) -> None:
        """Not Popen.send_signal: it polls, and would take the exit status away."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, number)

    def ask_for_stacks(self) -> None:
        """Have the C level of the process write the stack of each thread."""
        self.send_signal(STACKS_SIGNAL)

    def stacks(self) -> str:
        """What it has written of them, on request or in a crash."""
        return os.pread(self._stacks_fd, _MAX_STACKS_BYTES, 0).decode(errors="replace")

    def figures(self, now: float) -> dict[str, Any]:
        """What it said last, for people."""
        beat = self.beat
        return {
            "pid": self.pid,
            "uptime_s": round(now - self.started_s, 3),
            "rss_bytes": beat.rss_bytes,
            "in_flight": beat.in_flight,
            "overdue_s": beat.overdue_s,
            "lag_s": beat.lag_s,
            "beat_age_s": round(now - self.beat_s, 3) if beat.pid else None,
            "leaving": self.leaving_s is not None,
        }

    def kill(self) -> None:
        """End it now, with what it started in its group."""
        with contextlib.suppress(OSError):
            os.killpg(self.pid, signal.SIGKILL)

    def forget(self, status: int) -> None:
        """It was reaped, with this `waitpid` status."""
        self.read()  # Its last words may still be on the way.
        self._process.returncode = os.waitstatus_to_exitcode(status)  # Popen must not wait too.
        with contextlib.suppress(KeyError, ValueError):
            self._selector.unregister(self._receiver.fd)
        self._receiver.close()
        self.last_stacks = self.stacks()
        os.close(self._stacks_fd)


def _memory_file() -> int:
    """A file without a name."""
    if sys.platform == "linux":
        return os.memfd_create("seatrial-stacks")
    with tempfile.TemporaryFile() as file:
        return os.dup(file.fileno())
