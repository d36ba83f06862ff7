"""`seatrial simulate` as people call it: its screen, its JSON, and what cannot be simulated."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import Result
from typer.testing import CliRunner

from seatrial.cli.simulate import app
from seatrial.kernel.simulation import Simulation
from seatrial.kernel.values import from_json

DESIGN = "aws-fargate/us-east-1/1vcpu-2gbx2-6"
SEATRIAL = Path(sys.executable).parent / "seatrial"


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("shop")
    (folder / "app.py").write_text(
        "from flask import Flask\napp = Flask(__name__)\n\n"
        '@app.get("/")\ndef home():\n    return "ok"\n'
    )
    (folder / "requirements.txt").write_text("flask==3.1.3\n")
    return folder


def run(shop: Path, *arguments: str) -> Result:
    made = CliRunner().invoke(app, [*arguments, "--app", str(shop)])
    assert made.exception is None or isinstance(made.exception, SystemExit), made.exception
    return made


def simulated(shop: Path, *arguments: str) -> Simulation:
    made = run(shop, *arguments, "--json")
    assert made.exit_code == 0, made.output
    assert "NaN" not in made.stdout and "Infinity" not in made.stdout
    return from_json(made.stdout_bytes, Simulation)


def written(folder: Path, text: str, name: str = "demand.toml") -> str:
    (folder / name).write_text(text)
    return str(folder / name)


def test_one_screen_of_80_columns_without_colour(shop: Path) -> None:
    done = subprocess.run(
        [SEATRIAL, "simulate", DESIGN, "--app", shop], capture_output=True, text=True,
        env={**os.environ, "COLUMNS": "80"}, check=True,
    )  # fmt: skip
    lines = done.stdout.splitlines()
    assert max(map(len, lines)) <= 80
    assert len(lines) <= 50
    assert "\x1b" not in done.stdout + done.stderr
    for figure in (
        "latency p50", "latency p95", "latency p99", "errors", "availability in a year",
        "replica-hours a month", "cost a month",
    ):  # fmt: skip
        assert any(line.startswith(figure) for line in lines), figure
    assert "95 % interval" in done.stdout
    (p95,) = (line for line in lines if line.startswith("latency p95"))
    assert " to " in p95
    assert any(line.startswith("worst ") for line in lines)
    (chart,) = (line for line in lines if line.startswith("replicas    "))
    assert len(chart.split()[1]) == 24
    assert "What can go wrong" in done.stdout
    assert done.stderr.startswith("reading the source")


def test_json_is_strict_and_the_same_seed_the_same_bytes(shop: Path) -> None:
    first, again = (run(shop, DESIGN, "--json", "--seed", "7") for _ in range(2))
    assert first.stdout_bytes == again.stdout_bytes
    made = from_json(first.stdout_bytes, Simulation)
    assert set(json.loads(first.stdout)) >= {"design", "seed", "latency_ms_p95", "week", "worst"}
    assert (made.design, made.seed, len(made.week)) == (DESIGN, 7, 168)
    assert simulated(shop, DESIGN, "--seed", "8").latency_ms_p95 != made.latency_ms_p95


def test_another_demand(shop: Path, tmp_path: Path) -> None:
    text = "[demand]\nrequests_per_day = 900000\nhourly_weights = 'office-hours'\n"
    made = simulated(shop, DESIGN, "--demand", written(tmp_path, text))
    rates = [hour.rate_rps for hour in made.week]
    assert rates.index(max(rates)) // 24 < 5
    assert max(rates[125:]) < 0.2 * max(rates), "nobody works at the weekend"
    assert made.replicas_peak > 2


def test_a_recorded_trace_has_its_own_rate(shop: Path, tmp_path: Path) -> None:
    # 2 a second for half an hour, where the demand would be a quarter of one
    text = "time_s\n" + "".join(f"{i / 2}\n" for i in range(3600))
    trace = written(tmp_path, text, "trace.csv")
    made = simulated(shop, DESIGN, "--trace", trace)
    assert made.week[0].rate_rps == pytest.approx(2, rel=0.05)
    assert any(line.startswith("recorded arrivals") for line in made.assumptions)
    assert made.cost_usd_month != simulated(shop, DESIGN).cost_usd_month
    few = simulated(shop, DESIGN, "--trace", written(tmp_path, "time_s\n0\n1\n", "few.csv"))
    assert few.latency_ms_p50.value is not None


def test_overload_for_ever_is_told(shop: Path, tmp_path: Path) -> None:
    demand = written(tmp_path, "[demand]\nrequests_per_day = 4e6\nhourly_weights = 'flat'\n")
    small = "aws-fargate/us-east-1/0.25vcpu-0.5gbx1"
    made = simulated(shop, small, "--demand", demand)
    assert made.error_percent.value is not None and made.error_percent.value > 95
    assert made.availability_percent.value is not None and made.availability_percent.value < 5
    shown = run(shop, small, "--demand", demand)
    assert shown.exit_code == 0
    assert "It does not hold: up to 46 requests/s" in shown.stdout
    assert "nan" not in shown.stdout.lower()


def test_hardly_any_request_is_told(shop: Path, tmp_path: Path) -> None:
    demand = written(tmp_path, "[demand]\nrequests_per_day = 0.001\n")
    shown = run(shop, DESIGN, "--demand", demand)
    assert shown.exit_code == 0
    assert "not known" in shown.stdout and "few requests" in shown.stdout


REFUSED_DESIGNS = [
    ("nonsense", "names no design", "PLATFORM/REGION"),
    ("aws-fargat/us-east-1/1vcpu-2gbx2", "no platform", "aws-fargate"),
    ("aws-fargate/us-east-9/1vcpu-2gbx2", "no region", "us-east-1"),
    ("aws-fargate/us-east-1/1vcpu-2gx2", "no size", "1vcpu-2gb"),
    ("aws-fargate/us-east-1/1vcpu-2gbx0", "0 to 0 replicas are none", "PLATFORM"),
    ("aws-fargate/us-east-1/1vcpu-2gbx-2", "names no design", "PLATFORM"),
    ("aws-fargate/us-east-1/1vcpu-2gbx6-2", "6 to 2 replicas are none", "PLATFORM"),
    ("aws-fargate/us-east-1/1vcpu-2gbx2-20000", "20,000 replicas are too many", "10,000"),
    ("aws-fargate/us-east-1/1vcpu-2gbx2-99999999999", "names no design", "PLATFORM"),
]


@pytest.mark.parametrize(("name", "what", "fix"), REFUSED_DESIGNS)
def test_designs_that_are_none(shop: Path, name: str, what: str, fix: str) -> None:
    refused(run(shop, name), what, fix)


REFUSED_TRACES = [
    ("time_s\n3\n2\n", "trace.csv:3: is 1 s before", "sort"),
    ("time_s\n5\n", "fewer than two", "longer"),
    ("time_s\n", "fewer than two", "longer"),
    ("", "has no requests", "recorded"),
    ("time_s\n-5\n1\n", "trace.csv:2: -5 is no time", "from 0 up"),
    ("time_s\nnan\n1\n", "trace.csv:2: nan is no time", "from 0 up"),
    ("time_s\n5\n5\n", "at one time", "longer"),
    ("when\n5\n6\n", "no column of times", "timestamp"),
]


@pytest.mark.parametrize(("text", "what", "fix"), REFUSED_TRACES)
def test_traces_that_cannot_be(shop: Path, tmp_path: Path, text: str, what: str, fix: str) -> None:
    refused(run(shop, DESIGN, "--trace", written(tmp_path, text, "trace.csv")), what, fix)


REFUSED_DEMANDS = [
    ("requests_per_dya = 1", "demand.toml:2: [demand] requests_per_dya", "`requests_per_day`"),
    ("requests_per_day = -1", "requests_per_day must be more than 0", "correct"),
    ("requests_per_day = nan", "requests_per_day must be more than 0", "correct"),
    ("requests_per_day = 1e12", "more than can be replayed", "a tenth"),
    ("growth_year = 1e9", "growth_year must be", "correct"),
    ("growth_year = inf", "growth_year must be", "correct"),
    ("hourly_weights = [1, 2, 3]", "3 numbers, not 24 or 168", "office"),
    ("dispersion_1s = -3", "dispersion_1s must be", "correct"),
]


@pytest.mark.parametrize(("line", "what", "fix"), REFUSED_DEMANDS)
def test_demands_that_cannot_be(shop: Path, tmp_path: Path, line: str, what: str, fix: str) -> None:
    refused(run(shop, DESIGN, "--demand", written(tmp_path, f"[demand]\n{line}\n")), what, fix)


def test_files_that_are_not_there_and_seeds_below_zero(shop: Path) -> None:
    refused(run(shop, DESIGN, "--demand", "none.toml"), "none.toml: is no file", "name a file")
    refused(run(shop, DESIGN, "--trace", "none.csv"), "none.csv: cannot be read", "path")
    assert run(shop, DESIGN, "--seed", "-1").exit_code == 2
    refused(run(shop, DESIGN, "--seed", str(10**30)), "is no seed", "2^63")
    told = run(shop, "nonsense", "--json")
    assert told.exit_code == 2
    assert json.loads(told.stdout)["error"]["fix"]


def refused(made: Result, what: str, fix: str) -> None:
    assert made.exit_code == 2, made.output
    assert made.stdout == ""
    assert what in made.stderr
    (told,) = (line for line in made.stderr.splitlines() if line.startswith("  fix: "))
    assert fix in told
