"""What one service consists of: sockets, processes, probes, figures; made, started and closed."""

import contextlib
import os
import selectors
import socket
import threading
import time
from collections.abc import Callable, Mapping

from seatrial_runtime import STARTED_S
from seatrial_runtime.guard.buckets import create
from seatrial_runtime.servers.spec import service_name
from seatrial_runtime.settings.settings import Settings
from seatrial_runtime.supervisor import sizing
from seatrial_runtime.supervisor.address import Address, inode_of, listen, remove_path
from seatrial_runtime.supervisor.care import Care
from seatrial_runtime.supervisor.channel import Message
from seatrial_runtime.supervisor.crew import Crew
from seatrial_runtime.supervisor.figures import Figures
from seatrial_runtime.supervisor.launch import launch
from seatrial_runtime.supervisor.management import Management
from seatrial_runtime.supervisor.prober import Prober, probe_of
from seatrial_runtime.supervisor.relay import Relay, log_fd
from seatrial_runtime.supervisor.state import State
from seatrial_runtime.supervisor.streamlit import HEALTH_BODY, HEALTH_PATH, MISSING, adapted
from seatrial_runtime.supervisor.views import Readiness, metrics_view
from seatrial_runtime.supervisor.worker_process import Shared, WorkerProcess
from seatrial_runtime.telemetry import figures_folder, logs

_LAST_WORDS_S = 1.0
_STEADY_PROGRAM_S = 1.0  # A program without a port is up once it has lived so long.
_TELL_S = 0.5


