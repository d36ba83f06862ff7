"""`seatrial prices` as a user runs it, against lists on this machine."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from seatrial.catalog.own import FILE

if (lists := sys.modules.get("price_lists")) is None:
    spec = importlib.util.spec_from_file_location(
        "price_lists", Path(__file__).parents[1] / "catalog/price_lists.py"
    )
    assert spec is not None and spec.loader is not None
    sys.modules["price_lists"] = lists = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(lists)

OWN = """
[[price]]
provider = "aws"
service = "fargate"
sku = "vcpu-hour-x86_64"
region = "us-east-1"
unit = "vCPU-hour"
price_usd = 0.03
source = "my contract"
as_of = "2026-01-01"
"""


@pytest.fixture
def server() -> Iterator[Any]:
    with lists.served() as running:
        yield running


class User:
    """Somebody with folders of their own."""

    def __init__(self, server: Any, home: Path, seatrial: Callable[..., Any]) -> None:
        self.home = home
        self.folder = home / "data/prices"
        self.env: dict[str, str | None] = {
            "COLUMNS": "120", "NO_COLOR": "1", "SEATRIAL_PRICES_GOOGLE_KEY": None,
            "SEATRIAL_PRICES_DIR": str(self.folder), "SEATRIAL_PRICES_AWS_URL": server.url,
            "SEATRIAL_PRICES_AZURE_URL": server.url, "SEATRIAL_PRICES_GOOGLE_URL": server.url,
        }  # fmt: skip
        self._seatrial = seatrial

    def run(self, *arguments: str) -> Any:
        """`seatrial prices ARGUMENTS`."""
        return self._seatrial("prices", *arguments, cwd=self.home, **self.env)


@pytest.fixture
def user(server: Any, tmp_path: Path, seatrial: Callable[..., Any]) -> User:
    return User(server, tmp_path, seatrial)


@pytest.fixture
def aws(server: Any) -> Any:
    made = lists.Aws(server)
    made.put("AmazonECS", *lists.fargate("0.0430000000"))
    return made


def again(aws: Any, price: str) -> None:
    aws.rows.clear()
    aws.put("AmazonECS", *lists.fargate(price))


def test_refresh_shows_the_difference_and_keeps_it(user: User, aws: Any) -> None:
    done = user.run("refresh", "--provider", "aws")
    assert done.returncode == 0, done.stderr
    assert "+6.2 %" in done.stdout and "0.04048" in done.stdout
    assert "reading AWS AmazonECS" in done.stderr
    assert (user.folder / "aws.csv").is_file()
    shown = user.run("list", "--service", "fargate", "--region", "us-east-1", "--json")
    rows = {row["price"]["sku"]: row for row in json.loads(shown.stdout)["prices"]
            if row["price"]["commitment"] == "on-demand"}  # fmt: skip
    assert rows["vcpu-hour-x86_64"]["layer"] == "fetched"
    assert rows["vcpu-hour-x86_64"]["price"]["price_usd"] == 0.043
    assert rows["vcpu-hour-x86_64"]["age_days"] >= 0


def test_a_jump_is_named_and_nothing_written(user: User, aws: Any) -> None:
    assert user.run("refresh", "--provider", "aws").returncode == 0
    before = (user.folder / "aws.csv").read_bytes()
    again(aws, "0.4048000000")
    done = user.run("refresh", "--provider", "aws")
    assert done.returncode == 1
    assert "refused: fargate vcpu-hour-x86_64 us-east-1 on-demand" in done.stderr
    assert "--accept" in done.stderr and "nothing written" in done.stdout
    assert (user.folder / "aws.csv").read_bytes() == before
    accepted = user.run("refresh", "--provider", "aws", "--accept")
    assert accepted.returncode == 0
    assert b"0.4048" in (user.folder / "aws.csv").read_bytes()


def test_a_dry_run_writes_nothing(user: User, aws: Any) -> None:
    done = user.run("refresh", "--provider", "aws", "--dry-run", "--json")
    assert done.returncode == 0
    made = json.loads(done.stdout)
    assert made["dry_run"] and made["providers"][0]["rows"] == 2
    assert made["providers"][0]["written"] == ""
    assert not user.folder.exists()


def test_what_left_the_list_takes_accept(user: User, aws: Any) -> None:
    assert user.run("refresh", "--provider", "aws").returncode == 0
    aws.rows["AmazonECS", "us-east-1"].pop()
    done = user.run("refresh", "--provider", "aws")
    assert done.returncode == 1 and "an older price would come back" in done.stderr
    assert user.run("refresh", "--provider", "aws", "--accept").returncode == 0


def test_the_network_is_away(user: User, aws: Any) -> None:
    user.env["SEATRIAL_PRICES_AWS_URL"] = "http://127.0.0.1:9"
    done = user.run("refresh", "--provider", "aws", "--json")
    assert done.returncode == 75
    told = json.loads(done.stdout)
    assert told["exit_code"] == 75 and "127.0.0.1:9" in told["error"]["where"]
    assert "cannot be fetched" in told["error"]["what"] and told["error"]["fix"]


def test_a_malformed_list(user: User, aws: Any) -> None:
    aws.faults["AmazonECS us-east-1"] = [lists.Answer(b"<html>")]
    done = user.run("refresh", "--provider", "aws")
    assert done.returncode == 2 and "AmazonECS" in done.stderr and "fix:" in done.stderr


def test_another_provider_than_there_is(user: User) -> None:
    done = user.run("refresh", "--provider", "oracle")
    assert done.returncode == 2 and "aws, azure, google" in done.stderr


def test_one_provider_fails_and_another_is_kept(user: User, aws: Any, server: Any) -> None:
    server.routes.append(lambda path, *_: lists.Answer(b"{}") if "retail" in path else None)
    done = user.run("refresh", "--json")
    made = {one["provider"]: one for one in json.loads(done.stdout)["providers"]}
    assert made["aws"]["written"] and (user.folder / "aws.csv").is_file()
    assert "SEATRIAL_PRICES_GOOGLE_KEY" in made["google"]["skipped"]
    if made["azure"]["skipped"]:
        pytest.skip("the catalogue has no prices of Azure")
    assert "not a page of prices" in made["azure"]["failure"]["what"]
    assert done.returncode == 2


def test_the_user_s_own_file_wins_and_is_not_touched(user: User, aws: Any) -> None:
    own = user.home / FILE
    own.write_text(OWN)
    assert user.run("refresh", "--provider", "aws").returncode == 0
    assert own.read_text() == OWN
    shown = user.run("list", "--service", "fargate", "--region", "us-east-1", "--json")
    found = [row for row in json.loads(shown.stdout)["prices"] if row["layer"] == "own"]
    assert [row["price"]["price_usd"] for row in found] == [0.03]
    told = json.loads(user.run("status", "--json").stdout)
    assert told["own_file"] == FILE and told["folder"] == str(user.folder)
    counts = {one["provider"]: one for one in told["providers"]}["aws"]
    assert (counts["own"], counts["fetched"]) == (1, 1) and counts["fetched_at"]


def test_lists_and_status_for_a_person(user: User) -> None:
    shown = user.run("list", "--provider", "aws", "--service", "alb")
    assert shown.returncode == 0 and "load-balancer-hour" in shown.stdout
    assert " d " in shown.stdout or "undated" in shown.stdout
    told = user.run("status")
    assert told.returncode == 0 and "never" in told.stdout and str(user.folder) in told.stdout
    nothing = user.run("list", "--service", "teleport")
    assert nothing.returncode == 2 and "teleport" in nothing.stderr
    assert not user.folder.exists(), "looking makes no folder"


@pytest.mark.parametrize("verb", ["refresh", "list", "status"])
def test_each_has_its_own_help(user: User, verb: str) -> None:
    user.env["COLUMNS"] = "80"
    done = user.run(verb, "--help")
    assert done.returncode == 0 and "--json" in done.stdout
    assert max(map(len, done.stdout.splitlines())) <= 80


def test_start_up_does_not_load_the_http_client() -> None:
    code = (
        "import sys, seatrial.pricelists, seatrial.cli.prices; "
        "print(*{'httpx', 'stamina', 'seatrial.catalog.refresh.run'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""
