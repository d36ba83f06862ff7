"""The only place that knows the order of the stages."""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

from msgspec.structs import replace

from seatrial import runtime_wheel, settings
from seatrial.assessor.promise import profile_of
from seatrial.bundler import bundle as bundler
from seatrial.bundler import verify
from seatrial.catalog import load as catalog
from seatrial.engines.engine import Release, StopReport
from seatrial.engines.local.engine import LocalEngine
from seatrial.files import write_atomic
from seatrial.kernel.assessment import Assessment
from seatrial.kernel.bundle import Bundle
from seatrial.kernel.deployment import Deployment
from seatrial.kernel.errors import AppError, MissingStageError
from seatrial.kernel.evidence import LoadEvidence
from seatrial.kernel.plan import Plan
from seatrial.kernel.platform import Price, Size
from seatrial.kernel.values import Value, digest
from seatrial.kernel.workload import Workload
from seatrial.planner.plan import plan as decide
from seatrial.profiler.measure import measure as take_measurements
from seatrial.profiler.profile import profile as read_source
from seatrial.profiler.source import Source
from seatrial.project import Project
from seatrial.reporter.report import report as write_report
from seatrial.trials.evidence import evidence as judge
from seatrial.trials.generator import Target, schedule
from seatrial.trials.load import run_load
from seatrial.trials.machine import describe

Progress = Callable[[str], None]


class Shipped(Value):
    """What one trip through the loop came to; the nouns themselves are under .seatrial/."""

    workload: Workload
    chosen: Assessment | None
    considered: int
    rehearsal: Assessment
    bundle: Bundle | None
    evidence: LoadEvidence | None
    report: tuple[str, ...]
    url: str

    @property
    def passed(self) -> bool:
        """Whether there is a design, its bundle's checks passed and the trial kept the SLO."""
        checked = self.bundle is not None and all(c.status != "failed" for c in self.bundle.checks)
        return checked and self.evidence is not None and self.evidence.passed


