"""[demand] trace: traffic like a recording."""

from __future__ import annotations

import math
import random
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from seatrial.kernel.demand import Traffic
from seatrial.kernel.errors import InputError, SettingsError
from seatrial.settings import read

MONDAY = datetime(2026, 11, 16, tzinfo=UTC)


def traffic(folder: Path, text: str) -> Traffic:
    (folder / "seatrial.toml").write_text(text)
    return read(folder).demand.traffic


def counts(folder: Path, minutes: int, start: datetime = MONDAY) -> None:
    """Requests by the minute: by day as many as at night and half more, twice as many on Sunday."""
    lines = ["minute,requests"]
    for at in range(minutes):
        now = start + timedelta(minutes=at)
        many = (60 if 8 <= now.hour < 20 else 40) * (2 if now.weekday() == 6 else 1)
        lines.append(f"{now.isoformat()},{many}")
    (folder / "traffic.csv").write_text("\n".join(lines) + "\n")


def test_a_week_tells_its_168_hours(tmp_path: Path) -> None:
    counts(tmp_path, 7 * 1440)
    made = traffic(tmp_path, '[demand]\ntrace = "traffic.csv"\n')
    assert made.requests_per_day == pytest.approx(8 / 7 * 72_000, rel=1e-3)
    assert len(made.hourly_weights) == 168
    mean = 8 / 7 * 50
    for hour, expected in ((0, 40), (12, 60), (6 * 24 + 3, 80), (6 * 24 + 12, 120)):
        assert made.hourly_weights[hour] == pytest.approx(expected / mean, rel=1e-3)


def test_a_day_tells_the_hours_of_every_day_from_where_it_began(tmp_path: Path) -> None:
    counts(tmp_path, 1441, MONDAY + timedelta(hours=15))
    made = traffic(tmp_path, '[demand]\ntrace = "traffic.csv"\n')
    assert len(made.hourly_weights) == 24
    assert made.hourly_weights[3] == pytest.approx(40 / 50, rel=0.01)
    assert made.hourly_weights[9] == pytest.approx(60 / 50, rel=0.01)


def test_a_rate_that_is_stated_holds(tmp_path: Path) -> None:
    counts(tmp_path, 1441)
    text = '[demand]\ntrace = "traffic.csv"\nrequests_per_day = 5000\n'
    made = traffic(tmp_path, text)
    assert made.requests_per_day == 5000
    assert made.hourly_weights[9] == pytest.approx(1.2, rel=0.01)
    users = traffic(tmp_path, '[demand]\ntrace = "traffic.csv"\ndaily_users = 10\n')
    assert users.requests_per_day == 200


@pytest.mark.parametrize("form", ["common", "json"])
def test_an_access_log_tells_its_bursts(tmp_path: Path, form: str) -> None:
    """Every ninth second has all requests of nine: the counts of seconds vary 8 times as much."""
    chance, lines = random.Random(1), []
    for second in range(3 * 3600):
        now = MONDAY + timedelta(seconds=second)
        many = 18 if chance.random() < 1 / 9 else 0
        for _ in range(many):
            lines.append(
                f'1.2.3.4 - - [{now:%d/%b/%Y:%H:%M:%S %z}] "GET / HTTP/1.1" 200 12'
                if form == "common"
                else f'{{"timestamp": "{now.isoformat()}", "path": "/"}}'
            )
    (tmp_path / "access.log").write_text("\n".join(lines) + "\n")
    made = traffic(tmp_path, '[demand]\ntrace = "access.log"\n')
    assert made.requests_per_day == pytest.approx(2 * 86_400, rel=0.1)
    # Bernoulli times 18: variance over mean is 18 x 8/9.
    assert made.dispersion_1s == pytest.approx(16, rel=0.15)
    assert set(made.hourly_weights) == {1.0}
    assert math.isfinite(made.dispersion_60s) and made.dispersion_60s > 5


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ('trace = "other.csv"', "seatrial.toml:2: .*is no file"),
        (f'trace = "{"x" * 5000}"', "seatrial.toml:2: .*is no file"),
        ('trace = "."', "is no file"),
        ('trace = "traffic.csv"\nhourly_weights = "flat"', "seatrial.toml:3: .*both say"),
        ('trace = "traffic.csv"\ndispersion_1s = 2', "both say"),
        ('trace = "short.csv"', "short.csv: lasts 1[0-9]{2} s, too short"),
        ('trace = "bad.csv"', "bad.csv:3"),
    ],
)
def test_what_is_wrong_is_told_with_its_place(tmp_path: Path, text: str, what: str) -> None:
    counts(tmp_path, 30)
    (tmp_path / "short.csv").write_text("minute,requests\n0,5\n1,6\n2,5\n")
    (tmp_path / "bad.csv").write_text("minute,requests\n0,5\n1,many\n")
    with pytest.raises(InputError, match=what):
        traffic(tmp_path, f"[demand]\n{text}\n")


def test_settings_errors_are_settings_errors(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"fix: name a recording beside seatrial\.toml"):
        traffic(tmp_path, '[demand]\ntrace = "gone.log"\n')
