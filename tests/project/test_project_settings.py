"""seatrial.toml: the reference is the schema, and wrong input is told with its place."""

from __future__ import annotations

import re
import tomllib
from decimal import Decimal
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seatrial.kernel.demand import SHAPES, Settings
from seatrial.kernel.errors import SettingsError, StorageError
from seatrial.settings import SECTIONS, parse, read
from seatrial_runtime.settings.options import OPTIONS

REFERENCE = Path(__file__).parents[2] / "src/seatrial/seatrial.toml"


def test_reference_holds_every_setting_with_its_default() -> None:
    text = REFERENCE.read_text()
    assert parse(text) == Settings()
    optional = (
        r"^# ((cost_|daily_|requests_per_d|ops_|(region_)?r[tp]o_|calls_|input_|output_|tasks?_|"
    )
    optional += r"per_day|mib|kept_)\w* =)"
    # Options of the runtime have no one default: it depends on the environment.
    before, header, after = text.partition("\n[runtime]\n")
    own, machine, rest = after.partition("\n[machine]\n")
    own = re.sub(r"^# ([a-z_]+ = )", r"\1", own, flags=re.MULTILINE)
    with_optional = re.sub(
        optional, r"\1", before + header + own + machine + rest, flags=re.MULTILINE
    )
    tables = tomllib.loads(with_optional)
    assert {name: set(table) for name, table in tables.items()} == {
        name: {field.name for field in msgspec.structs.fields(kind)}
        for name, kind in SECTIONS.items()
    }


def test_the_reference_holds_the_options_of_the_runtime() -> None:
    """With the words of its own help, so that neither drifts from the other."""
    section = REFERENCE.read_text().partition("\n[runtime]\n")[2].partition("\n[machine]\n")[0]
    lines = section.splitlines()
    prose = " ".join(line.removeprefix("# ") for line in lines)
    for option in OPTIONS:
        if option.name == "app_dir":
            continue  # The file is found by it.
        [line] = [line for line in lines if line.startswith(f"# {option.name} = ")]
        [value] = tomllib.loads(line.removeprefix("# ")).values()
        text = str(value).lower() if isinstance(value, bool) else str(value)
        assert text == option.default, option.name
        told = [option.help[1:], *(f"; {one} in {k}" for k, one in option.by_environment.items())]
        assert "".join(told) + "." in prose, option.name


def test_the_runtime_has_tables_of_its_own() -> None:
    text = """
[runtime]
workers = 2
request_timeouts = { "/export" = 120 }
[runtime.production]
workers = "auto"
upload_types = ["image/*"]
[runtime.production.env]
CACHE_TTL = "3600"
"""
    runtime = parse(text).runtime
    assert (runtime.workers, runtime.production.workers) == (2, "auto")
    assert runtime.production.env == {"CACHE_TTL": "3600"}
    assert runtime.staging.workers is None


def test_users_make_requests() -> None:
    stated = parse("[demand]\ndaily_users = 100\nrequests_per_user = 3\n").demand.traffic
    assert (stated.requests_per_day, stated.daily_users) == (300, 100)
    both = parse("[demand]\ndaily_users = 100\nrequests_per_day = 7\n").demand.traffic
    assert both.requests_per_day == 7


def test_no_file_means_defaults(tmp_path: Path) -> None:
    assert read(tmp_path) == Settings()


def test_money_keeps_its_digits() -> None:
    parsed = parse("[budget]\ncost_usd_month = 0.1\n")
    assert parsed.demand.budget.cost_usd_month == Decimal("0.1")


def test_shapes_and_peak() -> None:
    flat = parse('[demand]\nrequests_per_day = 86400\nhourly_weights = "flat"\n')
    assert flat.demand.traffic.peak_rps == pytest.approx(1.0)
    one = ", ".join(["0"] * 23 + ["2"])
    peaked = parse(f"[demand]\nrequests_per_day = 3600\nhourly_weights = [{one}]\n")
    assert peaked.demand.traffic.peak_rps == pytest.approx(1.0)
    assert all(len(weights) in (24, 168) for weights in SHAPES.values())


def test_a_week_of_weights() -> None:
    one = ", ".join(["0"] * 167 + ["2"])
    peaked = parse(f"[demand]\nrequests_per_day = 3600\nhourly_weights = [{one}]\n").demand.traffic
    # the whole week's requests in its last hour
    assert peaked.peak_rps == pytest.approx(7.0)
    assert peaked.weekly_weights[167] == pytest.approx(168)
    for name in SHAPES:
        shaped = parse(f'[demand]\nhourly_weights = "{name}"\n').demand.traffic
        assert len(shaped.weekly_weights) == 168
        assert sum(shaped.weekly_weights) == pytest.approx(168)
        # the busiest hour's rate is the same whichever way it is worked out
        rate = shaped.requests_per_day / 86_400 * max(shaped.weekly_weights)
        assert shaped.peak_rps == pytest.approx(rate)
    worked = parse('[demand]\nhourly_weights = "office-hours"\n').demand.traffic.weekly_weights
    assert sum(worked[120:]) < 0.1 * sum(worked)


