"""The supervisor's hold on the server process: its start, its messages, its end."""

import contextlib
import json
import os
import selectors
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable

from seatrial_runtime.channel import Message, Receiver
from seatrial_runtime.processes import describe_exit, signal_group
from seatrial_runtime.settings import Settings

# Not `-m`: that would put the working directory, with the app's modules, first on sys.path.
_SERVER_CODE = (
    "import sys\n"
    "if sys.path[:1] == ['']: del sys.path[0]\n"
    "from seatrial_runtime.server import main\n"
    "main()"
)


class ServerProcess:
    """At most one server at a time; a new `start` follows the end of the one before."""

    def __init__(
        self,
        settings: Settings,
        listener: socket.socket,
        selector: selectors.BaseSelector,
        on_message: Callable[[Message], None],
    ) -> None:
        self._settings, self._listener = settings, listener
        self._selector, self._on_message = selector, on_message
        self._process: subprocess.Popen[bytes] | None = None
        self._receiver: Receiver | None = None
        self._groups: set[int] = set()  # Process groups of servers that may have members left.
        # Readable for every server process, present and future, once the service is to end.
        self._stop_read, self._stop_write = os.pipe()
        self.started_s = 0.0

    @property
    def running(self) -> bool:
        """Whether a server process exists that has not been reaped."""
        return self._process is not None

    def start(self) -> None:
        """Start a server on the listening socket, in a process group of its own.

        Call it from the main thread: for the kernel, the parent whose death the server is told
        of is the *thread* that started it.
        """
        settings = self._settings
        read_end, write_end = os.pipe()
        spec = {
            "target": settings.target + ("()" if settings.factory else ""),
            "workers": settings.workers,
            "threads": settings.threads,
            "graceful_timeout_s": settings.graceful_timeout_s,
            "keep_alive_s": settings.keep_alive_s,
            "start_timeout_s": settings.start_timeout_s,
            "app_dir": settings.app_dir,
            "listener_fd": self._listener.fileno(),
            "channel_fd": write_end,
            "stop_fd": self._stop_read,
            "supervisor_pid": os.getpid(),
        }
        try:
            self._process = subprocess.Popen(
                [sys.executable, "-c", _SERVER_CODE, json.dumps(spec)],
                stdin=subprocess.DEVNULL,
                pass_fds=(self._listener.fileno(), write_end, self._stop_read),
                start_new_session=True,  # Ctrl-C in a terminal reaches the supervisor only.
            )
        except BaseException:
            os.close(read_end)
            raise
        finally:
            os.close(write_end)
        self._groups.add(self._process.pid)
        self._receiver = Receiver(read_end)
        self._selector.register(read_end, selectors.EVENT_READ, self._read)
        self.started_s = time.monotonic()

    def stop(self) -> None:
        """Ask the server to finish what is in flight and end, and no other to follow it."""
        if self._process is not None:
            os.write(self._stop_write, b"!")
            # Not Popen.send_signal: it polls, and would take the exit status away from `reap`.
            os.kill(self._process.pid, signal.SIGTERM)

    def kill(self) -> None:
        """End the server, its workers and what they started, now."""
        for group in self._groups:
            signal_group(group, signal.SIGKILL)

    def reap(self) -> str | None:
        """Collect every dead child, adopted orphans too; how the server ended, if it did."""
        ended = None
        with contextlib.suppress(ChildProcessError):
            while True:
                pid, status = os.waitpid(-1, os.WNOHANG)
                if pid == 0:
                    break
                if self._process is not None and pid == self._process.pid:
                    ended = describe_exit(status)
                    self._forget(self._process, status)
        # At once, while no other process can have taken the number over.
        self._groups = {group for group in self._groups if signal_group(group, 0)}
        return ended

    def _forget(self, process: subprocess.Popen[bytes], status: int) -> None:
        self._read()  # Its last words may still be in the pipe.
        process.returncode = os.waitstatus_to_exitcode(status)  # Popen must not wait as well.
        self._process = None
        if self._receiver is not None:
            self._selector.unregister(self._receiver.fd)
            self._receiver.close()
            self._receiver = None

    def _read(self) -> None:
        if self._receiver is not None:
            for message in self._receiver.read():
                self._on_message(message)
