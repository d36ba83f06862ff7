"""Rate limits that are right across workers, and across replicas that share a Redis."""

from pathlib import Path

import pytest
from test_conformance_web import metric

from conftest import Start
from hammer import hammer

APPS = Path(__file__).parent / "apps"
RATE, PERIOD_S = 50, 10
TRIES = 5
pytestmark = pytest.mark.parametrize("target", ["flask_app:app", "fastapi_app:app"])
OPTIONS = (
    "--rate-limit", f"{RATE}/{PERIOD_S}s", "--ready-path", "/pid", "--rate-limit-exempt", "/pid",
)  # fmt: skip


def test_four_workers_admit_what_one_bucket_holds(run: Start, target: str) -> None:
    app = run(target, "--workers", "4", *OPTIONS, app_dir=APPS)
    app.wait_ready()
    hammer([app.bind], PERIOD_S, "/hello/x").is_exact(RATE, PERIOD_S)


def test_two_replicas_share_a_bucket_in_redis(run: Start, target: str, redis_url: str) -> None:
    options = (*OPTIONS, "--workers", "2", "--rate-limit-store", redis_url)
    apps = [run(target, *options, app_dir=APPS) for _ in range(2)]
    for app in apps:
        app.wait_ready()

    def alone() -> float:
        """Requests that a replica counted by itself: Redis did not answer in its half second."""
        return sum(metric(app, "seatrial_rate_limit_store_failures_total") for app in apps)

    for number in range(TRIES):
        before = alone()
        found = hammer([app.bind for app in apps], PERIOD_S, "/hello/x", f"203.0.113.{number}")
        if alone() == before:
            found.is_exact(RATE, PERIOD_S)
            return
    raise AssertionError(f"this machine let Redis answer in time in none of {TRIES} runs")
