"""The engine process: starts replicas and proxy, keeps them up, and ends them when told.

Run as `python -m seatrial.engines.local.supervisor ROOT` with its order on stdin. It is the only
writer of the state file while it lives. When it is killed nothing else changes: replicas and
proxy are in sessions of their own and serve on, only nobody restarts them.
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import sys
import time
import traceback
from pathlib import Path
from types import FrameType

from msgspec.structs import replace

from seatrial.engines import commands, processes, runner
from seatrial.engines.local import launch, scaling, teardown
from seatrial.engines.local.launch import Order
from seatrial.engines.local.layout import Layout, layout_of
from seatrial.engines.local.state import (
    Phase,
    Slot,
    State,
    Unreadable,
    read_state,
    write_state,
)
from seatrial.engines.ports import free_ports
from seatrial.kernel.errors import DeployError, SeatrialError, StorageError
from seatrial.kernel.values import from_json

_FIRST_BACKOFF_S, _LONGEST_BACKOFF_S = 0.2, 10.0
_STEADY_S = 30.0  # A process that lived this long was not part of a crash loop.
_PORT_TRIES = 5
_POLL_S = 0.05
_IDLE_S = 5.0
_DRAIN_MARGIN_S = 5.0  # Over the runtime's own limit, as at a teardown.
STORAGE_FAILED = 74  # EX_IOERR of sysexits.h: on a full disk no file can tell the reason.


class _StoppedError(Exception):
    """A signal asked the engine to end."""


class Supervisor:
    """One deployment, from its first process to its last."""

    def __init__(self, layout: Layout, order: Order, state: State) -> None:
        self._layout = layout
        self._order = order
        self._state = state
        self._saved = True
        self._told = False  # Whether the proxy knows where the replicas are now.
        self._stop = False
        self._started: dict[str, float] = {}  # Monotonic time of each start.
        self._failures: dict[str, int] = {}  # In a row, for the backoff.
        self._due: dict[str, float] = {}  # Monotonic time of each wanted restart.
        self._scaler = scaling.scaler(order.release)
        self._draining: dict[str, float] = {}  # Since when, in monotonic time.
        self._leaving: dict[str, float] = {}  # Until when those told to end may take.
        self._wake, self._waker = socket.socketpair()

    # -- the life of a deployment

    def run(self) -> int:
        """Serve until told to stop; returns the exit code."""
        self._catch_signals()
        code = 0
        try:
            self._slot("engine", step="ready", identity=processes.me())
            self._start()
            self._phase("ready")
            while True:
                self._watch()
        except _StoppedError:
            self._phase("stopping", must_save=False)
        except SeatrialError as error:
            _say(str(error))
            self._phase("failed", detail=str(error), must_save=False)
            code = STORAGE_FAILED if isinstance(error, StorageError) else 1
        except Exception:
            # A bug, during the start: `_watch` lets none through once the app serves.
            _say(traceback.format_exc())
            code = 1
        teardown.end_all(self._layout, self._state)
        if code == 0:
            self._layout.state.unlink(missing_ok=True)
        return code

    def _start(self) -> None:
        release = self._order.release
        for slot in self._state.of("replica"):
            self._spawn_replica(slot.name, 0)
        deadline = time.monotonic() + release.start_timeout_s
        waiting = [slot.name for slot in self._state.of("replica")]
        tries = dict.fromkeys(waiting, 0)
        reasons: dict[str, str] = {}
        while waiting:
            for name in list(waiting):
                code = self._exit_code(name)
                if code is not None:
                    tries[name] += 1
                    self._replace_early(name, code, tries[name])
                    continue
                told = launch.ask_replica(self._state.slot(name).management_port)
                reasons[name] = told.reason
                if told.ready:
                    waiting.remove(name)
                    self._slot(name, step="ready")
            if waiting and time.monotonic() > deadline:
                name = waiting[0]
                raise self._failure(
                    name,
                    f"not ready within {release.start_timeout_s:g} s: {reasons.get(name, '')}",
                )
            self._pause(_POLL_S if waiting else 0.0)
        self._start_proxy()

    def _replace_early(self, name: str, code: int, tries: int) -> None:
        """A replica ended before it was ready: on a port conflict try others, else give up."""
        text = runner.tail(self._layout.log(name))
        if launch.lost_its_port(code, text) and tries <= _PORT_TRIES:
            self._spawn_replica(name, 0)
            return
        raise self._failure(name, f"ended with {runner.describe_exit(code)} before it was ready")

    def _start_proxy(self) -> None:
        self._tell_proxy()
        self._slot("proxy", step="spawning", identity=None)
        binary = self._order.proxy_binary
        identity = launch.start_proxy(self._layout, self._state, binary)
        self._slot("proxy", step="started", identity=identity)
        self._started["proxy"] = time.monotonic()
        deadline = time.monotonic() + self._order.release.start_timeout_s
        while True:
            code = self._exit_code("proxy")
            if code is not None:
                raise self._failure("proxy", f"ended with {runner.describe_exit(code)}")
            status = launch.ask_app(self._state.url, self._state.ready_path)
            if 0 < status < 500:
                self._slot("proxy", step="ready")
                return
            if time.monotonic() > deadline:
                what = f"status {status}" if status else "nothing"
                path = self._state.ready_path
                raise self._failure("proxy", f"a request for {path} through it answers {what}")
            self._pause(_POLL_S)

    def _failure(self, name: str, what: str) -> DeployError:
        text = launch.end_of_log(self._layout.log(name), self._order.release)
        lines = f"\nThe end of its log:\n{text}" if text else ""
        return DeployError(
            f"{name} {what}{lines}",
            where=str(self._layout.log(name)),
            fix="correct what the log says, then deploy again; nothing was left running",
        )

    # -- keeping it up

    def _watch(self) -> None:
        """One round: notice what ended, restart what is due. Lets only `_StoppedError` through."""
        try:
            due = min(self._moments(), default=time.monotonic() + _IDLE_S)
            self._pause(min(max(due - time.monotonic(), 0.0), _IDLE_S))
            for slot in self._state.slots:
                if slot.role != "engine" and slot.name not in self._due:
                    code = self._exit_code(slot.name)
                    if code is not None and slot.step == "draining":
                        self._drop(slot)
                    elif code is not None:
                        self._lost(slot, code)
            for name, moment in list(self._due.items()):
                if time.monotonic() >= moment:
                    del self._due[name]
                    self._restart(name)
            self._scale()
            if not self._told:
                self._tell_proxy()
            self._end_drained()
            if not self._saved:
                self._save(must=False)
            for path in self._layout.logs.glob("*.log"):
                launch.rotate(path)
            launch.rotate(self._layout.steps)
        except (SeatrialError, OSError) as error:
            _say(str(error))
            self._pause(_FIRST_BACKOFF_S)
        except _StoppedError:
            raise
        except Exception:
            # A bug here must not take down an app that serves.
            _say(traceback.format_exc())
            self._pause(1.0)

    # -- scaling

    def _moments(self) -> list[float]:
        """When there is something to do."""
        moments = [*self._due.values(), *self._leaving.values()]
        if self._draining.keys() - self._leaving.keys():
            moments.append(time.monotonic() + _POLL_S)
        if self._scaler is not None:
            moments.append(self._scaler.due)
        return moments

    def _scale(self) -> None:
        """Ask the policy when it is time, then add replicas, or let the newest drain."""
        if self._scaler is None:
            return
        if time.monotonic() >= self._scaler.due:
            before = self._state.replicas_wanted
            wanted, reading = self._scaler.look(self._state.replicas, before)
            if wanted != before:
                _say(f"{before} to {wanted} replicas: {reading.busy:.0%} busy")
                self._state = replace(self._state, replicas_wanted=wanted)
                self._save(must=False)
        staying = self._state.replicas
        for slot in staying[self._state.replicas_wanted :]:
            self._due.pop(slot.name, None)
            self._draining[slot.name] = time.monotonic()
            self._slot(slot.name, must_save=False, step="draining", detail="no longer needed")
            self._told = False
        for _ in range(self._state.replicas_wanted - len(staying)):
            replicas = self._state.of("replica")
            slot = Slot(role="replica", name=scaling.free_name(replicas))
            self._state = self._state.with_replicas((*replicas, slot))
            self._due[slot.name] = time.monotonic()

    def _end_drained(self) -> None:
        """Tell draining replicas to end once the proxy has left them, and those that do not to."""
        now = time.monotonic()
        for name, since in list(self._draining.items()):
            slot = self._state.slot(name)
            if not processes.alive(slot.identity) or slot.identity is None:
                self._drop(slot)
            elif name not in self._leaving:
                if scaling.proxy_left(self._layout, len(self._state.replicas), since):
                    grace_s = self._state.graceful_timeout_s + _DRAIN_MARGIN_S
                    self._leaving[name] = now + grace_s
                    processes.signal_to(slot.identity, signal.SIGTERM)
            elif now >= self._leaving[name]:
                self._leaving[name] = now + _DRAIN_MARGIN_S
                processes.signal_to(slot.identity, signal.SIGKILL)

    def _drop(self, slot: Slot) -> None:
        """Forget a replica that has drained."""
        self._draining.pop(slot.name, None)
        self._leaving.pop(slot.name, None)
        if slot.identity is not None:
            runner.forget(slot.identity)
        kept = tuple(one for one in self._state.of("replica") if one.name != slot.name)
        self._state = self._state.with_replicas(kept)
        self._save(must=False)

    def _lost(self, slot: Slot, code: int) -> None:
        now = time.monotonic()
        if now - self._started.get(slot.name, now) > _STEADY_S:
            self._failures[slot.name] = 0
        failures = self._failures.get(slot.name, 0)
        self._failures[slot.name] = failures + 1
        backoff_s = min(_FIRST_BACKOFF_S * 2 ** min(failures, 16), _LONGEST_BACKOFF_S)
        self._due[slot.name] = now + backoff_s
        detail = f"ended with {runner.describe_exit(code)}; restart in {backoff_s:g} s"
        _say(f"{slot.name} {detail}")
        self._slot(slot.name, must_save=False, step="down", detail=detail)
        assert slot.identity is not None
        runner.forget(slot.identity)

    def _restart(self, name: str) -> None:
        slot = self._state.slot(name)
        try:
            if slot.role == "replica":
                self._spawn_replica(name, slot.restarts + (slot.step != "absent"))
            else:
                restarts = slot.restarts + 1
                self._slot(name, must_save=False, step="spawning", restarts=restarts)
                identity = launch.restart_proxy(self._layout, self._state, self._order.proxy_binary)
                self._started[name] = time.monotonic()
                self._slot(name, must_save=False, step="started", identity=identity, detail="")
        except SeatrialError:
            self._due[name] = time.monotonic() + _LONGEST_BACKOFF_S
            raise

    def _spawn_replica(self, name: str, restarts: int) -> None:
        """Start a replica, on its old ports where they are free: that needs no disk space."""
        slot = self._state.slot(name)
        ports = (slot.port, slot.management_port)
        serving = self._state.phase == "ready"
        moved = not (serving and all(port and runner.is_free(port) for port in ports))
        if moved:
            ports = self._fresh_ports()
        self._slot(
            name,
            must_save=not serving,
            step="spawning",
            identity=None if not serving else slot.identity,
            port=ports[0],
            management_port=ports[1],
            restarts=restarts,
        )
        marked = commands.marks(self._state.id, name)
        release = self._order.release
        identity = launch.start_replica(
            self._layout, release, name=name, ports=ports, marked=marked
        )
        self._started[name] = time.monotonic()
        self._slot(name, must_save=not serving, step="started", identity=identity, detail="")
        self._told = self._told and not moved

    def _tell_proxy(self) -> None:
        launch.write_endpoints(self._layout, self._state)
        self._told = True

    def _fresh_ports(self) -> tuple[int, int]:
        taken = {slot.port for slot in self._state.slots}
        taken |= {slot.management_port for slot in self._state.slots} | {self._state.port}
        # Each port of a replica that is still starting is free in the system's eyes.
        free = [port for port in free_ports(len(taken) + 2) if port not in taken]
        return free[0], free[1]

    # -- memory

    def _exit_code(self, name: str) -> int | None:
        identity = self._state.slot(name).identity
        return None if identity is None else runner.exit_code(identity)

    def _slot(self, name: str, *, must_save: bool = True, **changes: object) -> None:
        slot = replace(self._state.slot(name), **changes)
        self._state = self._state.with_slot(slot)
        self._save(must=must_save)

    def _phase(self, phase: Phase, *, detail: str = "", must_save: bool = True) -> None:
        self._state = replace(self._state, phase=phase, detail=detail)
        self._save(must=must_save)

    def _save(self, *, must: bool) -> None:
        """Record the state; once the app serves, a full disk only delays the record."""
        try:
            write_state(self._layout.state, self._state)
            self._saved = True
        except StorageError as error:
            if must:
                raise
            self._saved = False
            _say(str(error))

    # -- signals

    def _catch_signals(self) -> None:
        def noticed(number: int, frame: FrameType | None) -> None:
            if number != signal.SIGCHLD:
                self._stop = True

        for end in (self._wake, self._waker):
            end.setblocking(False)
        signal.set_wakeup_fd(self._waker.fileno(), warn_on_full_buffer=False)
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGCHLD):
            signal.signal(number, noticed)
        signal.signal(signal.SIGHUP, signal.SIG_IGN)

    def _pause(self, seconds: float) -> None:
        """Sleep until `seconds` are over or a child ends; raises when told to stop."""
        if not self._stop and seconds > 0:
            self._wake.settimeout(seconds)
            with contextlib.suppress(TimeoutError, BlockingIOError):
                self._wake.recv(512)
        if self._stop:
            raise _StoppedError


def _say(text: str) -> None:
    """A line in the engine's log; a full disk must not stop what the line is about."""
    with contextlib.suppress(OSError):
        os.write(sys.stderr.fileno(), f"{text}\n".encode())


def main(root: str) -> int:
    """Entry point of the engine process."""
    layout = layout_of(Path(root))
    data = sys.stdin.buffer.read()
    order = from_json(data, Order)
    state = read_state(layout.state)
    if state is None or isinstance(state, Unreadable) or state.id != order.deployment:
        # The command that ordered this is gone, and somebody has cleaned up since.
        _say("the order is out of date")
        return 1
    return Supervisor(layout, order, state).run()


if __name__ == "__main__":
    os.umask(0o077)
    sys.exit(main(sys.argv[1]))