WRONG = [
    ("[slo]\nlatency_p95 = 3\n", "latency_p95", ":2", "latency_ms_p95"),
    ("[budgets]\n", "[budgets]", ":1", "budget"),
    ("[demand]\nrequests_per_day = 0\n", "requests_per_day", ":2", ""),
    ("[demand]\nrequests_per_day = 'many'\n", "requests_per_day", ":2", ""),
    ("[demand]\nrequests_per_day = nan\n", "requests_per_day", ":2", ""),
    ("[demand]\nhourly_weights = 'evenin'\n", "evenin", ":2", "evening"),
    ("[demand]\nhourly_weights = [1, 2]\n", "2 numbers, not 24 or 168", ":2", ""),
    (f"[demand]\nhourly_weights = {[1] * 169}\n", "169 numbers", ":2", "weekend"),
    (f"[demand]\nhourly_weights = {[0] * 168}\n", "one above 0", ":2", ""),
    ("[demand]\nhourly_weights = 'office-hour'\n", "office-hour", ":2", "office-hours"),
    ("[demand]\nroute_weights = {'/' = -1}\n", "route_weights", ":2", ""),
    ("[llm]\nthrottled_percent = 101\n", "throttled_percent", ":2", ""),
    ("[llm]\ntimeout_s = 0\n", "timeout_s", ":2", ""),
    ("[llm]\nretries = 21\n", "retries", ":2", ""),
    ("[llm]\nfallback = 'maybe'\n", "fallback", ":2", ""),
    ("[llm]\nretry = 2\n", "retry", ":2", "retries"),
    ("[demand]\ngrowth_year = 1e4\n", "growth_year", ":2", ""),
    ("[slo]\navailability_percent = 100\n", "availability_percent", ":2", ""),
    ("[slo]\nlatency_ms_p95 = 9\nlatency_ms_p99 = 8\n", "latency_ms_p99", ":3", ""),
    ("[deploy]\nport = 70000\n", "port", ":2", ""),
    ("[deploy]\nreplicas = 1.5\n", "replicas", ":2", ""),
    ("[machine]\ncost_usd_month = 5\n", "cost_as_of", "", ""),
    ("[app]\nready_path = 'health'\n", "ready_path", ":2", ""),
    ("[recovery]\nrto_s = -1\n", "rto_s", ":2", ""),
    ("[compliance]\nstandards = ['gdrp']\n", "standards", ":2", ""),
    ("[compliance]\nresidency = ['Germany']\n", "residency", ":2", "correct"),
    ("[plan]\nweights = { costs = 1 }\n", "costs", "", "cost"),
    ("[plan]\ncommitments = ['reserved']\n", "commitments", ":2", ""),
    ("[budget]\nops_usd_hour = -1\n", "ops_usd_hour", ":2", ""),
    ("[demand]\ndaily_users = -1\nrequests_per_day = 1\n", "daily_users", ":2", ""),
    ("[runtime]\nworker = 3\n", "[runtime] worker", ":2", "workers"),
    ("[runtime.production]\nworker = 3\n", "[runtime.production] worker", ":2", "workers"),
    ("[runtime.prodution]\n", "prodution", "", "production"),
    ("[runtime.staging]\nenvironment = 'staging'\n", "environment", ":2", ""),
    ("[app]\nenv = { A = '1' }\n[runtime.env]\nA = '2'\n", "A is in [app]", ":4", "keep"),
    ("app = 3\n", "[app]", "", ""),
    ("[app\n", "TOML", "", ""),
]


@pytest.mark.parametrize(("text", "named", "line", "fix"), WRONG)
def test_wrong_input_is_told(text: str, named: str, line: str, fix: str) -> None:
    with pytest.raises(SettingsError) as caught:
        parse(text, "seatrial.toml")
    assert named in str(caught.value)
    assert caught.value.where == f"seatrial.toml{line}"
    assert fix in caught.value.fix
    assert caught.value.exit_code == 2


@given(st.text(max_size=200))
def test_any_text_is_settings_or_a_clear_error(text: str) -> None:
    try:
        parse(text)
    except SettingsError as error:
        assert error.fix


def test_a_file_that_is_too_large_or_not_text(tmp_path: Path) -> None:
    path = tmp_path / "seatrial.toml"
    path.write_bytes(b"#" * (2 * 1024**2))
    with pytest.raises(StorageError):
        read(tmp_path)
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(SettingsError):
        read(tmp_path)
