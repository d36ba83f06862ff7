"""The only place that knows the order of the stages.

A stage is imported by the verb that needs it: the others do not wait for it.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec.structs import replace

from seatrial import starter
from seatrial.files import write_atomic
from seatrial.kernel.bundle import Bundle
from seatrial.kernel.deployment import Deployment
from seatrial.kernel.errors import MissingStageError
from seatrial.kernel.evidence import LoadEvidence
from seatrial.kernel.plan import Plan
from seatrial.kernel.shipped import Shipped
from seatrial.kernel.started import Started
from seatrial.kernel.values import digest
from seatrial.kernel.workload import Workload
from seatrial.running import Running

if TYPE_CHECKING:
    from seatrial.engines.local.sandbox import Limits


class Pipeline(Running):
    """The verbs of Seatrial on one app; each leaves what it made under `.seatrial/`."""

    def __init__(self, app_dir: Path, state_dir: Path | None, tell: Callable[[str], None]) -> None:
        super().__init__(app_dir, state_dir, tell)
        self._workload: Workload | None = None

    def profile(self, *, measured: bool, limits: Limits | None = None) -> Workload:
        """Read the app's source; when `measured`, also boot it within `limits` and time it.

        The source is read once by one command. Measurements of the very same app are kept.
        """
        if self._workload is not None and not measured:
            return self._workload
        self.tell("reading the source")
        # All detectors and their tables.
        from seatrial.profiler.profile import profile
        from seatrial.profiler.source import Source

        workload = profile(Source.open(self.app_dir), self.settings.app)
        known = self.project.find("workload", Workload)
        if measured:
            from seatrial import rehearsal  # what boots and measures an app

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
        from seatrial import planning, pricing  # with the catalogue and the assessor

        made = planning.decided(
            self.profile(measured=False),
            self.settings,
            self.app_dir / pricing.FILE,
            self.project.find("evidence", LoadEvidence),
            self.tell,
        )
        self.project.save("plan", made)
        self.write_report(self.project.root / "report", quick=True)
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
        # The templates and their engine.
        from seatrial import runtime_wheel
        from seatrial.bundler.bundle import bundle, write
        from seatrial.bundler.verify import verify  # and what checks them

        self.tell("writing the bundle")
        wheel, folder = runtime_wheel.pack(), self.project.root / "bundle"
        made = write(bundle(workload, self.settings, decided.buildable.design, wheel), folder)
        self.tell("checking the bundle")
        made = replace(made, checks=verify(folder))
        self.project.save("bundle", made)
        return made

    def deploy(self, port: int | None) -> Deployment:
        """Run the app on this machine."""
        # What prepares an app to run here.
        from seatrial import rehearsal
        from seatrial.trials.machine import describe, share

        workload, wanted = self.profile(measured=False), self.settings
        if port is not None:
            wanted = replace(wanted, deploy=replace(wanted.deploy, port=port))
        # Of a fleet that scales each has the part that is left to it when there are most.
        most = max(wanted.deploy.replicas, wanted.deploy.replicas_max)
        size = share(describe(), most)
        release = rehearsal.release(self.app_dir, workload, wanted, size, self.local, self.tell)
        return self.engine.deploy(release, progress=self.tell)

    def trial_load(self, *, seed: int, duration_s: float) -> LoadEvidence:
        """Load what is deployed at the peak rate, as far as this machine carries it."""
        running = self.engine.status()
        if running is None or not running.serving:
            raise MissingStageError(
                "nothing is deployed that serves",
                where=str(self.app_dir),
                fix=f"run `seatrial deploy {self.app_dir}` first",
            )
        from seatrial import rehearsal  # the load generator

        decided, workload = self.decided(), self.project.load("workload", Workload)
        found = rehearsal.load(running.url, decided, workload, seed, duration_s, self.tell)
        self.project.save("evidence", found)
        self.write_report(self.project.root / "report")
        return found

    def write_report(self, folder: Path, *, quick: bool = False) -> None:
        """Write the report of the last plan in all formats, or the one that takes no time."""
        # The reporter with its templates.
        from seatrial.reporter.report import FORMATS, QUICK, report

        self.tell("writing the report")
        decided = self.project.load("plan", Plan)
        made = self.project.find("bundle", Bundle)
        found = self.project.find("evidence", LoadEvidence)
        if decided.buildable is None or made is None or made.design != decided.buildable.design:
            made = None
        if found is not None and found.workload_digest != decided.workload_digest:
            found = None
        workload = self.project.load("workload", Workload)
        formats = QUICK if quick else FORMATS
        for name, data in report(workload, decided, made, found, formats).items():
            write_atomic(folder / name, data)

    def ship(self, *, keep: bool, port: int | None) -> Shipped:
        """The whole loop. What was deployed is stopped again, unless it is to be kept."""
        from seatrial import rehearsal  # for a free port

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
