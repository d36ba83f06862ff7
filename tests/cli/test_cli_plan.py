"""`seatrial plan --workload FILE` and `seatrial init` as people call them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from seatrial.cli import init as init_verb
from seatrial.cli import plan as plan_verb
from seatrial.kernel.plan import Plan
from seatrial.kernel.values import from_json

SEATRIAL = Path(sys.executable).parent / "seatrial"

TRAITS = """\
[traits]
name = "cards"
framework = "flask"
memory_mib_worker = 120
boot_s = 2
stated = "said by its author"
routes = [{ path = "/", mean_ms = 20, cpu_ms = 15, stated = "said by its author" }]
"""
DEMAND = """
[demand]
requests_per_day = 20000

[slo]
availability_percent = 99.0

[plan]
platforms = ["do-app-platform", "aws-lambda"]
"""


@pytest.fixture(scope="module")
def described(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("described") / "cards.toml"
    file.write_text(TRAITS + DEMAND)
    return file


def plan(*arguments: str | Path) -> Result:
    made = CliRunner().invoke(plan_verb.app, [str(one) for one in arguments])
    assert made.exception is None or isinstance(made.exception, SystemExit), made.exception
    return made


def refused(file: Path, text: str | bytes) -> str:
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    made = plan("--workload", file)
    assert made.exit_code > 1 and made.stdout == ""
    return made.stderr


def test_one_screen_of_80_columns_without_colour(described: Path) -> None:
    done = subprocess.run(
        [SEATRIAL, "plan", "--workload", described], capture_output=True, text=True,
        env={**os.environ, "COLUMNS": "80"}, check=True,
    )  # fmt: skip
    lines = done.stdout.splitlines()
    assert max(map(len, lines)) <= 80
    assert len(lines) <= 45
    assert "\x1b" not in done.stdout + done.stderr
    assert lines[0].startswith("cards: ")
    for wanted in ("a month", "p95", "available", "Not possible", "takes no new customers"):
        assert wanted in done.stdout, wanted


def test_json_is_one_plan_and_the_report_lies_beside_it(described: Path, tmp_path: Path) -> None:
    made = plan("--workload", described, "--json", "--report", tmp_path / "report")
    assert made.exit_code == 0, made.output
    told = from_json(made.stdout_bytes, Plan)
    assert told.app == "cards" and told.chosen is not None
    assert told.chosen.simulation is not None
    assert {"report.md", "report.html", "report.pdf"} <= {
        file.name for file in (tmp_path / "report").iterdir()
    }


def test_nothing_feasible_is_an_answer_with_what_would_help(described: Path) -> None:
    described.with_name("dear.toml").write_text(
        TRAITS + DEMAND + "\n[budget]\ncost_usd_month = 1\n"
    )
    made = plan("--workload", described.with_name("dear.toml"))
    assert made.exit_code == 1
    assert "no design keeps every rule" in made.stdout
    assert "[budget] cost_usd_month" in made.stdout


def test_bad_files_are_refused_with_what_to_do(tmp_path: Path) -> None:
    file = tmp_path / "bad.toml"
    assert "is not TOML" in refused(file, "[traits\n")
    assert "is not UTF-8" in refused(file, b"\xff\xfe")
    assert "add a section [traits]" in refused(file, DEMAND)
    assert "daily_usres" in refused(file, TRAITS + "[demand]\ndaily_usres = 3\n")
    assert "daily_users" in refused(file, TRAITS + "[demand]\ndaily_usres = 3\n")
    assert "memory_mib_worker" in refused(file, TRAITS.replace("= 120", "= -1"))
    assert "boot_s" in refused(file, TRAITS.replace("boot_s = 2\n", ""))
    assert "is no workload" in refused(tmp_path / "bad.json", "{}")
    missing = plan("--workload", tmp_path / "none.toml")
    assert missing.exit_code > 1 and "none.toml" in missing.stderr


def test_init_writes_what_was_found_and_keeps_what_is_there(tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text("from flask import Flask\napp = Flask(__name__)\n")
    (tmp_path / "requirements.txt").write_text("flask==3.1.3\n")

    def init(*more: str) -> Result:
        return CliRunner().invoke(init_verb.app, [str(tmp_path), *more])

    made = init("--json")
    assert made.exit_code == 0, made.output
    file = Path(json.loads(made.stdout)["file"])
    text = file.read_text()
    assert tomllib.loads(text) is not None and "[demand]" in text
    file.write_text(text + "# mine\n")
    again = init()
    assert again.exit_code > 1 and "--force" in again.stderr
    assert file.read_text().endswith("# mine\n")
    assert init("--force").exit_code == 0
    assert file.read_text() == text
