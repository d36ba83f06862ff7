"""The same promises for a Celery worker, with a real broker."""

import contextlib
import json
import os
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from test_conformance_web import SECRET, lines, metric

from conftest import Start
from harness import Running, exists, get, wait_for
from seatrial_runtime.telemetry.task import ID

APPS = Path(__file__).parent / "apps"


@pytest.fixture
def shop(redis_url: str, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The app as a client sees it, talking to this test's own broker."""
    monkeypatch.setenv("REDIS_URL", redis_url)
    monkeypatch.syspath_prepend(str(APPS))
    sys.modules.pop("celery_app", None)
    import celery_app  # Reads its broker's address when it is imported.

    yield celery_app
    celery_app.app.close()


Begin = Callable[..., Running]


@pytest.fixture
def begin(run: Start, redis_url: str) -> Begin:
    """Starts a worker, and waits until it is ready."""

    def one(*options: str, concurrency: int = 2) -> Running:
        words = ("celery", "-A", "celery_app", "worker", "-c", str(concurrency), "-l", "INFO")
        env = {
            "REDIS_URL": redis_url,
            "SHOP_API_KEY": SECRET,
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        }
        app = run("", *options, program=words, subcommand="worker", app_dir=APPS, env=env)
        wait_for(lambda: app.ask("/ready")[0] == 200, f"worker: {app.stderr[-2000:]}", 60)
        return app

    return one


def test_probes_answer_while_every_process_works(begin: Begin, shop: Any, tmp_path: Path) -> None:
    app = begin(concurrency=1)
    done = tmp_path / "done"
    shop.sleep.delay(3, str(done))
    wait_for(lambda: Path(f"{done}.began").exists(), "a task that runs")
    times_s = []
    for _ in range(20):
        before = time.monotonic()
        assert app.ask("/health")[0] == 200
        times_s.append(time.monotonic() - before)
    assert app.ask("/ready")[0] == 200
    assert not done.exists()
    assert sorted(times_s)[-2] < 0.1


def test_a_running_task_is_finished_before_the_end(begin: Begin, shop: Any, tmp_path: Path) -> None:
    app = begin()
    done = tmp_path / "done"
    shop.sleep.delay(2, str(done))
    wait_for(lambda: Path(f"{done}.began").exists(), "a task that runs")
    app.signal(signal.SIGTERM)
    assert app.wait_exit(30) == 0
    assert done.read_text() == "x"


def test_a_task_over_the_budget_is_returned_and_done_by_another(
    begin: Begin, shop: Any, tmp_path: Path
) -> None:
    first = begin("--graceful-timeout-s", "1")
    done = tmp_path / "done"
    shop.sleep.delay(6, str(done))
    wait_for(lambda: Path(f"{done}.began").exists(), "a task that runs")
    first.signal(signal.SIGTERM)
    assert first.wait_exit(30) == 0
    assert not done.exists()
    begin()
    wait_for(done.exists, "the task done by another", 40)
    assert Path(f"{done}.began").read_text() == "xx"


def test_a_killed_process_is_replaced_and_its_task_done_again(
    begin: Begin, shop: Any, tmp_path: Path
) -> None:
    app = begin()
    result = shop.die_once.delay(str(tmp_path / "died"))
    assert exists(result.get(timeout=40))
    assert app.process.poll() is None
    assert shop.add.delay(1, 2).get(timeout=20) == 3


def test_a_killed_worker_is_started_again(begin: Begin, shop: Any) -> None:
    app = begin()
    [pid] = app.workers()
    os.kill(pid, signal.SIGKILL)
    wait_for(lambda: app.workers() not in ([], [pid]), "a new worker")
    assert shop.add.delay(2, 2).get(timeout=40) == 4


def test_a_leaking_process_is_replaced_between_tasks(begin: Begin, shop: Any) -> None:
    app = begin("--max-worker-memory", "200MiB", concurrency=1)
    results = [shop.leak.delay(100) for _ in range(5)]
    pids = [result.get(timeout=60) for result in results]
    assert len(set(pids)) > 1, "no task is lost by it, and the last ones run elsewhere"
    told = wait_for(lambda: app.events("task_process_replaced"), "report")
    assert (told[0]["pid"], told[0]["reason"]) == (pids[0], "memory")
    assert told[0]["rss_bytes"] > told[0]["limit_bytes"] == 200 * 2**20
    name = "seatrial_task_processes_replaced_total"
    assert metric(app, name, reason="memory") == len(app.events("task_process_replaced"))


def test_a_stuck_task_is_ended_and_returned(begin: Begin, shop: Any, tmp_path: Path) -> None:
    app = begin("--task-timeout-s", "3", concurrency=1)
    mark = tmp_path / "mark"
    shop.stick_once.apply_async((str(mark),), headers={ID: "order-8"})

    def ended() -> dict[str, dict[str, Any]]:
        return {line["outcome"]: line for line in app.events("task")}

    wait_for(lambda: "success" in ended(), "the task done again")
    assert mark.read_text() == "xx"
    timed_out = ended()["timeout"]
    assert (timed_out["correlation_id"], timed_out["level"]) == ("order-8", "error")
    assert timed_out["duration_ms"] >= 2900
    [look] = app.events("overdue")
    assert look["correlation_id"] == "order-8"
    assert "in stick_once" in look["stacks"]
    name = "seatrial_task_duration_seconds_count"
    assert metric(app, name, task="celery_app.stick_once", outcome="timeout") == 1
    assert metric(app, "seatrial_task_processes_replaced_total", reason="overdue") == 1
    assert shop.add.delay(2, 3).get(timeout=60) == 5


def test_lines_correlate_and_metrics_count(begin: Begin, shop: Any) -> None:
    app = begin()
    for _ in range(3):
        result = shop.talk.apply_async(headers={ID: "order-7"})
        result.get(timeout=20)

    def told() -> list[dict[str, Any]]:
        return [line for line in lines(app) if line.get("correlation_id") == "order-7"]

    def finished() -> list[dict[str, Any]]:
        return [line for line in told() if line["event"] == "task"]

    wait_for(lambda: len(finished()) == 3, "a line for each task")
    found = told()
    assert "selling apples" in json.dumps(found)
    assert "sold apples" in json.dumps(found)
    assert {line["outcome"] for line in finished()} == {"success"}
    name = "seatrial_task_duration_seconds_count"
    assert metric(app, name, task="celery_app.talk", outcome="success") == 3


def test_no_secret_in_any_line(begin: Begin, shop: Any) -> None:
    app = begin()
    result = shop.secret.delay()
    with contextlib.suppress(RuntimeError, Exception):
        result.get(timeout=20)
    wait_for(lambda: "denied" in app.stdout + app.stderr, "the error")
    app.signal(signal.SIGTERM)
    assert app.wait_exit(30) == 0
    assert SECRET not in app.stdout + app.stderr
    assert lines(app)


def test_not_ready_without_its_broker(begin: Begin, shop: Any, redis_url: str) -> None:
    app = begin()
    assert get(app.management, "/health")[0] == 200
    body = app.ask("/ready")[1]
    assert redis_url not in json.dumps(body)
    assert any(check["ok"] for check in body["checks"].values())
