"""The app on this machine: its share of the machine, its release, and the load it is given."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from msgspec.structs import replace

from seatrial import runtime_wheel
from seatrial.assessor.promise import profile_of
from seatrial.engines.engine import Progress, Release
from seatrial.engines.local.boot import Booted, boot
from seatrial.engines.local.environment import prepare
from seatrial.kernel.demand import Demand, Settings
from seatrial.kernel.evidence import Machine
from seatrial.kernel.platform import Size
from seatrial.kernel.workload import Workload
from seatrial.trials.generator import Target


def share(machine: Machine, replicas: int) -> Size:
    """What one of `replicas` gets of this machine."""
    return Size(
        name="share",
        vcpu=machine.cores / replicas,
        memory_mib=int(machine.memory_gib * 1024 / replicas),
    )


def release(
    app_dir: Path,
    workload: Workload,
    settings: Settings,
    size: Size,
    root: Path,
    progress: Progress,
) -> Release:
    """What the local engine runs: built in an environment of its own, from a copy of the source.

    Addresses of services are secrets, so they come from the environment of this command and not
    from seatrial.toml.
    """
    prepared = prepare(app_dir, workload, runtime_wheel.pack(), root, progress)
    web, app = workload.web, settings.app
    addresses = {s.env: os.environ[s.env] for s in web.services if s.env in os.environ}
    return Release(
        app=workload.app,
        entry=web.entry,
        factory=web.factory,
        app_dir=web.app_dir,
        ready_path=app.ready_path,
        python=str(prepared.python),
        source_dir=str(prepared.source_dir),
        env={**app.env, **addresses},
        data_env=app.data_env,
        data_dir=str(root / "data"),
        replicas=settings.deploy.replicas,
        workers=max(1, int(size.vcpu)),
        port=settings.deploy.port,
    )


@contextmanager
def measurable(
    app_dir: Path, workload: Workload, settings: Settings, root: Path, progress: Progress
) -> Iterator[Booted]:
    """One replica with one worker, for measuring.

    It gets an empty data folder and no address of a service: a measurement never touches the
    data of a deployment.
    """
    one = Size(name="one", vcpu=1, memory_mib=0)
    made = release(app_dir, workload, settings, one, root, progress)
    with TemporaryDirectory(prefix="seatrial-") as data_dir:
        alone = replace(made, env=settings.app.env, data_dir=data_dir, replicas=1)
        progress("booting the app to measure it")
        with boot(alone, root) as running:
            yield running


def targets(workload: Workload, demand: Demand) -> tuple[Target, ...]:
    """What a load trial asks for: the measured paths, weighted like the model's routes."""
    weights = {r.path: r.weight for r in profile_of(workload.web, demand).routes}
    return tuple(
        Target(route=route.path, path=path, weight=weights[route.path] / len(route.examples))
        for route in workload.web.routes
        if route.path in weights
        for path in route.examples
    )
