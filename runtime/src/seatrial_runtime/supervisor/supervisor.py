"""The parent process: owns the sockets, keeps a server running, and ends it in good order."""

import contextlib
import os
import selectors
import signal
import socket
import time
from collections import deque
from types import FrameType, TracebackType

from seatrial_runtime import STARTED_S
from seatrial_runtime.settings.settings import Settings
from seatrial_runtime.supervisor import launch
from seatrial_runtime.supervisor.address import inode_of, listen, remove_path
from seatrial_runtime.supervisor.channel import Message
from seatrial_runtime.supervisor.management import Management
from seatrial_runtime.supervisor.prober import Prober
from seatrial_runtime.supervisor.processes import adopt_orphans
from seatrial_runtime.supervisor.server_process import ServerProcess, kill, reap
from seatrial_runtime.supervisor.state import State
from seatrial_runtime.telemetry.logs import emit, redact

_MAX_BOOT_FAILURES = 5
_KILL_MARGIN_S = 3.0  # Over the graceful timeout: the arbiter kills its workers first.
_REFUSE_S = 1.0  # Longest wait for the workers to take what had queued and to refuse the rest.
_FAIL_STOP_S = 2.0


class Supervisor:
    """One app's life, from bound sockets to exit code. A context manager: leaving it cleans up."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._interface = settings.interface
        self._state = State(STARTED_S, settings.workers or 1)
        # A command listens by itself; the socket of an app object outlives its servers.
        by_itself = settings.interface == "command"
        self._listener = None if by_itself else listen(settings.bind, "--bind")
        self._bind_inode = inode_of(settings.bind)
        try:
            self._management = listen(settings.management, "--management")
        except BaseException:
            self._close_listener()
            raise
        self._management_inode = inode_of(settings.management)
        self._selector = selectors.DefaultSelector()
        self._servers = self._make_servers()
        self._changed = False  # From the server of `auto` to the one the app needs.
        self._boot_failures = 0
        self._failure: Message | None = None
        self._errors: deque[str] = deque(maxlen=5)
        self._stop_code: int | None = None  # Set once stopping: the exit code it will end with.
        self._exit_code: int | None = None
        # Monotonic times at which something is due; None when it is not.
        self._start_limit: float | None = STARTED_S + settings.start_timeout_s
        self._stop_at: float | None = None
        self._refuse_at: float | None = None
        self._kill_at: float | None = None

    def __enter__(self) -> "Supervisor":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        kill(self._servers)
        reap(self._servers)
        self._close_listener()
        remove_path(self._settings.management, self._management_inode)

    def _close_listener(self) -> None:
        if self._listener is not None:
            self._listener.close()
            remove_path(self._settings.bind, self._bind_inode)

    def _make_servers(self) -> list[ServerProcess]:
        """gunicorn looks after all workers of a WSGI app; uvicorn's are looked after here."""
        settings = self._settings
        if self._listener is None:
            make = launch.command(settings)
        else:
            make = launch.server(settings, self._listener, self._interface)
        count = (settings.workers or 1) if self._interface == "asgi" else 1
        return [ServerProcess(make, self._selector, self._on_message) for _ in range(count)]

    def _start(self, server: ServerProcess) -> None:
        server.start()
        if self._interface == "command" and server.pid is not None:
            # Whether it serves only its answers can tell.
            self._state.worker_ready(server.pid)

    def run(self) -> int:
        """Serve until told to stop or unable to go on; returns the exit code."""
        adopt_orphans()
        self._catch_signals()
        settings, state = self._settings, self._state
        emit(
            "info",
            "start",
            app=settings.target,
            interface=settings.interface,
            bind=str(settings.bind),
            management=str(settings.management),
            workers=settings.workers,
            threads=settings.threads,
        )
        views = {
            "/health": state.health,
            "/startup": state.startup,
            "/ready": state.ready,
            "/workers": state.workers,
        }
        Management(self._management, views).start()
        Prober(state, settings.bind, settings.ready_path).start()
        for server in self._servers:
            self._start(server)
        while self._exit_code is None:
            for key, _ in self._selector.select(self._pause_s()):
                key.data()
            self._on_time(time.monotonic())
        emit("info" if self._exit_code == 0 else "error", "exit", code=self._exit_code)
        return self._exit_code

    # -- events

    def _catch_signals(self) -> None:
        def ignore(number: int, frame: FrameType | None) -> None:
            """The number arrives through the wake-up pipe, in the main loop."""

        read_end, write_end = os.pipe()
        os.set_blocking(read_end, False)
        os.set_blocking(write_end, False)
        signal.set_wakeup_fd(write_end, warn_on_full_buffer=False)
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGCHLD):
            signal.signal(number, ignore)

        def on_readable() -> None:
            for number in os.read(read_end, 512):
                self._on_signal(signal.Signals(number))

        self._selector.register(read_end, selectors.EVENT_READ, on_readable)

    def _on_signal(self, number: signal.Signals) -> None:
        if number == signal.SIGCHLD:
            for server, pid, how in reap(self._servers):
                self._on_server_end(server, pid, how)
        elif self._stop_code is None:
            self._state.draining()
            self._stop_code = 0
            self._stop_at = time.monotonic() + self._settings.drain_delay_s
            emit("info", "draining", signal=number.name, delay_s=self._settings.drain_delay_s)
        else:
            self._exit_code = 128 + number

    def _on_message(self, message: Message) -> None:
        if message.kind == "ready":
            self._state.worker_ready(message.pid)
        elif message.kind == "gone":
            self._state.worker_gone(message.pid)
            self._count_boot_failure()
        elif message.kind == "failed":
            self._failure = message
        elif message.kind == "interface":
            self._interface = message.text
        else:
            self._errors.append(redact(message.text))

    def _on_server_end(self, server: ServerProcess, pid: int, how: str) -> None:
        failure, self._failure = self._failure, None
        reason = f"the server process ended: {how}"
        if failure is not None:
            reason = f"the app does not load: {redact(failure.text)}"
        elif self._interface == "command":
            reason = f"the program ended: {how}"
        if len(self._servers) > 1:
            self._state.worker_gone(pid, reason)
        else:
            self._state.server_lost(reason)
        never_ready = self._stop_code is None and not self._state.ever_ready
        if self._stop_code is not None and self._stop_at is None:
            if not self._running:
                self._exit_code = self._stop_code
        elif self._changes_interface:
            self._change_interface()
        elif failure is not None and never_ready:
            self._fail(2, reason, failure.hint, failure.traceback)
        elif self._interface == "command" and never_ready and "SIG" not in how:
            hint = "what it said last stands above in this log"
            self._fail(1, f"{reason} before it answered", hint)
        else:
            self._count_boot_failure()
            if self._exit_code is None:
                emit("error", "server_lost", message=reason, restart_in_s=server.back_off())

    @property
    def _running(self) -> bool:
        return any(server.pid is not None for server in self._servers)

    @property
    def _changes_interface(self) -> bool:
        """Whether a look at the app, in `auto`, found that it needs the other server."""
        return (
            self._settings.interface == "auto" and self._interface == "asgi" and (not self._changed)
        )

    def _change_interface(self) -> None:
        self._changed = True
        emit("info", "interface", message="an ASGI app: starting uvicorn")
        self._servers = self._make_servers()
        for server in self._servers:
            self._start(server)

    def _count_boot_failure(self) -> None:
        if self._state.ever_ready or self._stop_code is not None or self._changes_interface:
            return
        self._boot_failures += 1
        if self._boot_failures >= _MAX_BOOT_FAILURES:
            last = "; ".join(self._errors) or self._state.reason
            self._fail(1, f"{self._boot_failures} processes died before the app was ready: {last}")

    # -- time

    def _pause_s(self) -> float | None:
        due = [self._start_limit, self._stop_at, self._refuse_at, self._kill_at]
        due += [server.restart_at for server in self._servers]
        times = [moment for moment in due if moment is not None]
        return max(min(times) - time.monotonic(), 0.0) if times else None

    def _on_time(self, now: float) -> None:
        for server in self._servers:
            if server.restart_at is not None and now >= server.restart_at:
                self._start(server)
        if self._stop_at is not None and now >= self._stop_at:
            self._begin_stop(now)
        if self._refuse_at is not None and now >= self._refuse_at:
            self._refuse_at = None
            with contextlib.suppress(OSError):
                # The workers do this as soon as they stop; here for one that hangs.
                if self._listener is not None:
                    self._listener.shutdown(socket.SHUT_RDWR)
        if self._kill_at is not None and now >= self._kill_at and self._exit_code is None:
            emit("warning", "killed", message="the server did not stop in time")
            self._exit_code = self._stop_code
        if self._start_limit is not None and now >= self._start_limit:
            self._start_limit = None
            if not self._state.ever_ready and self._stop_code is None:
                limit = f"{self._settings.start_timeout_s:g} s"
                self._fail(1, f"not ready within {limit}: {self._state.reason}")

    # -- stopping

    def _stop_servers(self) -> None:
        for server in self._servers:
            server.stop()

    def _begin_stop(self, now: float) -> None:
        """The drain delay is over: finish what is in flight and take nothing new."""
        self._stop_at = None
        self._stop_servers()
        if not self._running:
            self._exit_code = self._stop_code
            return
        self._refuse_at = now + _REFUSE_S
        self._kill_at = now + self._settings.graceful_timeout_s + _KILL_MARGIN_S

    def _fail(self, code: int, message: str, hint: str = "", trace: str = "") -> None:
        """Give up: say why, stop what runs, and exit with `code`."""
        emit("error", "failed", message=message, hint=hint or None, traceback=trace or None)
        self._stop_code = code
        self._stop_servers()
        if not self._running:
            self._exit_code = code
            return
        self._kill_at = time.monotonic() + _FAIL_STOP_S
