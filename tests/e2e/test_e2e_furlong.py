"""examples/furlong through the whole loop, as a newcomer would run it."""

from __future__ import annotations

import html
import json
import re
import tomllib
import urllib.request
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from seatrial.kernel.bundle import Bundle
from seatrial.kernel.deployment import Deployment
from seatrial.kernel.evidence import LoadEvidence
from seatrial.kernel.plan import Plan
from seatrial.kernel.values import from_json
from seatrial.kernel.workload import Workload
from seatrial.project import Project

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()
BLOCKS = re.findall(r"```console\n(.*?)```", README, re.DOTALL)
# Half a minute to two minutes each of the fixtures takes; ten times that on a busy machine.
pytestmark = pytest.mark.timeout(900)
EXPECT = tomllib.loads((ROOT / "examples/furlong/expect/expect.toml").read_text())


@pytest.fixture(scope="module")
def planned(furlong: Any) -> Any:
    """The plan with what the trial of `ship` measured."""
    cli, _ = furlong
    return cli.run("plan", str(cli.app), "--json")


def test_ship_keeps_its_promises(furlong: Any) -> None:
    cli, done = furlong
    assert done.code == 0, done.out + done.err
    assert max(len(line) for line in done.out.splitlines() if "/" not in line) <= 80
    state = cli.app / ".seatrial"
    assert (state / "report/report.html").is_file()
    assert (state / "bundle/Dockerfile").is_file()
    found = Project(cli.app).load("evidence", LoadEvidence)
    assert found.passed
    assert found.errors == 0
    assert found.requests > 200


def test_it_runs_as_expected(furlong: Any) -> None:
    cli, _ = furlong
    status = cli.run("status", str(cli.app), "--json")
    assert status.code == 0
    running = from_json(status.out.encode(), Deployment)
    assert [p.role for p in running.processes].count("replica") == 2
    live = EXPECT["live"]
    with urllib.request.urlopen(running.url + live["path"], timeout=60) as answer:
        assert answer.status == live["status"]
        assert live["contains"] in answer.read().decode()


def test_profile_is_as_expected(furlong: Any) -> None:
    cli, _ = furlong
    told = cli.run("profile", str(cli.app), "--json")
    assert told.code == 0
    found = from_json(told.out.encode(), Workload)
    wanted = EXPECT["workload"]
    assert found.web.framework == wanted["framework"]
    assert found.web.entry == wanted["entry"]
    assert found.requirements_file == wanted["requirements_file"]
    assert sorted({s.kind for s in found.web.services}) == wanted["services"]
    assert sorted(r.path for r in found.web.routes) == wanted["routes"]
    for route in found.web.routes:
        if "GET" in route.methods:
            assert route.service_time is not None, f"{route.path}: {route.unmeasured}"
            assert route.service_time.requests >= 200
    for proof in [f.proof for f in found.web.facts] + [r.proof for r in found.web.routes]:
        assert (cli.app / proof.file).is_file()
        assert 0 <= proof.line <= len((cli.app / proof.file).read_text().splitlines())


def test_plan_is_as_expected(planned: Any) -> None:
    assert planned.code == 0
    made = from_json(planned.out.encode(), Plan)
    wanted = EXPECT["plan"]
    assert made.chosen is not None and made.buildable is not None
    assert made.chosen.design.platform == wanted["platform"]
    assert made.buildable.design.platform == wanted["buildable"]
    for design in (made.chosen.design, made.buildable.design):
        assert design.database is not None
        assert design.database.multi_az == wanted["multi_az"]
        assert design.replicas_min >= wanted["replicas_min"]
    assert sorted(v.platform for v in made.platforms if v.best) == wanted["feasible"]
    assert all(v.reasons for v in made.platforms if v.best is None)


def test_every_number_in_the_report_can_be_traced(furlong: Any) -> None:
    cli, _ = furlong
    report = (cli.app / ".seatrial/report/report.md").read_text()
    plain = html.unescape(report).replace("\\", "")
    plan = Project(cli.app).load("plan", Plan)
    assert plan.chosen is not None
    for line in plan.chosen.bill.lines:
        assert line.as_of in report
        assert line.source[:30] in plain
    assert not re.search(r"\bnan\b|\binf\b|\bNone\b", report)


def test_the_state_is_json_without_secrets(furlong: Any) -> None:
    cli, _ = furlong
    for path in (cli.app / ".seatrial/objects").iterdir():
        json.loads(path.read_text())


def shape(text: str) -> list[str]:
    """Lines without what differs from run to run: figures, paths, verdicts of tools, spacing."""
    lines = []
    for line in text.splitlines():
        words = re.sub(r"\S*/\S+", "PATH", line)
        words = re.sub(r"\b(passed|skipped|kept|noisy)\b", "VERDICT", words)
        words = re.sub(r"\$?\d[\d,.]*", "N", words)
        words = re.sub(r"\s+", " ", words).strip()
        if words:
            lines.append(words)
    return lines


def test_the_output_in_the_readme_is_the_real_one(furlong: Any) -> None:
    _, done = furlong
    (block,) = [b for b in BLOCKS if b.startswith("$ seatrial ship")]
    shown = shape(block.partition("\n")[2])
    real = [line for line in shape(done.out) if not line.startswith("running")]
    assert shown == real


@pytest.fixture(scope="module")
def told(furlong: Any, planned: Any) -> dict[str, Any]:
    """What the README's commands came to, by command, after what was shipped is stopped."""
    cli, _ = furlong
    (block,) = [b for b in BLOCKS if b.startswith("$ seatrial profile")]
    commands = [line.removeprefix("$ seatrial ") for line in block.splitlines()]
    assert cli.run("stop", str(cli.app)).code == 0
    return {
        command: cli.run(*command.replace("examples/furlong", str(cli.app)).split())
        for command in commands
    }


def test_the_commands_in_the_readme_run(told: dict[str, Any]) -> None:
    """People get tables, without colour when piped."""
    for command, done in told.items():
        assert done.code == 0, command + done.out + done.err
        assert done.out.strip(), command
        assert "\x1b[" not in done.out, command


def test_plan_is_the_same_twice(furlong: Any, planned: Any, told: dict[str, Any]) -> None:
    """The README's command planned anew, for a table, what had been planned for the JSON."""
    cli, _ = furlong
    assert "pricing and judging" in told["plan examples/furlong"].err
    assert Project(cli.app).load("plan", Plan) == from_json(planned.out.encode(), Plan)


def test_bundle_is_the_same_twice_and_checked(furlong: Any, told: dict[str, Any]) -> None:
    """Checked once: the second time Terraform, which takes longest, finds no provider."""
    cli, _ = furlong
    assert told["bundle examples/furlong"].code == 0
    first = Project(cli.app).load("bundle", Bundle)
    assert {check.status for check in first.checks} <= {"passed", "skipped"}
    second = cli.run("bundle", str(cli.app), "--json", SEATRIAL_TERRAFORM_PLUGIN_DIR="/nonexistent")
    assert second.code == 0
    made = from_json(second.out.encode(), Bundle)
    assert replace(made, checks=()) == replace(first, checks=())
    assert [check.name for check in made.checks] == [check.name for check in first.checks]
    for file in made.files:
        assert (Path(made.directory) / file.path).stat().st_size == file.size_bytes
