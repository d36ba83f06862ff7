"""What this machine gives a replica, and what the local engine runs."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TypedDict

from seatrial import runtime_wheel
from seatrial.engines.engine import Progress, Release
from seatrial.engines.local.environment import prepare
from seatrial.engines.ports import free_ports
from seatrial.engines.runner import is_free
from seatrial.kernel.demand import Settings
from seatrial.kernel.platform import Size
from seatrial.kernel.simulation import Policy
from seatrial.kernel.workload import Component, Interface, Workload


class Start(TypedDict):
    """The fields of a release that say how a component starts."""

    entry: str
    interface: Interface
    command: tuple[str, ...]
    port_env: tuple[str, ...]
    factory: bool
    app_dir: str


PERIODS_S = {"target-tracking": 60.0, "hpa": 15.0}
"""How often each policy looks, as its documentation has it; see `kernel.policies`."""

PORT_VARIABLES = ("PORT", "GRADIO_SERVER_PORT", "STREAMLIT_SERVER_PORT", "CHAINLIT_PORT")
"""Where programs that listen by themselves look for their port, when nothing else tells it."""


def release(
    app_dir: Path,
    workload: Workload,
    settings: Settings,
    size: Size,
    root: Path,
    tell: Progress,
) -> Release:
    """What the local engine runs: built in an environment of its own, from a copy of the source.

    Addresses of services are secrets, so they come from the environment of this command and not
    from seatrial.toml.
    """
    prepared = prepare(app_dir, workload, runtime_wheel.pack(), root, tell)
    web, app = workload.web, settings.app
    addresses = {s.env: os.environ[s.env] for s in web.services if s.env in os.environ}
    return Release(
        app=workload.app,
        **start_of(web),
        ready_path=app.ready_path,
        python=str(prepared.python),
        source_dir=str(prepared.source_dir),
        env={**app.env, **addresses},
        data_env=app.data_env,
        data_dir=str(root / "data"),
        sticky=web.sticky,
        replicas=settings.deploy.replicas,
        replicas_max=settings.deploy.replicas_max,
        scaling=Policy(
            kind=settings.deploy.scaling,
            period_s=PERIODS_S[settings.deploy.scaling],
        ),
        workers=max(1, int(size.vcpu)),
        port=settings.deploy.port,
    )


def start_of(component: Component) -> Start:
    """How a component starts, as fields of a release."""
    by_itself = component.interface == "command" or component.kind != "web"
    return {
        "entry": component.entry,
        "interface": component.interface,
        "command": component.command if by_itself else (),
        "port_env": PORT_VARIABLES if by_itself else (),
        "factory": component.factory,
        "app_dir": component.app_dir,
    }


def port(settings: Settings, tell: Progress) -> int:
    """The port of the settings, or a free one: a rehearsal does not need that very port."""
    wanted = settings.deploy.port
    if is_free(wanted):
        return wanted
    tell(f"port {wanted} is taken, so another one is used")
    return free_ports(1)[0]