class Service:
    """Everything of a service but the decision when it ends. Leaves nothing behind once closed."""

    def __init__(
        self,
        settings: Settings,
        app_environ: Mapping[str, str],
        selector: selectors.BaseSelector,
        on_message: Callable[[Message], None],
    ) -> None:
        streamlit, body = settings.command == "streamlit", b""
        if streamlit:
            settings = adapted(settings)
            body = HEALTH_BODY if settings.ready_path == HEALTH_PATH else b""
        self.settings, self._on_message = settings, on_message
        self._probe = probe_of(settings, body)
        self._warning = MISSING if streamlit and settings.command == "command" else ""
        self.limits = sizing.read_limits()
        self._count = settings.workers or sizing.workers(self.limits, settings.worker_memory)
        self._serves = settings.command in ("web", "streamlit", "gradio")
        # A program listens by itself; the socket of an app outlives its workers.
        self._listeners: list[tuple[socket.socket, Address, int | None]] = []
        self._listener = self._listen(settings.bind, "--bind") if self._serves else None
        self._management = self._listen(settings.management, "--management")
        self.state = State(STARTED_S, self._count)
        self.readiness = Readiness(settings, self.state, app_environ)
        self._figures = Figures(self._count, lambda: self.state.alive)
        self._relay = Relay()
        self._stop_read, self._stop_write = os.pipe()
        self._metrics_dir = figures_folder.prepare()
        self._out_fd, self._err_fd = log_fd(logs.STDOUT), log_fd(logs.STDERR)
        shared = Shared(
            settings=settings,
            launch=launch(settings, app_environ),
            relay=self._relay,
            selector=selector,
            listener_fd=self._listener.fileno() if self._listener is not None else -1,
            stop_fd=self._stop_read,
            buckets_fd=create() if self._serves else -1,
            out_fd=self._out_fd,
            err_fd=self._err_fd,
            metrics_dir=self._metrics_dir,
        )
        limit = sizing.memory_limit(self.limits, settings.max_worker_memory, self._count)
        care = Care(settings, limit if self._serves else 0)
        self.crew = Crew(
            shared, self._count, care, self._figures, self._message, self._ready, self._left
        )
        self._told_s = 0.0

    def _listen(self, address: Address, option: str) -> socket.socket:
        try:
            listener = listen(address, option)
        except BaseException:
            self._close_listeners()
            raise
        self._listeners.append((listener, address, inode_of(address)))
        return listener

    def start(self) -> None:
        """Answer the probes and start the processes; in the main thread."""
        settings, state = self.settings, self.state
        logs.use(self._out_fd, self._err_fd)
        logs.tell(service=service_name(settings), environment=settings.environment)
        logs.emit(
            "info",
            "start",
            app=settings.target,
            command=settings.command,
            interface=settings.interface,
            bind=str(settings.bind) if settings.command != "worker" else None,
            management=str(settings.management),
            workers=self._count,
            threads=settings.threads,
            memory_limit_bytes=self.limits.memory_bytes or None,
            processors=self.limits.processors,
        )
        if self._warning:
            logs.emit("warning", "streamlit", message=self._warning)
        quick = {"/health": state.health, "/startup": state.startup, "/workers": state.workers}
        metrics = metrics_view(self._metrics_dir, self._figures)
        slow = {"/ready": self.readiness.view, "/metrics": metrics}
        Management(self._management, quick, slow).start()
        self._relay.start()
        if settings.command != "worker":
            Prober(state, self._probe, beats=self._serves).start()
        self.crew.start()

    # -- what the processes tell

    def _message(self, process: WorkerProcess, message: Message) -> None:
        self._on_message(message)

    def _ready(self, pid: int) -> None:
        self.state.worker_ready(pid)
        if self.settings.command == "worker":
            boot_s = self.state.probe_succeeded(self.state.generation)
            if boot_s is not None:
                logs.emit("info", "ready", boot_s=boot_s)

    def _programs(self, now: float) -> None:
        """Whether one that listens serves only its answers can tell; a worker has to live on."""
        steady_s = _STEADY_PROGRAM_S if self.settings.command == "worker" else 0.0
        for process in list(self.crew.processes.values()):
            since_s = process.silent_since_s
            if process.ready_s is None and since_s is not None and now >= since_s + steady_s:
                self.crew.ready(process)

    def _left(self, pid: int) -> None:
        self.state.worker_gone(pid)

    def gone(self, pid: int) -> None:
        """A process was reaped: what it counted is kept, what it held is dropped."""
        # Beside the main thread: it reads files, and serving must not wait for that.
        threading.Thread(target=_fold, args=(self._metrics_dir, pid), daemon=True).start()

    def on_time(self, now: float) -> None:
        """At every turn of the main loop."""
        self.crew.on_time(now)
        if not self._serves:
            self._programs(now)
        if now - self._told_s >= _TELL_S:
            self._told_s = now
            self.state.told({pid: p.figures(now) for pid, p in self.crew.processes.items()})

    def set_level(self, level: str) -> None:
        """Of the app's own logging: in the processes that run, and in those still to come."""
        self.crew.set_level(level)

    # -- the end

    def stop(self) -> None:
        """Have every process finish what it has, and refuse what comes."""
        os.write(self._stop_write, b"!")
        self.crew.stop()

    def refuse(self) -> None:
        """No connection from now on."""
        with contextlib.suppress(OSError):
            if self._listener is not None:
                self._listener.shutdown(socket.SHUT_RDWR)

    def finish(self) -> None:
        """End whatever still runs, and tell what was still to be told."""
        self.crew.kill()
        deadline = time.monotonic() + _LAST_WORDS_S
        while self.crew.processes and time.monotonic() < deadline:
            self.crew.reap()
            time.sleep(0.005)
        self.crew.reap()
        self._relay.finish(_LAST_WORDS_S)

    def close(self) -> None:
        """Leave nothing behind; also after a failure at any moment."""
        self.crew.kill()
        self.crew.reap()
        self._close_listeners()
        figures_folder.remove(self._metrics_dir)

    def _close_listeners(self) -> None:
        for listener, address, inode in self._listeners:
            listener.close()
            remove_path(address, inode)


def _fold(metrics_dir: str, pid: int) -> None:
    # In this thread and not above: it takes a tenth of a second to import.
    from seatrial_runtime.telemetry.exposition import gone

    gone(metrics_dir, pid)
