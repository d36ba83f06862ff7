"""Rate limits that are right across workers, and across replicas that share a Redis."""

import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from conftest import Start
from harness import Running

APPS = Path(__file__).parent / "apps"
PERIOD_S = 10


def admitted(apps: list[Running], rate: int, seconds: float) -> tuple[int, float]:
    """How many of a flood were let through, and in how many seconds it was sent."""
    statuses: Counter[int] = Counter()
    began = time.monotonic()

    def client(number: int) -> None:
        while time.monotonic() - began < seconds:
            status, _ = apps[number % len(apps)].get("/hello/x")
            statuses[status] += 1

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(client, range(8)))
    elapsed_s = time.monotonic() - began
    assert set(statuses) == {200, 429}, statuses
    assert statuses[429] > rate, "it was no flood"
    return statuses[200], elapsed_s


@pytest.mark.parametrize("target", ["flask_app:app", "fastapi_app:app"])
def test_four_workers_admit_what_one_bucket_holds(run: Start, target: str) -> None:
    app = run(
        target, "--workers", "4", "--rate-limit", f"50/{PERIOD_S}s", "--ready-path", "/pid",
        "--rate-limit-exempt", "/pid", app_dir=APPS,
    )  # fmt: skip
    app.wait_ready()
    count, elapsed_s = admitted([app], 50, PERIOD_S)
    # The bucket is full at first, and 5 more are admitted in each second.
    assert abs(count - (50 + 5 * elapsed_s)) <= 1 + 1  # One for the limit, one for the clock.


@pytest.mark.parametrize("target", ["flask_app:app", "fastapi_app:app"])
def test_two_replicas_share_a_bucket_in_redis(run: Start, target: str, redis_url: str) -> None:
    options = (
        "--workers", "2", "--rate-limit", f"50/{PERIOD_S}s", "--rate-limit-store", redis_url,
        "--ready-path", "/pid", "--rate-limit-exempt", "/pid",
    )  # fmt: skip
    apps = [run(target, *options, app_dir=APPS) for _ in range(2)]
    for app in apps:
        app.wait_ready()
    count, elapsed_s = admitted(apps, 50, PERIOD_S)
    assert abs(count - (50 + 5 * elapsed_s)) <= 1 + 1
