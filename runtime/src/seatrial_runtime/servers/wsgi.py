"""The server process: gunicorn's arbiter and its gthread workers, on a socket they inherit.

Runs in a process of its own, started by the supervisor with a `ServerSpec` as its argument. The
supervisor never imports this module, nor gunicorn, nor the app.
"""

import contextlib
import errno
import os
import select
import signal
import socket
import sys
import time
from types import FrameType
from typing import Any

from gunicorn import util
from gunicorn.app.base import BaseApplication
from gunicorn.arbiter import Arbiter
from gunicorn.workers.gthread import ThreadWorker

from seatrial_runtime.servers.gunicorn_log import JsonLogger
from seatrial_runtime.servers.interface import interface_of
from seatrial_runtime.servers.spec import (
    InterfaceError,
    ServerSpec,
    enter,
    load_failure,
    watch_parent,
)
from seatrial_runtime.supervisor.channel import Message, Sender
from seatrial_runtime.supervisor.processes import die_with_parent

_STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT)


class _OtherInterfaceError(Exception):
    """Said to the supervisor already."""


class App(BaseApplication):
    """gunicorn's view of one app: its configuration, and how to load it."""

    def __init__(self, spec: ServerSpec, sender: Sender) -> None:
        self.spec, self.sender = spec, sender
        super().__init__()

    def load_config(self) -> None:
        """Set everything here: no configuration file or gunicorn variable has a say."""
        shm = "/dev/shm"
        settings = {
            "bind": f"fd://{self.spec.listener_fd}",
            "workers": self.spec.workers,
            "threads": self.spec.threads,
            "worker_class": Worker,
            "logger_class": JsonLogger,
            "graceful_timeout": self.spec.graceful_timeout_s,
            "keepalive": self.spec.keep_alive_s,
            "control_socket_disable": True,
            # Heartbeats through a disk that stalls would get healthy workers killed.
            "worker_tmp_dir": shm if os.access(shm, os.W_OK | os.X_OK) else None,
            "child_exit": self._worker_gone,
        }
        for name, value in settings.items():
            self.cfg.set(name, value)

    def load(self) -> Any:
        """Import the app; runs in each worker, never in the arbiter."""
        # As late as this, so that an app's `secrets.py` does not shadow what gunicorn imports.
        sys.path.insert(0, self.spec.app_dir)
        return util.import_app(self.spec.target)

    def _worker_gone(self, _: Arbiter, worker: "Worker") -> None:
        self.sender.send(Message("gone", int(worker.pid)))


class ServerArbiter(Arbiter):
    """Restarts workers; ends when its supervisor does, and then takes its whole group along."""

    def __init__(self, app: App) -> None:
        super().__init__(app)
        self._spec, self._sender = app.spec, app.sender
        # gunicorn's name for "the listening socket is not mine": it must not unlink its path.
        self.systemd = True
        assert isinstance(self.log, JsonLogger)
        self.log.on_error = self._report

    def _report(self, text: str) -> None:
        self._sender.send(Message("error", os.getpid(), text=text))

    def wait_for_signals(self, timeout: float | None = 1.0) -> list[int]:
        """Also notices a lost supervisor, where the kernel does not tell."""
        received = super().wait_for_signals(timeout)
        return [*received, signal.SIGTERM] if self._orphaned else received

    @property
    def _orphaned(self) -> bool:
        return os.getppid() != self._spec.supervisor_pid

    def spawn_worker(self) -> int:
        """Fork with the stop signals held back until the worker can act on them.

        A signal that came between the fork and the worker's own handlers would land in the
        arbiter's handler inside the worker, and be lost there.
        """
        before = signal.pthread_sigmask(signal.SIG_BLOCK, _STOP_SIGNALS)
        try:
            return super().spawn_worker()
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)

    def halt(self, reason: str | None = None, exit_status: int = 0) -> None:
        """Stop; with no supervisor left to do it, also end what the app's workers started."""
        try:
            super().halt(reason, exit_status)
        finally:
            if self._orphaned:
                os.killpg(0, signal.SIGKILL)


class Worker(ThreadWorker):
    """A gthread worker that reports, never outlives its arbiter and drains what has queued."""

    app: App

    def init_process(self) -> None:
        """Runs in the new process before anything of the app does."""
        assert isinstance(self.log, JsonLogger)
        self.log.on_error = None
        die_with_parent(self.ppid)
        load_deadline = time.monotonic() + self.app.spec.start_timeout_s

        def beat() -> None:
            """While the app loads, however long the import."""
            if not self.booted and time.monotonic() < load_deadline:
                self.notify()

        watch_parent(self.ppid, self.app.spec.graceful_timeout_s, beat)
        super().init_process()

    def init_signals(self) -> None:
        """Install the handlers, then let in the signals that the arbiter held back."""
        super().init_signals()
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _STOP_SIGNALS)

    def load_wsgi(self) -> None:
        """Load the app; a failure is told to the supervisor in the app's own words."""
        try:
            self.wsgi = self.app.load()
            if interface_of(self.wsgi) == "asgi":
                self._refuse_asgi()
        except BaseException as error:
            if not self.alive:
                raise  # Told to stop while importing.
            # Even SystemExit: a module that exits when imported would be restarted for ever.
            if not isinstance(error, _OtherInterfaceError):
                self.app.sender.send(load_failure(error, self.app.spec))
            sys.exit(Arbiter.APP_LOAD_ERROR)

    def _refuse_asgi(self) -> None:
        """Every request to it would fail; the supervisor starts the other server instead."""
        if self.app.spec.interface == "auto":
            self.app.sender.send(Message("interface", os.getpid(), text="asgi"))
            raise _OtherInterfaceError
        raise InterfaceError(f"{self.app.spec.target} is an ASGI app, and --interface says wsgi")

    def run(self) -> None:
        """Serve until told to stop."""
        self.app.sender.send(Message("ready", os.getpid()))
        super().run()

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """SIGTERM. A worker that is still importing the app has nothing to finish."""
        if not self.booted:
            os._exit(0)
        super().handle_exit(sig, frame)

    def set_accept_enabled(self, enabled: bool | None) -> None:
        """When the service ends, take the connections that wait, then refuse new ones.

        Nobody would answer them later, and a refused client can safely try elsewhere. Refusing
        goes for every process that shares the socket and resets what still waits in it, so it
        follows the last accept at once. A worker that ends alone leaves the socket to others.
        """
        if not enabled and not self.alive and self._service_ends():
            for listener in self.sockets:
                before = -1
                while before < self.nr_conns < self.worker_connections:
                    before = self.nr_conns
                    self.accept(listener)
                with contextlib.suppress(OSError):
                    listener.shutdown(socket.SHUT_RDWR)
        super().set_accept_enabled(enabled)

    def accept(self, listener: socket.socket) -> None:
        """Take one connection, if there is one and no other worker has ended the listening."""
        try:
            super().accept(listener)
        except OSError as error:
            if error.errno != errno.EINVAL:
                raise

    def _service_ends(self) -> bool:
        return bool(select.select([self.app.spec.stop_fd], [], [], 0)[0])


def main() -> None:
    """Entry point of the server process; never returns."""
    spec = enter()
    for name in ("GUNICORN_PID", "GUNICORN_FD"):
        os.environ.pop(name, None)  # They would make gunicorn think it is being re-executed.
    ServerArbiter(App(spec, Sender(spec.channel_fd))).run()
