"""Booting each component to measure it: in a sandbox, with what it needs, and gone afterwards."""

from __future__ import annotations

import contextlib
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

from msgspec.structs import replace

from seatrial import runtime_wheel
from seatrial.engines import commands, runner
from seatrial.engines.engine import Progress, Release
from seatrial.engines.local import embedded
from seatrial.engines.local.boot import Booted, boot
from seatrial.engines.local.environment import Prepared, prepare
from seatrial.engines.local.idle import idle
from seatrial.engines.local.sandbox import Limits, Sandbox, sandbox
from seatrial.kernel.demand import Settings
from seatrial.kernel.errors import DeployError, SeatrialError
from seatrial.kernel.values import Value
from seatrial.kernel.workload import Component, Measured, Proof, Workload
from seatrial.profiler.measure import Subject, Taken, front, measure, warmed_mib
from seatrial.profiler.measure_memory import memory_mib
from seatrial.profiler.rules import fact
from seatrial.profiler.schemes import postgresql_scheme
from seatrial.profiler.source import Source
from seatrial.rehearsal.placeholders import placeholders, read, required
from seatrial.rehearsal.release import start_of
from seatrial.trials.machine import describe

_BOOT_SHARE = 0.5  # Of the time that is left: what an app may take to become ready.
_BOOT_S_MAX = 180.0
_MEASURE_SHARE = 0.7  # The rest is for the second worker.
_BUILD_S = 600.0


class _Job(Value):
    """What does not change from one component to the next."""

    app: str
    build: tuple[tuple[str, ...], ...]
    prepared: Prepared
    settings: Settings
    root: Path
    limits: Limits
    scheme: str
    deadline: float
    tell: Progress

    @property
    def left_s(self) -> float:
        """Seconds until the time for measuring is over."""
        return max(1.0, self.deadline - time.monotonic())


def measured(
    app_dir: Path,
    workload: Workload,
    settings: Settings,
    root: Path,
    tell: Progress,
    limits: Limits | None = None,
) -> Workload:
    """The workload with what booting its components told.

    Each gets a copy of the app, an empty data folder, and no address of a service but of those
    started for it: a measurement never touches the data of a deployment. Web components are
    measured with one worker, then a second is added; workers and schedulers only until they idle.
    Raises the error of the main component; another one that fails keeps a fact that says why.
    """
    limits = limits or Limits()
    parts = workload.components
    needs = any(embedded.wanted(part.services, settings.app.env) for part in parts)
    # A build that needs the database (migrations) runs beside it, not while preparing.
    built = replace(workload, build=()) if needs else workload
    job = _Job(
        app=workload.app,
        build=workload.build if needs else (),
        prepared=prepare(app_dir, built, runtime_wheel.pack(), root, tell),
        settings=settings,
        root=root,
        limits=limits,
        scheme=postgresql_scheme(Source.open(app_dir), workload),
        deadline=time.monotonic() + limits.time_s,
        tell=tell,
    )
    done: list[Component] = []
    for part in parts:
        try:
            done.append(_component(job, part))
        except SeatrialError as error:
            if part.kind == "web" and part == workload.web:
                raise
            tell(f"{part.name} could not be measured: {error.what}")
            reason = error.what.partition("\n")[0]
            failed = fact("measure.failed", part.name, reason, kind="measured")
            done.append(replace(part, facts=(*part.facts, failed)))
    return replace(workload, components=tuple(done))


def _component(job: _Job, part: Component) -> Component:
    if part.kind == "web" and part.interface == "command" and not part.command:
        raise DeployError("nothing says how it is started", where=part.name)
    if part.kind not in ("web", "worker", "scheduler") or not part.command:
        return part
    with sandbox(job.root, job.limits) as box:
        release, notes = _release(job, part, box)
        job.tell(f"booting {part.name} to measure it")
        if part.kind != "web":
            found = idle(release, box, min(_BOOT_S_MAX, _BOOT_SHARE * job.left_s))
            mib = round(memory_mib(found.pids), 2)
            note = "; ".join(("until it used no processor time any more; no task sent", *notes))
            return replace(part, measured=Measured(
                boot_s=found.idle_s, memory_mib_worker=mib, memory_mib_idle=mib,
                machine=describe().cpu,
                proof=Proof(kind="measured", rule="measure.idle", note=note),
            ))  # fmt: skip
        return _web(job, front(part), box, release, "; ".join(notes))


