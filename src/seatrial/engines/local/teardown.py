"""The one ordered way to end a deployment, used by its engine process and by every clean-up.

Order: the proxy takes no new connection and finishes what it has, the proxy ends, the replicas
drain and end, and last whatever else carries the deployment's mark.
"""

from __future__ import annotations

import contextlib
import json
import shutil
import time
from collections.abc import Callable, Iterable

from seatrial.engines import processes, runner
from seatrial.engines.engine import Ended, StopReport
from seatrial.engines.local.layout import Layout
from seatrial.engines.local.state import State
from seatrial.engines.processes import Identity
from seatrial.kernel.errors import DeployError, TransientError

_PROXY_GRACE_S = 3.0
# Over the runtime's own limit: it needs a moment more to end what did not drain.
_REPLICA_MARGIN_S = 5.0
_STRAY_GRACE_S = 2.0
_SWEEPS = 5


def end_all(
    layout: Layout, state: State | None, wait: Callable[[], None] = runner.reap
) -> tuple[Ended, ...]:
    """End every process of a root but the caller, and remove its run-time files.

    Works without a state: then everything is found by its mark and asked to end at once.
    Raises DeployError for processes that cannot be ended.
    """
    killed: set[int] = set()
    found = {item.identity.pid: item.role for item in _scan(layout, state)}
    if state is not None:
        proxies = _live(slot.identity for slot in state.of("proxy"))
        if proxies:
            drain(layout, state.graceful_timeout_s)
        killed.update(item.pid for item in processes.terminate(proxies, _PROXY_GRACE_S, wait))
        replicas = _live(slot.identity for slot in state.of("replica"))
        grace_s = state.graceful_timeout_s + _REPLICA_MARGIN_S
        killed.update(item.pid for item in processes.terminate(replicas, grace_s, wait))
    for _ in range(_SWEEPS):
        # Again until clean: a process may have been between its fork and its mark.
        strays = _scan(layout, state)
        if not strays:
            break
        found |= {item.identity.pid: item.role for item in strays}
        left = processes.terminate((item.identity for item in strays), _STRAY_GRACE_S, wait)
        killed.update(item.pid for item in left)
    else:
        pids = ", ".join(str(item.identity.pid) for item in _scan(layout, state))
        if pids:
            raise DeployError(
                f"these processes cannot be ended: {pids}",
                fix="they may wait for a disk or belong to another user; end them by hand",
            )
    remove_files(layout)
    if found:
        runner.record(layout.steps, ended=sorted(found), killed=sorted(killed))
    return tuple(
        Ended(role=role or "unknown", pid=pid, killed=pid in killed)
        for pid, role in sorted(found.items())
    )


def drain(layout: Layout, timeout_s: float) -> None:
    """Let the proxy refuse new connections and finish its requests; silent when it cannot."""
    deadline = time.monotonic() + timeout_s
    with contextlib.suppress(TransientError, ValueError, KeyError, IndexError, TypeError):
        # Failing its own health makes Envoy send `Connection: close` with every answer.
        runner.http_unix(layout.admin, "POST", "/healthcheck/fail", 2.0)
        runner.http_unix(layout.admin, "POST", "/drain_listeners", 2.0)
        target = "/stats?format=json&filter=^http.ingress.downstream_rq_active$"
        while time.monotonic() < deadline:
            _, body = runner.http_unix(layout.admin, "GET", target, 2.0)
            if json.loads(body)["stats"][0]["value"] == 0:
                return
            time.sleep(0.05)


def remove_files(layout: Layout) -> None:
    """Remove what exists only while something is deployed, but not the state file."""
    for folder in {layout.run, layout.endpoints, layout.sockets}:
        shutil.rmtree(folder, ignore_errors=True)


def _scan(layout: Layout, state: State | None) -> tuple[processes.Marked, ...]:
    sessions = () if state is None else state.identities
    marked = processes.marked(layout.mark, sessions)
    known = {item.identity.pid for item in marked}
    # A recorded process that rewrote its environment and left its session is still recorded.
    lost = [item for item in _live(sessions) if item.pid not in known]
    me = processes.me()
    return marked + tuple(
        processes.Marked(identity=item, role="") for item in lost if item.pid != me.pid
    )


def _live(identities: Iterable[Identity | None]) -> tuple[Identity, ...]:
    return tuple(item for item in identities if item is not None and processes.alive(item))


def report(
    before: dict[int, processes.Marked], ended: tuple[Ended, ...], notes: list[str]
) -> StopReport:
    """What a stop found, whether the engine process or the command ended it."""
    seen = {item.pid for item in ended}
    by_engine = tuple(
        Ended(role=item.role, pid=pid) for pid, item in sorted(before.items()) if pid not in seen
    )
    return StopReport(ended=by_engine + ended, notes=tuple(notes))