class Pipeline:
    """The verbs of Seatrial on one app; each leaves what it made under `.seatrial/`."""

    def __init__(self, app_dir: Path, state_dir: Path | None, progress: Progress) -> None:
        if not app_dir.is_dir():
            raise AppError(
                "is not a folder", where=str(app_dir), fix="give the folder that holds the app"
            )
        self.app_dir = app_dir.resolve()
        self.settings = settings.read(app_dir)
        self.project = Project(self.app_dir, state_dir)
        self.engine = LocalEngine(self.project.root / "local")
        self.tell = progress

    def profile(self, *, measure: bool) -> Workload:
        """Read the app's source; with `measure`, also boot it and time its routes.

        Measurements of the very same source are kept.
        """
        self.tell("reading the source")
        workload = read_source(Source.open(self.app_dir), self.settings.app)
        known = self.project.find("workload", Workload)
        if measure:
            workload = self._measured(workload)
        elif known is not None and known.source_digest == workload.source_digest:
            workload = known
        self.project.save("workload", workload)
        return workload

    def plan(self) -> Plan:
        """Decide where the app should run, and write the report of it."""
        workload = self.profile(measure=False)
        self.tell("pricing and assessing every design")
        machine, deploy = describe(), self.settings.deploy
        share = Size(
            name="share",
            vcpu=max(machine.cores / deploy.replicas, 0.01),
            memory_mib=int(machine.memory_gib * 1024 / deploy.replicas),
        )
        made = decide(
            workload,
            self.settings.demand,
            catalog.load(self._own_prices()),
            share,
            deploy.replicas,
        )
        self.project.save("plan", made)
        self.report()
        return made

    def bundle(self) -> Bundle:
        """Write and check the files of the chosen design."""
        plan, workload = self._plan(), self.project.load("workload", Workload)
        if plan.chosen is None:
            raise MissingStageError(
                "no design keeps every rule, so there is nothing to bundle",
                where=str(self.app_dir),
                fix="see `seatrial plan`: relax the SLO or the budget",
            )
        self.tell("writing the bundle")
        files = bundler.bundle(workload, self.settings, plan.chosen.design, runtime_wheel.pack())
        made = bundler.write(workload.app, plan.chosen.design, files, self.project.root / "bundle")
        self.tell("checking the bundle")
        checked = replace(made, checks=verify.verify(self.project.root / "bundle"))
        self.project.save("bundle", checked)
        return checked

    def deploy(self, port: int | None) -> Deployment:
        """Run the app on this machine."""
        release = self._release(self.profile(measure=False), port, measuring=False)
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
        plan, workload = self._plan(), self.project.load("workload", Workload)
        running = self.engine.status()
        if running is None or not running.serving:
            raise MissingStageError(
                "nothing is deployed that serves",
                where=str(self.app_dir),
                fix=f"run `seatrial deploy {self.app_dir}` first",
            )
        promised = plan.rehearsal.promise
        self.tell(f"loading at {promised.rate_rps:.1f} requests/s for {duration_s:g} s")
        targets = self._targets(workload)
        started_at = datetime.now(UTC).isoformat(timespec="seconds")
        result = run_load(
            running.url,
            schedule(seed, promised.rate_rps, duration_s, targets),
            progress=lambda p: self.tell(
                f"loading: {max(p.elapsed_s, 0):.0f} of {p.duration_s:.0f} s, "
                f"{p.answered} answered, {p.errors} errors"
            ),
        )
        found = judge(
            result,
            app=plan.app,
            design=plan.rehearsal.design.id,
            workload_digest=plan.workload_digest,
            started_at=started_at,
            machine=describe(),
            seed=seed,
            peak_share=promised.rate_rps / plan.demand.traffic.peak_rps,
            slo=plan.demand.slo,
            promise=promised,
        )
        self.project.save("evidence", found)
        self.report()
        return found

    def report(self) -> tuple[str, ...]:
        """Write report.md and report.html from what is known."""
        self.tell("writing the report")
        plan = self.project.load("plan", Plan)
        bundle, evidence = (
            self.project.find("bundle", Bundle),
            self.project.find("evidence", LoadEvidence),
        )
        files = write_report(
            self.project.load("workload", Workload),
            plan,
            bundle if bundle and plan.chosen and bundle.design == plan.chosen.design else None,
            evidence if evidence and evidence.workload_digest == plan.workload_digest else None,
        )
        folder = self.project.root / "report"
        for name, data in files.items():
            write_atomic(folder / name, data)
        return tuple(str(folder / name) for name in ("report.html", "report.md"))

    def ship(self, *, keep: bool, port: int | None) -> Shipped:
        """The whole loop. What was deployed is stopped again, unless it is to be kept."""
        workload = self.profile(measure=True)
        plan = self.plan()
        bundle = evidence = None
        url = ""
        if plan.chosen is not None:
            bundle = self.bundle()
            try:
                url = self.deploy(port).url
                evidence = self.trial_load(seed=1, duration_s=15.0)
            finally:
                if not keep or evidence is None:
                    self.engine.stop(progress=self.tell)
        return Shipped(
            workload=workload,
            chosen=plan.chosen,
            considered=plan.considered,
            rehearsal=plan.rehearsal,
            bundle=bundle,
            evidence=evidence,
            report=self.report(),
            url=url if keep else "",
        )

    def _plan(self) -> Plan:
        """The current plan, made anew when the app or its settings changed since."""
        workload = self.profile(measure=False)
        plan = self.project.find("plan", Plan)
        if plan is None or plan.demand != self.settings.demand:
            return self.plan()
        return plan if plan.workload_digest == digest(workload) else self.plan()

    def _measured(self, workload: Workload) -> Workload:
        release = self._release(workload, None, measuring=True)
        with self.engine.boot(release, progress=self.tell) as running:
            component = take_measurements(
                workload.web,
                running.url,
                running.worker_pids,
                boot_s=running.boot_s,
                machine=str(describe().cpu),
                examples=self.settings.app.examples,
                progress=lambda path, share: self.tell(f"measuring {path}"),
            )
        others = tuple(c for c in workload.components if c.name != component.name)
        return replace(workload, components=(component, *others))

    def _release(self, workload: Workload, port: int | None, *, measuring: bool) -> Release:
        prepared = self.engine.prepare(
            self.app_dir, workload, runtime_wheel.pack(), progress=self.tell
        )
        web, app = workload.web, self.settings.app
        # Addresses of services are secrets: they come from where the command runs, not from
        # seatrial.toml. A measurement never touches the data they lead to.
        addresses = {
            s.env: os.environ[s.env] for s in web.services if s.env and s.env in os.environ
        }
        return Release(
            app=workload.app,
            entry=web.entry,
            factory=web.factory,
            app_dir=web.app_dir,
            ready_path=app.ready_path,
            python=str(prepared.python),
            source_dir=str(prepared.source_dir),
            env={**app.env, **({} if measuring else addresses)},
            data_env=app.data_env,
            replicas=self.settings.deploy.replicas,
            port=port or self.settings.deploy.port,
        )

    def _targets(self, workload: Workload) -> tuple[Target, ...]:
        loads = {r.path: r.weight for r in profile_of(workload.web, self.settings.demand).routes}
        return tuple(
            Target(route=r.path, path=path, weight=loads[r.path] / len(r.examples))
            for r in workload.web.routes
            if r.path in loads
            for path in r.examples
        )

    def _own_prices(self) -> tuple[Price, ...]:
        machine = self.settings.machine
        if machine.cost_usd_month is None:
            return ()
        return (
            Price(
                provider="machine",
                service="this-machine",
                sku="own-machine",
                region="here",
                unit="month",
                price_usd=Decimal(machine.cost_usd_month),
                source="seatrial.toml [machine] cost_usd_month",
                as_of=machine.cost_as_of,
            ),
        )
