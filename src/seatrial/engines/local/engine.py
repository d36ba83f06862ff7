"""The local engine: deploy, status and stop of one app on this machine."""

from __future__ import annotations

import contextlib
import datetime
import os
import secrets
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from filelock import FileLock, Timeout

from seatrial.engines import commands, processes, runner
from seatrial.engines.engine import Progress, Release, StopReport
from seatrial.engines.local import launch, status, teardown
from seatrial.engines.local.checks import check
from seatrial.engines.local.layout import Layout, layout_of
from seatrial.engines.local.state import Slot, State, Unreadable, read_state, write_state
from seatrial.engines.local.supervisor import STORAGE_FAILED
from seatrial.engines.processes import Identity
from seatrial.kernel.deployment import Deployment
from seatrial.kernel.errors import DeployError, StorageError, TransientError
from seatrial.kernel.values import to_json

# Over the start timeout: two starts (replicas, proxy), and the engine's own.
_START_MARGIN_S = 15.0
_STOP_MARGIN_S = 20.0
_POLL_S = 0.05


class LocalEngine:
    """Runs one deployment under `root`; see `engines.engine.Engine` for the contract."""

    def __init__(self, root: Path) -> None:
        self._layout = layout_of(root)

    def deploy(self, release: Release, *, progress: Progress) -> Deployment:
        """Start `release` behind the proxy; returns once a request through it was answered."""
        check(release)
        binary = launch.proxy_binary()
        layout = self._layout
        layout.create()
        with self._lock():
            self._make_room(progress)
            runner.require_free(release.port)
            layout.create_run()
            launch.make_data_folder(release)
            for path in layout.logs.glob("*.log"):
                launch.rotate(path)
            try:
                self._start(release, binary, progress)
                found = status.look(layout)
                assert found is not None
                return found
            except BaseException:
                progress("Clearing away what was started")
                self._clear()
                raise

    def status(self) -> Deployment | None:
        """What runs now; None when nothing is deployed."""
        return status.look(self._layout)

    def stop(self, *, progress: Progress) -> StopReport:
        """End everything under the root; logs and data stay."""
        if not self._layout.root.is_dir():
            return StopReport()
        with self._lock():
            return self._clear(progress)

    def logs(self, lines: int) -> dict[str, tuple[str, ...]]:
        """The last `lines` lines of each process's log, by process."""
        return {
            path.stem: tuple(runner.last_lines(path, lines))
            for path in sorted(self._layout.logs.glob("*.log"))
        }

    # -- deploying

    def _make_room(self, progress: Progress) -> None:
        """Refuse beside a deployment whose engine lives, clear away anything else."""
        state = read_state(self._layout.state)
        if isinstance(state, State) and state.phase != "failed":
            engine = state.slot("engine").identity
            if processes.alive(engine):
                raise DeployError(
                    f"{state.app} is already running at {state.url}",
                    fix="`seatrial stop` first",
                )
        if state is not None or processes.marked(self._layout.mark):
            progress("Clearing away what an earlier deployment left behind")
            self._clear()

    def _start(self, release: Release, binary: str, progress: Progress) -> None:
        layout = self._layout
        state = _first_state(layout, release)
        write_state(layout.state, state)
        order = launch.Order(deployment=state.id, proxy_binary=binary, release=release)
        env = commands.minimal_env(os.environ) | commands.marks(state.id, "engine")
        # The engine is this very program, wherever it is imported from.
        env["PYTHONPATH"] = os.pathsep.join(path for path in sys.path if path)
        progress(f"Starting {release.replicas} replicas of {release.app}")
        identity = runner.spawn(
            commands.engine(sys.executable, layout.root),
            cwd=layout.root,
            env=env,
            log=layout.log("engine"),
            steps=layout.steps,
            stdin=to_json(order),
        )
        self._await_ready(state, release, identity, progress)

    def _await_ready(
        self, first: State, release: Release, engine: Identity, progress: Progress
    ) -> None:
        deadline = time.monotonic() + 2 * release.start_timeout_s + _START_MARGIN_S
        told: set[str] = set()
        while True:
            code = runner.exit_code(engine)
            state = read_state(self._layout.state)
            if isinstance(state, State) and state.id == first.id:
                for slot in state.slots:
                    if slot.step == "ready" and slot.role != "engine" and slot.name not in told:
                        told.add(slot.name)
                        progress(f"{slot.name} is ready")
                if state.phase == "ready":
                    return
                if state.phase == "failed":
                    self._raise_failed(state.detail, release.port, engine)
            if code == STORAGE_FAILED:
                raise StorageError(
                    "the engine process cannot write here",
                    where=str(self._layout.root),
                    fix="free some disk space, or check the folder's permissions",
                )
            if code is not None:
                text = launch.redact(runner.tail(self._layout.log("engine")), release)
                raise DeployError(
                    f"the engine process ended with {runner.describe_exit(code)}\n{text}",
                    where=str(self._layout.log("engine")),
                )
            if time.monotonic() > deadline:
                raise DeployError(
                    "the engine process did not finish the start in time",
                    where=str(self._layout.log("engine")),
                )
            time.sleep(_POLL_S)

    def _raise_failed(self, detail: str, port: int, engine: Identity) -> None:
        # The engine is on its way out and takes its children along; only then is the port ours.
        processes.terminate((engine,), _STOP_MARGIN_S, runner.reap)
        if "proxy" in detail:
            runner.require_free(port)
        raise DeployError(detail)

    # -- stopping

    def _clear(self, progress: Progress = lambda line: None) -> StopReport:
        layout = self._layout
        found = read_state(layout.state)
        notes = []
        state = found if isinstance(found, State) else None
        if isinstance(found, Unreadable):
            notes.append(
                f"the state file {found.reason}: processes were found by their mark instead"
            )
        before = {item.identity.pid: item for item in processes.marked(layout.mark)}
        if state is not None:
            engine = state.slot("engine").identity
            if processes.alive(engine) and engine is not None:
                progress(f"Draining {state.app}")
                grace_s = 2 * state.graceful_timeout_s + _STOP_MARGIN_S
                killed = processes.terminate((engine,), grace_s, runner.reap)
                if killed:
                    notes.append("the engine process did not end when asked and was killed")
            elif state.phase != "failed":
                notes.append("the engine process was dead already")
        ended = teardown.end_all(layout, state)
        runner.reap()
        with contextlib.suppress(FileNotFoundError):
            layout.state.unlink()
        for path in layout.root.glob(".state.json.*"):
            path.unlink(missing_ok=True)  # From a writer that was killed.
        return teardown.report(before, ended, notes)

    @contextlib.contextmanager
    def _lock(self) -> Iterator[None]:
        """Held by one command at a time; the system lets go of it when its holder dies."""
        lock = FileLock(self._layout.lock, timeout=0)
        try:
            lock.acquire()
        except Timeout as error:
            raise TransientError(
                "another seatrial deploy or stop is at work on this deployment",
                where=str(self._layout.root),
                fix="wait until it is done, then try again",
            ) from error
        except OSError as error:
            runner.storage_error(self._layout.lock, error)
        try:
            yield
        finally:
            if not self._layout.state.exists():
                with contextlib.suppress(OSError):
                    # Safe while held: whoever waits notices that the file it opened is gone.
                    os.unlink(self._layout.lock)
            lock.release()


def _first_state(layout: Layout, release: Release) -> State:
    replicas = tuple(
        Slot(role="replica", name=f"replica-{number}") for number in range(release.replicas)
    )
    return State(
        id=layout.mark + secrets.token_hex(4),
        app=release.app,
        port=release.port,
        ready_path=release.ready_path,
        replicas_wanted=release.replicas,
        replicas_min=release.replicas,
        replicas_max=max(release.replicas, release.replicas_max),
        sticky=release.sticky,
        graceful_timeout_s=release.graceful_timeout_s,
        source_dir=release.source_dir,
        started_at=datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        slots=(
            Slot(role="engine", name="engine", step="spawning"),
            Slot(role="proxy", name="proxy"),
            *replicas,
        ),
    )
