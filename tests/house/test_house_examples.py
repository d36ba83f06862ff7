"""The examples are the specification: what each one's expect.toml says is what is found.

[workload]   framework, interface, entry, port, requirements_file; services and routes, sorted
[worker]     the component beside the web app: framework, command
[facts]      present and absent: a rule, or a rule and its subject
[plan]       platform and buildable, replicas_min, services of both, feasible platforms
[live]       what the running app answers: tests/e2e
"""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pytest

from seatrial import pricing
from seatrial.kernel.platform import Size
from seatrial.kernel.workload import Component, Workload
from seatrial.pipeline import Pipeline
from seatrial.planner.plan import plan
from seatrial.profiler.rules import rules

ROOT = Path(__file__).parents[2]
EXAMPLES = sorted(path.parents[1].name for path in ROOT.glob("examples/*/expect/expect.toml"))
HERE = Size(name="share", vcpu=1.0, memory_mib=4096)
MEASURED = {"furlong"}
"""Whose plan is made from measurements, once it has been shipped: tests/e2e/test_e2e_furlong.py."""


def expected(name: str) -> dict[str, Any]:
    wanted = tomllib.loads((ROOT / f"examples/{name}/expect/expect.toml").read_text())
    assert wanted.keys() <= {"workload", "worker", "facts", "plan", "live"}
    return wanted


def profiled(name: str, state: Path) -> tuple[Pipeline, Workload]:
    pipeline = Pipeline(ROOT / "examples" / name, state, lambda said: None)
    return pipeline, pipeline.profile(measured=False)


def spoken(component: Component) -> set[str]:
    """The rules that speak of a component, alone and with their subject."""
    return {text for f in component.facts for text in (f.rule, f"{f.rule} {f.subject}")}


def test_every_example_says_what_is_expected() -> None:
    there = {path.parent.name for path in ROOT.glob("examples/*/seatrial.toml")}
    assert there == set(EXAMPLES) >= {"furlong", "nestegg", "prism"}


@pytest.mark.parametrize("name", EXAMPLES)
def test_profile_is_as_expected(name: str, tmp_path: Path) -> None:
    wanted = expected(name)
    _, found = profiled(name, tmp_path)
    workload = dict(wanted["workload"])
    assert found.requirements_file == workload.pop("requirements_file")
    assert sorted({s.kind for s in found.web.services}) == workload.pop("services")
    assert sorted(r.path for r in found.web.routes) == workload.pop("routes")
    for field, value in workload.items():
        assert getattr(found.web, field) == value, field
    app = ROOT / "examples" / name
    for proof in [f.proof for f in found.web.facts] + [r.proof for r in found.web.routes]:
        if proof.file:
            lines = (app / proof.file).read_text().splitlines()
            assert 0 <= proof.line <= len(lines), proof


@pytest.mark.parametrize("name", EXAMPLES)
def test_facts_are_as_expected(name: str, tmp_path: Path) -> None:
    facts = expected(name).get("facts", {})
    _, found = profiled(name, tmp_path)
    told = spoken(found.web)
    for listed in (*facts.get("present", ()), *facts.get("absent", ())):
        assert listed.partition(" ")[0] in rules(), f"there is no rule {listed}"
    assert set(facts.get("present", ())) <= told
    assert not set(facts.get("absent", ())) & told


@pytest.mark.parametrize("name", [name for name in EXAMPLES if "worker" in expected(name)])
def test_worker_is_as_expected(name: str, tmp_path: Path) -> None:
    wanted = expected(name)["worker"]
    _, found = profiled(name, tmp_path)
    (worker,) = [c for c in found.components if c.kind == "worker"]
    assert worker.framework == wanted["framework"]
    assert list(worker.command) == wanted["command"]
    # It asks no less memory than what it shares with the web app takes.
    assert "memory.worker-estimate" in spoken(worker)


@pytest.mark.parametrize("name", [name for name in EXAMPLES if name not in MEASURED])
def test_plan_is_as_expected(name: str, tmp_path: Path) -> None:
    wanted = expected(name)["plan"]
    pipeline, found = profiled(name, tmp_path)
    settings = pipeline.settings
    catalog = pricing.catalog(None, settings.machine)
    made = plan(found, settings.demand, catalog, HERE, settings.deploy.replicas)
    assert made.chosen is not None and made.buildable is not None
    assert made.chosen.design.platform == wanted["platform"]
    assert made.buildable.design.platform == wanted["buildable"]
    for design in (made.chosen.design, made.buildable.design):
        assert design.replicas_min >= wanted["replicas_min"]
        assert [one.kind for one in design.attached] == wanted.get("services", [])
    assert sorted(v.platform for v in made.platforms if v.best) == wanted["feasible"]
    assert all(v.reasons for v in made.platforms if v.best is None)
