"""The app on this machine: its share of the machine, its release, its measurement and its load."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

from msgspec.structs import replace

from seatrial import runtime_wheel
from seatrial.assessor.promise import profile_of
from seatrial.engines.engine import Progress, Release
from seatrial.engines.local.boot import boot
from seatrial.engines.local.environment import prepare
from seatrial.engines.runner import free_ports, is_free
from seatrial.kernel.demand import Demand, Settings
from seatrial.kernel.evidence import LoadEvidence, Machine
from seatrial.kernel.plan import Plan
from seatrial.kernel.platform import Size
from seatrial.kernel.workload import Workload
from seatrial.profiler.measure import measure
from seatrial.trials.evidence import evidence
from seatrial.trials.generator import Target, schedule
from seatrial.trials.load import run_load
from seatrial.trials.machine import describe


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


def port(settings: Settings, tell: Progress) -> int:
    """The port of the settings, or a free one: a rehearsal does not need that very port."""
    wanted = settings.deploy.port
    if is_free(wanted):
        return wanted
    tell(f"port {wanted} is taken, so another one is used")
    return free_ports(1)[0]


def measured(
    app_dir: Path, workload: Workload, settings: Settings, root: Path, tell: Progress
) -> Workload:
    """The workload with what booting one replica with one worker told.

    The replica gets an empty data folder and no address of a service: a measurement never
    touches the data of a deployment.
    """
    one = Size(name="one", vcpu=1, memory_mib=0)
    made = release(app_dir, workload, settings, one, root, tell)
    with TemporaryDirectory(prefix="seatrial-") as data_dir:
        alone = replace(made, env=settings.app.env, data_dir=data_dir, replicas=1)
        tell("booting the app to measure it")
        with boot(alone, root) as running:
            web = measure(
                workload.web,
                running.url,
                running.worker_pids,
                boot_s=running.boot_s,
                machine=describe().cpu,
                examples=settings.app.examples,
                progress=lambda path, done: tell(f"measuring the routes, {done:.0%}"),
            )
    others = tuple(c for c in workload.components if c.name != web.name)
    return replace(workload, components=(web, *others))


def load(
    url: str, plan: Plan, workload: Workload, seed: int, duration_s: float, tell: Progress
) -> LoadEvidence:
    """Load `url` at the plan's rehearsal rate and hold what happened against the promise."""
    promised, demand = plan.rehearsal.promise, plan.demand
    asked = schedule(seed, promised.rate_rps, duration_s, targets(workload, demand))
    started_at = datetime.now(UTC).isoformat(timespec="seconds")
    result = run_load(
        url,
        asked,
        progress=lambda now: tell(
            f"load at {promised.rate_rps:.1f} requests/s: {max(now.elapsed_s, 0):.0f} of "
            f"{duration_s:g} s, {now.answered} answered, {now.errors} errors"
        ),
    )
    return evidence(
        result,
        app=plan.app,
        design=plan.rehearsal.design.id,
        workload_digest=plan.workload_digest,
        started_at=started_at,
        machine=describe(),
        seed=seed,
        peak_share=promised.rate_rps / demand.traffic.peak_rps,
        slo=demand.slo,
        promise=promised,
    )


def targets(workload: Workload, demand: Demand) -> tuple[Target, ...]:
    """What a load trial asks for: the measured paths, weighted like the model's routes."""
    weights = {r.path: r.weight for r in profile_of(workload.web, demand).routes}
    return tuple(
        Target(route=route.path, path=path, weight=weights[route.path] / len(route.examples))
        for route in workload.web.routes
        if route.path in weights
        for path in route.examples
    )