def _web(job: _Job, part: Component, box: Sandbox, release: Release, note: str) -> Component:
    fixed = part.interface == "command" and not any("{port}" in w for w in part.command)
    port = part.port if fixed else 0
    with boot(release, job.root, box, port=port) as running:
        taken = measure(
            part,
            _subject(running),
            machine=describe().cpu,
            examples=job.settings.app.examples,
            weights=job.settings.demand.traffic.route_weights,
            time_s=_MEASURE_SHARE * job.left_s,
            note=note,
            progress=lambda path, done: job.tell(f"measuring {part.name}, {done:.0%}: {path}"),
        )
        second = None
        if part.interface == "command" and not (fixed and port):
            second = _second_copy(job, part, box, release, running)
    if part.interface != "command":
        second = _second_worker(job, part, box, release, taken)
    found = taken.component.measured
    assert found is not None
    if second is None:
        said = f"{found.proof.note}; a second worker was not measured"
        found = replace(found, proof=replace(found.proof, note=said))
    return replace(
        taken.component, measured=replace(found, memory_mib_second_worker=second)
    )  # fmt: skip


def _second_worker(
    job: _Job, part: Component, box: Sandbox, release: Release, taken: Taken
) -> float | None:
    """What a second worker adds to the memory of all processes, both warmed up likewise."""
    with _second(job, part):
        with boot(replace(release, workers=2), job.root, box) as running:
            _await_workers(running, 2)
            subject, examples = _subject(running), job.settings.app.examples
            both = warmed_mib(taken.component, subject, examples, 2)
        return round(max(0.0, both - taken.warm_mib), 2)
    return None


def _second_copy(
    job: _Job, part: Component, box: Sandbox, release: Release, first: Booted
) -> float | None:
    """A program that cannot fork workers is started twice; what the second adds to both."""
    with _second(job, part):
        before = memory_mib(first.tree())
        with boot(release, job.root, box) as running:
            added = warmed_mib(part, _subject(running), job.settings.app.examples, 1)
            after = memory_mib(first.tree()) + added
        return round(max(0.0, after - before), 2)
    return None


@contextlib.contextmanager
def _second(job: _Job, part: Component) -> Iterator[None]:
    """What goes wrong with a second worker takes nothing from what the first has told."""
    job.tell(f"adding a second worker to {part.name}")
    try:
        yield
    except SeatrialError as error:
        job.tell(f"{part.name} with a second worker: {error.what}")


def _await_workers(running: Booted, count: int) -> None:
    deadline = time.monotonic() + _BOOT_S_MAX
    while len(running.worker_pids()) < count and time.monotonic() < deadline:
        time.sleep(0.05)


def _subject(running: Booted) -> Subject:
    return Subject(
        url=running.url, dial=running.dial, workers=running.worker_pids, tree=running.tree,
        boot_s=running.boot_s,
    )  # fmt: skip


def _release(job: _Job, part: Component, box: Sandbox) -> tuple[Release, list[str]]:
    """One replica with one worker in the sandbox, and what has to be said of how it ran."""
    app = job.settings.app
    source, data = box.scratch / "app", box.scratch / "data"
    try:
        # The app may write beside its source; what others start from must not change.
        shutil.copytree(job.prepared.source_dir, source, symlinks=True)
        data.mkdir(mode=0o700)
    except OSError as error:
        runner.storage_error(box.scratch, error)
    services = embedded.wanted(part.services, app.env)
    schemes = {s.env: job.scheme for s in services if s.kind == "postgresql"}
    addresses = embedded.start(box, services, read(part), schemes, job.tell)
    given = {**app.env, **addresses}
    ours = {app.data_env: "", **dict.fromkeys(("PORT", "HOME", "PATH", "TMPDIR"), "")}
    stand_ins = placeholders(required(part), part.services, given | ours, data)
    notes = [_network_note(box)]
    if services:
        kinds = sorted({s.kind for s in services})
        notes.append("with an empty " + " and ".join(kinds))
    if stand_ins:
        notes.append("placeholders in " + ", ".join(sorted(stand_ins)))
    release = Release(
        app=job.app,
        **start_of(part),
        ready_path=app.ready_path,
        python=str(job.prepared.python),
        source_dir=str(source),
        env=given | stand_ins,
        data_env=app.data_env,
        data_dir=str(data),
        replicas=1,
        workers=1,
        start_timeout_s=min(_BOOT_S_MAX, _BOOT_SHARE * job.left_s),
    )
    _build(job, box, release)
    return release, notes


def _network_note(box: Sandbox) -> str:
    if box.may_reach_out:
        return "with the network"
    if box.network_cut:
        return "without the network"
    return f"the network was not cut, only proxies led nowhere ({box.reason})"


def _build(job: _Job, box: Sandbox, release: Release) -> None:
    """The build commands of seatrial.toml, where the app's services are."""
    log = box.layout.log("boot")
    for command in job.build:
        shown = commands.display(command)
        job.tell(f"building beside its services: {shown}")
        env = box.env_of(release)
        pid = box.spawn(command, env=env, cwd=Path(release.source_dir), log=log)
        code = box.wait(pid, min(_BUILD_S, job.left_s))
        if code != 0:
            what = runner.describe_exit(code) if code is not None else "no end in time"
            raise DeployError(
                f"`{shown}` ended with {what}\n{runner.tail(log)}", where=str(log),
                fix="correct the command in [app] build; without the network it cannot download, "
                "unless --allow-network is given",
            )  # fmt: skip
