"""The parent process: owns the sockets, keeps the workers running, and ends in good order."""

import os
import selectors
import signal
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from types import FrameType, TracebackType
from typing import Protocol

from seatrial_runtime import STARTED_S
from seatrial_runtime.settings.settings import Settings
from seatrial_runtime.supervisor.channel import Message
from seatrial_runtime.supervisor.crew import Ended
from seatrial_runtime.supervisor.processes import adopt_orphans
from seatrial_runtime.supervisor.service import Service
from seatrial_runtime.telemetry.logs import emit, redact

_MAX_BOOT_FAILURES = 5
_KILL_MARGIN_S = 3.0  # Over the graceful timeout: the worker ends its requests first.
_REFUSE_S = 1.0  # Longest wait for the workers to take what had queued and to refuse the rest.
_FAIL_STOP_S = 2.0
_RELOADED = 0  # Stands in the wake-up pipe where no signal can: numbers begin at 1.


class Reloaded(Protocol):
    """What the layers of the configuration say when they are read anew."""

    @property
    def log_level(self) -> str:
        """The level from now on."""

    @property
    def restart(self) -> tuple[str, ...]:
        """What else has changed, and needs a restart."""

    @property
    def error(self) -> str:
        """Why they cannot be read; empty when they can."""


class Supervisor:
    """One app's life, from bound sockets to exit code. A context manager: leaving it cleans up.

    `app_environ` is what the app's processes get as environment; `reload` reads the layers of
    the configuration anew, on SIGHUP.
    """

    def __init__(
        self,
        settings: Settings,
        app_environ: Mapping[str, str] = os.environ,
        reload: Callable[[], Reloaded] | None = None,
    ) -> None:
        self._selector = selectors.DefaultSelector()
        self._service = Service(settings, app_environ, self._selector, self._on_message)
        # As the service took them: an old Streamlit is a program.
        self._settings, self._reload = self._service.settings, reload
        self._state, self._crew = self._service.state, self._service.crew
        self._boot_failures = 0
        self._errors: deque[str] = deque(maxlen=5)
        self._stop_code: int | None = None  # Set once stopping: the exit code it will end with.
        self._exit_code: int | None = None
        self._reloaded: Reloaded | None = None
        self._wake_fd = -1
        # Monotonic times at which something is due; None when it is not.
        self._start_limit: float | None = STARTED_S + settings.start_timeout_s
        self._stop_at: float | None = None
        self._refuse_at: float | None = None
        self._quit_at: float | None = None
        self._kill_at: float | None = None

    def __enter__(self) -> "Supervisor":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._service.close()

    def run(self) -> int:
        """Serve until told to stop or unable to go on; returns the exit code."""
        adopt_orphans()
        self._catch_signals()
        self._service.start()
        while self._exit_code is None:
            for key, _ in self._selector.select(self._pause_s()):
                key.data()
            self._on_time(time.monotonic())
        self._service.finish()
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
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGCHLD, signal.SIGHUP):
            signal.signal(number, ignore)

        def on_readable() -> None:
            for number in os.read(read_end, 512):
                if number == _RELOADED:
                    self._take_reloaded()
                else:
                    self._on_signal(signal.Signals(number))

        self._wake_fd = write_end

        self._selector.register(read_end, selectors.EVENT_READ, on_readable)

    def _on_signal(self, number: signal.Signals) -> None:
        if number == signal.SIGCHLD:
            for ended in self._crew.reap():
                self._on_end(ended)
        elif number == signal.SIGHUP:
            self._on_hangup()
        elif self._stop_code is None:
            self._state.draining()
            self._stop_code = 0
            self._stop_at = time.monotonic() + self._settings.drain_delay_s
            emit("info", "draining", signal=number.name, delay_s=self._settings.drain_delay_s)
        else:
            self._exit_code = 128 + number

    def _on_hangup(self) -> None:
        """Read the configuration anew; in a thread, because a secrets source may take its time."""
        reload = self._reload
        if reload is None or self._stop_code is not None:
            return

        def read() -> None:
            self._reloaded = reload()
            os.write(self._wake_fd, bytes([_RELOADED]))

        threading.Thread(target=read, name="reload", daemon=True).start()

    def _take_reloaded(self) -> None:
        found, self._reloaded = self._reloaded, None
        if found is None:
            return
        if found.error:
            emit("error", "reload", message=found.error)
            return
        self._service.set_level(found.log_level)
        emit("info", "reload", log_level=found.log_level, needs_restart=found.restart or None)

    def _on_message(self, message: Message) -> None:
        if message.kind == "error":
            self._errors.append(redact(message.text))
        elif message.kind == "broker":
            self._service.readiness.broker(message.text)

    def _on_end(self, ended: Ended) -> None:
        process, failure = ended.process, ended.process.failure
        self._service.gone(process.pid)
        program = self._settings.argv
        reason = f"the {'program' if program else 'server process'} ended: {ended.how}"
        if failure is not None:
            reason = f"the app does not load: {redact(failure.text)}"
        if not ended.wanted:
            self._state.worker_gone(process.pid, reason)
        never_ready = self._stop_code is None and not self._state.ever_ready
        if self._stop_code is not None and self._stop_at is None:
            if not self._crew.processes:
                self._exit_code = self._stop_code
        elif ended.wanted:
            return
        elif failure is not None and never_ready:
            self._fail(2, reason, failure.hint, failure.traceback)
        elif program and never_ready and "SIG" not in ended.how:
            hint = "what it said last stands above in this log"
            self._fail(1, f"{reason} before it was ready", hint)
        else:
            self._count_boot_failure()
            # While the proxy is given time to notice, the service is still served.
            if self._stop_code is None or self._stop_at is not None:
                self._tell_loss(ended, reason)

    def _tell_loss(self, ended: Ended, reason: str) -> None:
        emit(
            "error",
            "worker_lost",
            pid=ended.process.pid,
            message=reason,
            stacks=ended.process.last_stacks or None,
            restart_in_s=self._crew.back_off(ended),
        )

    def _count_boot_failure(self) -> None:
        if self._state.ever_ready or self._stop_code is not None:
            return
        self._boot_failures += 1
        if self._boot_failures >= _MAX_BOOT_FAILURES:
            last = "; ".join(self._errors) or self._state.reason
            self._fail(1, f"{self._boot_failures} processes died before the app was ready: {last}")

    # -- time

    def _pause_s(self) -> float | None:
        due = [self._start_limit, self._stop_at, self._refuse_at, self._quit_at, self._kill_at]
        times = [moment for moment in due if moment is not None] + self._crew.due()
        return max(min(times) - time.monotonic(), 0.0) if times else None

    def _on_time(self, now: float) -> None:
        self._service.on_time(now)
        if self._stop_at is not None and now >= self._stop_at:
            self._begin_stop(now)
        if self._refuse_at is not None and now >= self._refuse_at:
            self._refuse_at = None
            self._service.refuse()  # The workers do it as soon as they stop; for one that hangs.
        if self._quit_at is not None and now >= self._quit_at:
            self._quit_at = None
            emit("warning", "quit", message="told once more: what still runs is cut")
            self._crew.hurry()
        if self._kill_at is not None and now >= self._kill_at and self._exit_code is None:
            emit("warning", "killed", message="the server did not stop in time")
            self._exit_code = self._stop_code
        if self._start_limit is not None and now >= self._start_limit:
            self._start_limit = None
            if not self._state.ever_ready and self._stop_code is None:
                limit = f"{self._settings.start_timeout_s:g} s"
                self._fail(1, f"not ready within {limit}: {self._state.reason}")

    # -- stopping

    def _begin_stop(self, now: float) -> None:
        """The drain delay is over: finish what is in flight and take nothing new."""
        self._stop_at = None
        self._service.stop()
        if not self._crew.processes:
            self._exit_code = self._stop_code
            return
        self._refuse_at = now + _REFUSE_S
        longest_s = max(self._settings.graceful_timeout_s, self._settings.stream_timeout_s)
        if self._settings.command == "worker":
            self._quit_at = now + longest_s
        self._kill_at = now + longest_s + _KILL_MARGIN_S

    def _fail(self, code: int, message: str, hint: str = "", trace: str = "") -> None:
        """Give up: say why, stop what runs, and exit with `code`."""
        emit("error", "failed", message=message, hint=hint or None, traceback=trace or None)
        self._stop_code = code
        self._service.stop()
        if not self._crew.processes:
            self._exit_code = code
            return
        self._kill_at = time.monotonic() + _FAIL_STOP_S
