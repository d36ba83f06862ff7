"""The processes that serve: how many there are, who follows whom, who is asked to leave."""

import contextlib
import dataclasses
import os
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass

from seatrial_runtime.supervisor.care import Care
from seatrial_runtime.supervisor.channel import Message
from seatrial_runtime.supervisor.figures import Figures
from seatrial_runtime.supervisor.processes import descendants, describe_exit, signal_group
from seatrial_runtime.supervisor.worker_process import Shared, WorkerProcess
from seatrial_runtime.telemetry.logs import emit

_FIRST_BACKOFF_S = 0.1
_LONGEST_BACKOFF_S = 10.0
_LONGEST_SERVED_BACKOFF_S = 1.0  # It did serve: a request may have killed it, not its start.
_STEADY_S = 10.0  # A process that lived this long was not part of a crash loop.
_LOOK_S = 0.5
_STACKS_S = 0.5  # How long the C level gets to write them.


@dataclass(eq=False)
class Slot:
    """One of the wanted workers: the process that serves, and while it is replaced the next."""

    process: WorkerProcess | None = None
    successor: WorkerProcess | None = None
    crashes: int = 0  # In a row, for the backoff.
    restart_at: float | None = None  # Monotonic.
    reason: str = ""  # Of that restart.


@dataclass(frozen=True)
class Ended:
    """A process that was reaped. `wanted` ones were asked to leave and are replaced already."""

    process: WorkerProcess
    how: str
    wanted: bool
    slot: Slot | None


