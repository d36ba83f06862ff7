"""Small apps, one folder each: `app/` is the source, `expect.toml` what has to be found in it.

    about = "one line: what this case is about"
    components = [{ name = "web", framework = "fastapi", entry = "main:app" }]
    facts = [{ rule = "state.sqlite", subject = "shop.db", at = "main.py:4", value = "sqlite" }]
    absent = ["state.file", "env.read HOME"]          # a rule, or a rule and its subject
    services = ["postgresql"]                         # all kinds, sorted
    dependencies = ["fastapi"]                        # all names, sorted
    routes = ["/items/{id} GET,PUT"]                  # all of the first component, in order
    error = "text of the error"                       # instead of all others

Every key but `about` is optional; a key that is not there is not looked at. Of `components` all
have to be named, in their order, each with the fields that matter; of a fact, `value` is a part.
"""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pytest

from seatrial.kernel.demand import AppSettings
from seatrial.kernel.errors import AppError
from seatrial.kernel.workload import Fact, Workload
from seatrial.profiler.profile import profile
from seatrial.profiler.rules import rules
from seatrial.profiler.source import Source

CASES = sorted(path.parent for path in Path(__file__).parent.glob("apps/*/expect.toml"))
KEYS = {"about", "components", "facts", "absent", "services", "dependencies", "error", "settings",
        "routes"}  # fmt: skip


def read(case: Path) -> dict[str, Any]:
    expect = tomllib.loads((case / "expect.toml").read_text())
    assert expect["about"] and expect.keys() <= KEYS
    return expect


def run(case: Path, expect: dict[str, Any]) -> Workload:
    return profile(Source.open(case / "app"), AppSettings(**expect.get("settings", {})))


def matches(fact: Fact, wanted: dict[str, str]) -> bool:
    place = f"{fact.proof.file}:{fact.proof.line}"
    return (
        fact.rule == wanted["rule"]
        and wanted.get("subject", fact.subject) == fact.subject
        and wanted.get("value", "") in fact.value
        and wanted.get("at", place) in (place, fact.proof.file)
    )


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_app(case: Path) -> None:
    expect = read(case)
    if "error" in expect:
        with pytest.raises(AppError) as refused:
            run(case, expect)
        assert expect["error"] in str(refused.value)
        return
    found = run(case, expect)
    if "components" in expect:
        fields = [
            {key: getattr(component, key) for key in wanted}
            for component, wanted in zip(found.components, expect["components"], strict=False)
        ]
        assert len(found.components) == len(expect["components"]), found.components
        shown = [{k: list(v) if isinstance(v, tuple) else v for k, v in f.items()} for f in fields]
        assert shown == expect["components"]
    facts = [fact for component in found.components for fact in component.facts]
    for fact in facts:
        assert fact.rule in rules()
        assert fact.severity == "info" or fact.fix, f"{fact.rule} says no fix"
    told = "\n".join(f"{f.rule} {f.subject!r} {f.value!r} {f.proof}" for f in facts)
    for wanted in expect.get("facts", []):
        assert any(matches(fact, wanted) for fact in facts), f"{wanted} is not among\n{told}"
    for unwanted in expect.get("absent", []):
        rule, _, subject = unwanted.partition(" ")
        assert rule in rules(), f"there is no rule {rule}"
        bad = [f for f in facts if f.rule == rule and subject in ("", f.subject)]
        assert not bad, f"{unwanted}: {bad}"
    if "routes" in expect:
        listed = [f"{one.path} {','.join(one.methods)}" for one in found.components[0].routes]
        assert listed == expect["routes"]
    if "services" in expect:
        kinds = {service.kind for component in found.components for service in component.services}
        assert sorted(kinds) == expect["services"]
    if "dependencies" in expect:
        assert [one.name for one in found.dependencies] == expect["dependencies"]


def test_there_are_many() -> None:
    assert len(CASES) >= 120
