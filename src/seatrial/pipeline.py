"""The only place that knows the order of the stages."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from msgspec.structs import replace

from seatrial import planning, pricing, rehearsal, runtime_wheel, settings, starter
from seatrial.bundler.bundle import bundle, write
from seatrial.bundler.verify import verify
from seatrial.engines.engine import StopReport
from seatrial.engines.local.engine import LocalEngine
from seatrial.files import write_atomic
from seatrial.kernel.bundle import Bundle
from seatrial.kernel.deployment import Deployment
from seatrial.kernel.errors import AppError, MissingStageError
from seatrial.kernel.evidence import LoadEvidence
from seatrial.kernel.plan import Plan
from seatrial.kernel.shipped import Shipped
from seatrial.kernel.started import Started
from seatrial.kernel.values import digest
from seatrial.kernel.workload import Workload
from seatrial.profiler.source import Source
from seatrial.project import Project
from seatrial.reporter.report import FORMATS, QUICK, Format, report
from seatrial.trials.machine import describe


class Pipeline:
    """The verbs of Seatrial on one app; each leaves what it made under `.seatrial/`."""

    def __init__(self, app_dir: Path, state_dir: Path | None, tell: Callable[[str], None]) -> None:
        if not app_dir.is_dir():
            raise AppError(
                "is not a folder", where=str(app_dir), fix="give the folder that holds the app"
            )
        self.app_dir = app_dir.resolve()
        self.settings = settings.read(app_dir)
        self.project = Project(self.app_dir, state_dir)
        self.local = self.project.root / "local"
        self.engine = LocalEngine(self.local)
        self.tell = tell
        self._workload: Workload | None = None

    def profile(self, *, measured: bool, limits: rehearsal.Limits | None = None) -> Workload:
        """Read the app's source; when `measured`, also boot it within `limits` and time it.

        The source is read once by one command. Measurements of the very same app are kept.
        """
        if self._workload is not None and not measured:
            return self._workload
        self.tell("reading the source")
        # All detectors and their tables: `status` and `logs` do not wait for them.
        from seatrial.profiler.profile import profile

        workload = profile(Source.open(self.app_dir), self.settings.app)
        known = self.project.find("workload", Workload)
        if measured:
            workload = rehearsal.measured(
                self.app_dir, workload, self.settings, self.local, self.tell, limits
            )
        elif known is not None and _same_app(known, workload):
            workload = known
        self.project.save("workload", workload)
        self._workload = workload
        return workload

    def init(self, *, force: bool) -> Started:
        """Write a first seatrial.toml with what the source tells."""
        return starter.write(self.profile(measured=False), self.app_dir, force)

    def plan(self) -> Plan:
        """Decide where the app should run, and write the report of it."""
        made = planning.decided(
            self.profile(measured=False),
            self.settings,
            self.app_dir / pricing.FILE,
            self.project.find("evidence", LoadEvidence),
            self.tell,
        )
        self.project.save("plan", made)
        self.write_report(self.project.root / "report", QUICK)
        return made

    def bundle(self) -> Bundle:
        """Write and check the files of the chosen design."""
        decided, workload = self.decided(), self.project.load("workload", Workload)
        if decided.buildable is None:
            raise MissingStageError(
                "no design that Seatrial writes keeps every rule, so there is nothing to bundle",
                where=str(self.app_dir),
                fix="see `seatrial plan`: relax the SLO or the budget",
            )
        self.tell("writing the bundle")
        wheel, folder = runtime_wheel.pack(), self.project.root / "bundle"
        made = write(bundle(workload, self.settings, decided.buildable.design, wheel), folder)
        self.tell("checking the bundle")
        made = replace(made, checks=verify(folder))
        self.project.save("bundle", made)
        return made

    def deploy(self, port: int | None) -> Deployment:
        """Run the app on this machine."""
        workload, wanted = self.profile(measured=False), self.settings
        if port is not None:
            wanted = replace(wanted, deploy=replace(wanted.deploy, port=port))
        # Of a fleet that scales each has the part that is left to it when there are most.
        most = max(wanted.deploy.replicas, wanted.deploy.replicas_max)
        size = rehearsal.share(describe(), most)
        release = rehearsal.release(self.app_dir, workload, wanted, size, self.local, self.tell)
        return self.engine.deploy(release, progress=self.tell)

    def status(self) -> Deployment | None:
        """What runs, found by looking."""
        return self.engine.status()

    def stop(self) -> StopReport:
        """End everything of the deployment."""
        return self.engine.stop(progress=self.tell)

    def logs(self, lines: int) -> dict[str, tuple[str, ...]]:
        """The last lines of each log, by process."""
        return self.engine.logs(lines)

    def trial_load(self, *, seed: int, duration_s: float) -> LoadEvidence:
        """Load what is deployed at the peak rate, as far as this machine carries it."""
        decided, workload = self.decided(), self.project.load("workload", Workload)
        running = self.engine.status()
        if running is None or not running.serving:
            raise MissingStageError(
                "nothing is deployed that serves",
                where=str(self.app_dir),
                fix=f"run `seatrial deploy {self.app_dir}` first",
            )
        found = rehearsal.load(running.url, decided, workload, seed, duration_s, self.tell)
        self.project.save("evidence", found)
        self.write_report(self.project.root / "report")
        return found

    def write_report(self, folder: Path, formats: tuple[Format, ...] = FORMATS) -> None:
        """Write the report of the last plan in some formats."""
        self.tell("writing the report")
        decided = self.project.load("plan", Plan)
        made = self.project.find("bundle", Bundle)
        found = self.project.find("evidence", LoadEvidence)
        if decided.buildable is None or made is None or made.design != decided.buildable.design:
            made = None
        if found is not None and found.workload_digest != decided.workload_digest:
            found = None
        workload = self.project.load("workload", Workload)
        for name, data in report(workload, decided, made, found, formats).items():
            write_atomic(folder / name, data)

    def ship(self, *, keep: bool, port: int | None) -> Shipped:
        """The whole loop. What was deployed is stopped again, unless it is to be kept."""
        workload = self.profile(measured=True)
        decided = self.plan()
        made = found = None
        url = ""
        if decided.buildable is not None:
            made = self.bundle()
            url = self.deploy(port or rehearsal.port(self.settings, self.tell)).url
            try:
                found = self.trial_load(seed=1, duration_s=15.0)
            finally:
                if not keep or found is None:
                    self.stop()
        return Shipped(
            workload=workload,
            chosen=decided.buildable,
            considered=decided.considered,
            rehearsal=decided.rehearsal,
            bundle=made,
            evidence=found,
            report=tuple(
                str(self.project.root / f"report/report.{kind}") for kind in ("html", "pdf", "md")
            ),
            url=url if keep else "",
        )

    def decided(self) -> Plan:
        """The current plan, made anew when the app or its settings changed since."""
        workload, known = self.profile(measured=False), self.project.find("plan", Plan)
        if known is None or known.demand != self.settings.demand:
            return self.plan()
        return known if known.workload_digest == digest(workload) else self.plan()


def _same_app(known: Workload, found: Workload) -> bool:
    """Whether measurements of `known` hold for `found`: the same source, started the same way."""
    return (
        known.source_digest == found.source_digest
        and known.build == found.build
        and known.web.command == found.web.command
    )