class Crew:
    """Starts and replaces processes; at most one is being replaced at a time.

    `on_ready` and `on_gone` tell which processes serve, `on_message` what else they said.
    """

    def __init__(
        self,
        shared: Shared,
        count: int,
        care: Care,
        figures: Figures,
        on_message: Callable[[WorkerProcess, Message], None],
        on_ready: Callable[[int], None],
        on_gone: Callable[[int], None],
    ) -> None:
        self._shared, self._care, self._figures = shared, care, figures
        self._on_message, self._on_ready, self._on_gone = on_message, on_ready, on_gone
        self.slots = [Slot() for _ in range(count)]
        self.processes: dict[int, WorkerProcess] = {}
        self._leaving: WorkerProcess | None = None
        self._groups: set[int] = set()  # Process groups that may have members left.
        self._stopping = False

    # -- starting

    def start(self) -> None:
        """Start every wanted process."""
        for slot in self.slots:
            slot.process = self._spawn()

    def _spawn(self) -> WorkerProcess:
        process = WorkerProcess(self._shared, self._message)
        self.processes[process.pid] = process
        self._groups.add(process.pid)
        emit("info", "worker_started", pid=process.pid)
        return process

    def _message(self, process: WorkerProcess, message: Message) -> None:
        if message.kind == "failed":
            process.failure = message
        elif message.kind == "ready":
            process.first_rss_bytes = message.rss_bytes
            self.ready(process)
        elif message.kind == "tasks":
            process.tasks_of = message.text
        elif message.kind == "program":
            process.silent_since_s = time.monotonic()
        self._on_message(process, message)

    def ready(self, process: WorkerProcess) -> None:
        """It serves from now on."""
        now = time.monotonic()
        process.ready_s = now
        self._on_ready(process.pid)
        slot = next((slot for slot in self.slots if slot.successor is process), None)
        if slot is not None:
            old, slot.process, slot.successor = slot.process, process, None
            if old is not None:
                self._dismiss(old, now)

    # -- replacing

    def _dismiss(self, process: WorkerProcess, now: float) -> None:
        """Its successor serves: it finishes what it has and ends."""
        process.leaving_s, self._leaving = now, process
        self._on_gone(process.pid)
        process.send_signal(signal.SIGTERM)

    def _replace_one(self) -> None:
        if self._leaving is not None or any(slot.successor is not None for slot in self.slots):
            return
        for slot in self.slots:
            process = slot.process
            reason = self._care.reason_to_replace(process) if process is not None else None
            if process is None or reason is None:
                continue
            if reason == "overdue":
                process.order("stacks")
            emit(
                "warning",
                "worker_recycling",
                pid=process.pid,
                reason=reason,
                rss_bytes=process.beat.rss_bytes,
                limit_bytes=self._care.memory_limit or None,
                overdue_s=process.beat.overdue_s or None,
            )
            process.reason = reason
            slot.successor = self._spawn()
            return

    # -- ends

    def reap(self) -> list[Ended]:
        """Collect every dead child, adopted orphans too; which of ours ended, and how."""
        ended = []
        with contextlib.suppress(ChildProcessError):
            while True:
                pid, status = os.waitpid(-1, os.WNOHANG)
                if pid == 0:
                    break
                process = self.processes.pop(pid, None)
                if process is not None:
                    process.forget(status)
                    ended.append(self._ended(process, describe_exit(status)))
        # At once, while no other process can have taken the number over.
        self._groups = {group for group in self._groups if signal_group(group, 0)}
        return ended

    def _ended(self, process: WorkerProcess, how: str) -> Ended:
        if process is self._leaving:
            self._leaving = None
            self._figures.recycled(process.reason)
            emit(
                "info",
                "worker_recycled",
                pid=process.pid,
                reason=process.reason,
                rss_bytes=process.beat.rss_bytes,
                message=how,
            )
            return Ended(process, how, True, None)
        self._on_gone(process.pid)
        for slot in self.slots:
            if slot.successor is process:
                slot.successor = None
                # The one that it was to follow serves on, and is looked at again later.
                self._care.postpone()
                return Ended(process, how, False, None)
            if slot.process is process:
                slot.process = slot.successor
                slot.successor = None
                return Ended(process, how, False, slot)
        return Ended(process, how, False, None)

    def back_off(self, ended: Ended) -> float:
        """Plan the restart after an end that nobody wanted; returns in how many seconds."""
        slot, process, now = ended.slot, ended.process, time.monotonic()
        if slot is None or slot.process is not None:
            return 0.0
        if now - process.started_s > _STEADY_S:
            slot.crashes = 0
        served = process.ready_s is not None
        longest_s = _LONGEST_SERVED_BACKOFF_S if served else _LONGEST_BACKOFF_S
        backoff_s = float(min(_FIRST_BACKOFF_S * 2**slot.crashes, longest_s))
        slot.crashes = min(slot.crashes + 1, 16)
        slot.restart_at = now + backoff_s
        slot.reason = "stuck" if process.stuck_s is not None else "crash"
        return backoff_s

    # -- time

    def due(self) -> list[float]:
        """Monotonic times at which `on_time` has something to do; beats bring it too."""
        found = [slot.restart_at for slot in self.slots if slot.restart_at is not None]
        found += [p.stuck_s + _STACKS_S for p in self.processes.values() if p.stuck_s is not None]
        if self.processes and not self._stopping:
            # The silent ones do not wake anybody.
            found.append(time.monotonic() + _LOOK_S)
        return found

    def on_time(self, now: float) -> None:
        """Restart, replace, and end what gives no sign of life."""
        if self._stopping:
            return
        for slot in self.slots:
            if slot.restart_at is not None and now >= slot.restart_at:
                slot.restart_at = None
                slot.process = self._spawn()
                self._figures.restarted(slot.reason)
        self._care.awake(now, self.processes.values())
        for process in list(self.processes.values()):
            self._look_after(process, now)
        self._replace_one()

    def _look_after(self, process: WorkerProcess, now: float) -> None:
        if process.stuck_s is None:
            reason = self._care.reason_to_end(process, now)
            if reason is not None:
                process.stuck_s, process.reason = now, reason
                process.ask_for_stacks()
        elif now >= process.stuck_s + _STACKS_S:
            process.stuck_s = now + 3600  # Once is enough.
            emit(
                "error",
                "worker_stuck",
                pid=process.pid,
                message=process.reason,
                in_flight=process.beat.in_flight,
                rss_bytes=process.beat.rss_bytes,
                stacks=process.stacks() or None,
            )
            process.kill()

    # -- stopping

    def stop(self) -> None:
        """Ask all to finish what is in flight and end, and none to follow them."""
        self._stopping = True
        for slot in self.slots:
            slot.restart_at = None
        for process in self.processes.values():
            process.send_signal(signal.SIGTERM)

    def hurry(self) -> None:
        """Their time is over: Celery gives its tasks back on SIGQUIT, others heed a second TERM."""
        for process in self.processes.values():
            gives_back = process.tasks_of == "celery"
            process.send_signal(signal.SIGQUIT if gives_back else signal.SIGTERM)

    def set_level(self, level: str) -> None:
        """The log level from now on, of all that run and of those to come."""
        settings = dataclasses.replace(self._shared.settings, log_level=level)
        self._shared = dataclasses.replace(self._shared, settings=settings)
        for process in self.processes.values():
            process.order("level", level=level)

    def kill(self) -> None:
        """End them and whatever they started, now."""
        for group in self._groups:
            signal_group(group, signal.SIGKILL)
        # Also what made itself a session of its own: orphans were adopted by this process.
        for pid in descendants(os.getpid()):
            with contextlib.suppress(OSError):
                os.kill(pid, signal.SIGKILL)
