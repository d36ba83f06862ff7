"""Every kind of report, rendered once for all tests of the reporter."""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import msgspec
import pytest

from seatrial.kernel.bundle import Bundle
from seatrial.kernel.evidence import LoadEvidence
from seatrial.kernel.plan import Plan
from seatrial.kernel.workload import Workload
from seatrial.reporter.charts import Chart, charts
from seatrial.reporter.report import Format, report

PAGES: tuple[Format, ...] = ("md", "html")


@dataclass(frozen=True)
class Case:
    """What a report was made from, and its files."""

    name: str
    workload: Workload
    plan: Plan
    bundle: Bundle | None
    evidence: LoadEvidence | None
    files: dict[str, bytes]

    @property
    def charts(self) -> dict[str, Chart]:
        return charts(self.workload, self.plan, self.evidence)

    @property
    def html(self) -> str:
        return self.files["report.html"].decode()

    @property
    def markdown(self) -> str:
        return self.files["report.md"].decode()


def load_factory() -> ModuleType:
    """The module beside this one; tests are imported without a package."""
    path = Path(__file__).with_name("factory.py")
    spec = importlib.util.spec_from_file_location("reporter_factory", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


FACTORY = load_factory()
NAMES = ("rich", "missed", "bare", "unpriced", "none", "hostile", "huge", "many", "minimal")


@pytest.fixture(scope="session")
def factory() -> ModuleType:
    return FACTORY


def _inputs(name: str) -> tuple[Any, Any, Any, Any]:
    f, change = FACTORY, msgspec.structs.replace
    if name == "rich":
        return f.workload(), f.plan(), f.bundle(), f.evidence()
    if name == "missed":
        return f.workload(), f.plan(), f.bundle(), f.evidence(missed=True)
    if name == "bare":
        return f.workload(), f.plan(), None, None
    if name == "unpriced":
        plan = change(f.plan(), chosen=f.APPS, ranked=(f.APPS, f.CHOSEN, f.LARGER, f.CLOUD_RUN))
        return f.workload(), plan, f.bundle(), f.evidence()
    if name == "none":
        return f.workload(), f.nothing_feasible(), None, None
    if name == "hostile":
        return f.hostile()
    if name == "huge":
        return (*f.huge(), None, None)
    if name == "many":
        rejected = (
            f.rejects("aws-lambda", 250, f.TOO_SLOW, f.IMAGE),
            f.rejects("aws-eks", 149, f.TOO_DEAR),
            f.rejects("nowhere", 1),
        )
        return f.workload(), f.plan(rejected), None, f.evidence()
    app = f.workload()
    web = change(app.web, facts=(), routes=(), services=(), measured=None)
    app = change(app, components=(web,), dependencies=(), requirements_file="")
    rehearsal = change(f.REHEARSAL, promise=change(f.promise(None, 0.0, None), inputs=()))
    plan = change(
        f.nothing_feasible(), platforms=(), rejected=(), considered=0, explanation=(),
        rehearsal=change(rehearsal, findings=()),
    )  # fmt: skip
    trial = change(f.evidence(), comparisons=(), routes=(), workload_digest="another", requests=0)
    return app, plan, None, trial


@pytest.fixture(scope="session")
def cases() -> dict[str, Case]:
    made = {}
    for name in NAMES:
        given = _inputs(name)
        made[name] = Case(name, *given, files=report(*given, formats=PAGES))
    return made


@pytest.fixture(scope="session")
def rendered() -> dict[str, Case]:
    """What `drawn` has rendered; pytest itself drops a parameter's value with the next one."""
    return {}


@pytest.fixture(params=("rich", "none", "hostile"))
def drawn(
    request: pytest.FixtureRequest, cases: dict[str, Case], rendered: dict[str, Case]
) -> Case:
    """A report with everything that has to be rendered."""
    case = cases[request.param]
    if case.name not in rendered:
        given = (case.workload, case.plan, case.bundle, case.evidence)
        rendered[case.name] = Case(case.name, *given, files=report(*given))
    return rendered[case.name]


@pytest.fixture(params=NAMES)
def case(request: pytest.FixtureRequest, cases: dict[str, Case]) -> Case:
    return cases[request.param]
