"""`seatrial price` as a command: its JSON, its table at 80 columns, its refusals."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from seatrial.kernel.assessment import CostLine

Run = Callable[..., Any]
Told = Callable[..., dict[str, Any]]


@pytest.fixture
def run(seatrial: Run) -> Run:
    """`seatrial price ARGUMENTS`."""
    return partial(seatrial, "price")


@pytest.fixture
def told(run: Run) -> Told:
    """Its JSON."""

    def answer(*arguments: str, cwd: Path | None = None) -> dict[str, Any]:
        done = run(*arguments, "--json", cwd=cwd)
        assert done.returncode == 0, done.stderr
        found = json.loads(done.stdout)
        assert isinstance(found, dict)
        return found

    return answer


TWO = ("aws-fargate", "--region", "us-east-1", "--vcpu", "1", "--memory-gib", "2",
       "--replicas", "2")  # fmt: skip


def lines(found: dict[str, Any]) -> dict[str, float]:
    of: dict[str, float] = {}
    for line in found["lines"]:
        name = f"{line['service']} {line['sku']}"
        of[name] = of.get(name, 0) + line["monthly_usd"]
    return of


def test_every_line_has_its_source(told: Told) -> None:
    found = told(*TWO)
    assert found["monthly_usd"] == 103.1052
    assert found["unpriced"] == []
    of = lines(found)
    assert of["fargate vcpu-hour-x86_64"] == 59.1008
    assert of["fargate memory-gb-hour-x86_64"] == 12.9794
    for line in found["lines"]:
        assert set(line) == set(CostLine.__struct_fields__)
        assert line["source"] and line["as_of"]


def test_ten_thousand_calls_of_a_function(told: Told) -> None:
    of = lines(
        told("aws-lambda", "--memory-gib", "1", "--requests-month", "10000",
             "--duration-ms", "2000")
    )  # fmt: skip
    assert of["lambda compute-gb-second-x86_64"] == 0.333334
    assert of["lambda request"] == 0.002


def test_services_years_and_break_even(told: Told) -> None:
    found = told(
        *TWO, "--with", "postgres=db.t4g.small,deployment=multi-az,storage_gib=50",
        "--years", "3", "--growth", "1.5", "--ops-usd-hour", "80", "--ops-hours-month", "4",
        "--against", "aws-lambda", "--duration-ms", "200",
    )  # fmt: skip
    assert lines(found)["rds-storage gp3/multi-az"] == 11.5
    first, _, third = found["years"]
    assert first["replicas"] == 2 and third["replicas"] == 5
    assert third["ops_usd"] == 3840
    assert found["break_even"]["platforms"] == ["aws-fargate", "aws-lambda"]


def test_the_table_fits_80_columns_and_says_what_is_not_counted() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "seatrial", "price", *TWO, "--years", "2", "--against",
         "aws-lambda"], capture_output=True, text=True, env={**os.environ, "COLUMNS": "80"},
        check=False,
    )  # fmt: skip
    assert done.returncode == 0
    assert max(map(len, done.stdout.splitlines())) <= 80
    for said in ("$59.10", "total", "Often forgotten", "Not stated", "Over the years", "users"):
        assert said in done.stdout
    assert "\x1b[" not in done.stdout


def test_a_missing_price_is_exit_1_and_named(run: Run) -> None:
    done = run(*TWO, "--commitment", "savings-plan-3y-all")
    assert done.returncode == 1
    said = " ".join(done.stdout.split())
    assert "unpriced" in said and "under savings-plan-3y-all" in said


def test_own_prices_and_discounts_win(told: Told, tmp_path: Path) -> None:
    (tmp_path / "seatrial.prices.toml").write_text(
        '[[price]]\nprovider = "aws"\nservice = "alb"\nsku = "load-balancer-hour"\n'
        'region = "us-east-1"\nunit = "hour"\nprice_usd = "0.01"\nsource = "our contract"\n'
        'as_of = "2026-01-01"\n'
        '[[discount]]\nprovider = "aws"\nservice = "fargate"\npercent = 10\n'
        'source = "our contract"\nas_of = "2026-01-01"\n'
    )
    of = lines(told(*TWO, cwd=tmp_path))
    assert of["alb load-balancer-hour"] == 7.3
    assert of["fargate vcpu-hour-x86_64"] == 53.19072


def test_a_node_of_ones_own_is_priced_by_ones_own_file(
    run: Run, told: Told, tmp_path: Path
) -> None:
    asked = ("kubernetes", "--vcpu", "4", "--memory-gib", "16", "--replicas", "3")
    assert run(*asked, cwd=tmp_path).returncode == 1
    (tmp_path / "seatrial.prices.toml").write_text(
        '[[price]]\nprovider = "own"\nservice = "kubernetes"\nsku = "node"\nregion = "*"\n'
        'unit = "node-month"\nprice_usd = "41.50"\nsource = "invoice 7"\nas_of = "2026-10-01"\n'
    )
    assert told(*asked, cwd=tmp_path)["monthly_usd"] == 124.5


def test_the_curve_is_a_picture(run: Run, told: Told, tmp_path: Path) -> None:
    chart = tmp_path / "curve.svg"
    told(*TWO, "--against", "aws-lambda", "--chart", str(chart))
    drawn = chart.read_text()
    assert drawn.startswith("<svg") and "daily users" in drawn and "aws-lambda</text>" in drawn
    refused = run(*TWO, "--chart", str(chart))
    assert refused.returncode == 2 and "--against" in refused.stderr


def test_without_a_platform_all_are_compared(told: Told) -> None:
    found = told("--vcpu", "1", "--memory-gib", "2", "--replicas", "2")
    offers = found["offers"]
    platforms = {offer["platform"] for offer in offers}
    assert {"aws-fargate", "gcp-cloud-run", "azure-container-apps", "do-app-platform"} <= platforms
    costs = [o["monthly_usd"] for o in offers if o["monthly_usd"] is not None]
    assert costs == sorted(costs) and costs[0] > 0


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("aws-fargat",), "did you mean `aws-fargate`"),
        ((*TWO, "--usage", "nat_gateway=1"), "did you mean `nat_gateways`"),
        ((*TWO, "--usage", "nat_gateways=many"), "--usage"),
        ((*TWO, "--usage", "nat_gateways=-1"), "nat_gateways is below 0"),
        ((*TWO, "--requests-month", "lots"), "--requests-month 'lots' is not an amount"),
        ((*TWO, "--growth", "NaN"), "--growth 'NaN' is not an amount"),
        ((*TWO, "--against", "aws-lambda", "--users", "100"), "--users '100' is not a range"),
        ((*TWO, "--with", "=x"), "names no service"),
        ((*TWO, "--with", "postgres=db.t4g.small,big"), "'big' is no option"),
        ((*TWO, "--commitment", "reserved-9y"), "unknown commitment"),
        ((*TWO, "--commitment", "reserved-1y-all"), "is not sold under reserved-1y-all"),
        ((*TWO, "--arch", "vax"), "unknown processor"),
    ],
)
def test_wrong_input_is_exit_2_with_a_fix(run: Run, arguments: tuple[str, ...], said: str) -> None:
    done = run(*arguments)
    assert done.returncode == 2, done.stdout
    assert said in " ".join(done.stderr.split())
    assert "fix:" in done.stderr


@pytest.mark.parametrize("option", ["--requests-user", "--growth"])
def test_amounts_that_cannot_be_0_are_refused(run: Run, option: str) -> None:
    done = run(*TWO, "--years", "2", "--against", "aws-lambda", option, "0")
    assert done.returncode == 2
    assert f"{option} is 0" in done.stderr and "above 0" in done.stderr


def test_no_processor_time_is_none_and_not_the_usual(run: Run) -> None:
    done = run(*TWO, "--against", "aws-lambda", "--duration-ms", "0", "--json")
    told_of = " ".join(json.loads(done.stdout)["break_even"]["assumptions"])
    assert "each 0 ms of processor time" in told_of
