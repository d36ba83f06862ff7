"""What a deployment does now: every line of the record checked against what exists."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Literal

from seatrial.engines import processes
from seatrial.engines.local import launch
from seatrial.engines.local.layout import Layout
from seatrial.engines.local.state import Slot, State, Unreadable, read_state
from seatrial.kernel.deployment import Deployment, Process, ProcessState

ENGINE_NAME = "local"


def look(layout: Layout) -> Deployment | None:
    """The deployment as found now; None when nothing is deployed and nothing is left over."""
    state = read_state(layout.state)
    if isinstance(state, State):
        return _from_state(layout, state)
    strays = processes.marked(layout.mark)
    if state is None and not strays:
        return None
    reason = state.reason if isinstance(state, Unreadable) else "is missing"
    return _without_state(layout, strays, f"the state file {reason}; `seatrial stop` cleans up")


def _without_state(layout: Layout, strays: tuple[processes.Marked, ...], detail: str) -> Deployment:
    found = tuple(
        Process(
            role=_role(item.role),
            name=item.role or "unknown",
            pid=item.identity.pid,
            state="not-ready",
            detail=detail,
        )
        for item in strays
    )
    nobody = Process(role="engine", name="engine", pid=None, state="dead", detail=detail)
    return Deployment(
        id=layout.mark.rstrip("-"),
        engine=ENGINE_NAME,
        app="",
        url="",
        replicas_wanted=0,
        healthy=False,
        serving=False,
        processes=found or (nobody,),
        log_dir=str(layout.logs),
    )


def _role(mark: str) -> Literal["engine", "proxy", "replica"]:
    if mark == "engine":
        return "engine"
    return "proxy" if mark == "proxy" else "replica"


def _from_state(layout: Layout, state: State) -> Deployment:
    replicas = state.of("replica")
    with ThreadPoolExecutor(len(replicas) + 1) as pool:
        asked = pool.submit(launch.ask_app, state.url, state.ready_path)
        rows = list(pool.map(_replica, replicas))
        status = asked.result()
    proxy_slot = state.slot("proxy")
    proxy = _proxy(state, proxy_slot, status)
    serving = proxy.state == "ready" and 0 < status < 500
    staying = {slot.name for slot in state.replicas}
    ready = sum(row.state == "ready" for row in rows if row.name in staying)
    return Deployment(
        id=state.id,
        engine=ENGINE_NAME,
        app=state.app,
        url=state.url,
        replicas_wanted=state.replicas_wanted,
        healthy=serving and ready == state.replicas_wanted,
        serving=serving,
        processes=(_engine(state, serving), proxy, *rows),
        log_dir=str(layout.logs),
    )


def _engine(state: State, serving: bool) -> Process:
    slot = state.slot("engine")
    alive = processes.alive(slot.identity)
    detail = state.detail
    condition: ProcessState = "ready"
    if not alive:
        condition = "dead"
        if not detail:
            still = "the app is still served" if serving else "the app is not served"
            detail = f"{still}, but nothing restarts its processes: deploy again, or stop"
    elif state.phase != "ready":
        condition = "starting" if state.phase == "starting" else "not-ready"
        detail = detail or state.phase
    elif state.replicas_max > state.replicas_min:
        span = f"{state.replicas_min} to {state.replicas_max}"
        detail = detail or f"wants {state.replicas_wanted} of {span} replicas"
    return _process(slot, condition, detail=detail)


def _proxy(state: State, slot: Slot, status: int) -> Process:
    if not processes.alive(slot.identity):
        return _process(slot, _gone(slot), address=state.url, detail=slot.detail)
    if not status:
        return _process(slot, "not-ready", address=state.url, detail="does not answer")
    detail = f"{state.ready_path} answers {status}" if status >= 500 else ""
    return _process(slot, "ready", address=state.url, detail=detail)


def _replica(slot: Slot) -> Process:
    address = f"http://127.0.0.1:{slot.port}" if slot.port else ""
    if not processes.alive(slot.identity):
        return _process(slot, _gone(slot), address=address, detail=slot.detail)
    if slot.step == "draining":
        return _process(slot, "not-ready", address=address, detail="drains: " + slot.detail)
    told = launch.ask_replica(slot.management_port)
    if told.ready:
        return _process(slot, "ready", address=address)
    condition: ProcessState = "not-ready" if told.started else "starting"
    return _process(slot, condition, address=address, detail=told.reason)


def _gone(slot: Slot) -> ProcessState:
    # Intent is recorded but no identity yet: the process may exist or may be about to.
    return "starting" if slot.step == "spawning" and slot.identity is None else "dead"


def _process(
    slot: Slot, condition: ProcessState, *, address: str = "", detail: str = ""
) -> Process:
    exists = condition != "dead" and slot.identity is not None
    return Process(
        role=slot.role,
        name=slot.name,
        pid=slot.identity.pid if exists and slot.identity else None,
        state=condition,
        address=address,
        restarts=slot.restarts,
        detail=detail,
    )
