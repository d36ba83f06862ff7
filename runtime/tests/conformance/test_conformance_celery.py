"""The same promises for a Celery worker, with a real broker."""

import json
import os
import signal
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from test_conformance_web import SECRET, lines, metric

from conftest import Start
from harness import Running, exists, quick, wait_for
from redis_server import redis_server
from seatrial_runtime.telemetry.task import ID

APPS = Path(__file__).parent / "apps"
Begin = Callable[..., Running]


@pytest.fixture
def shop(redis_url: str, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The app as a client sees it, talking to this test's own broker."""
    monkeypatch.setenv("SHOP_BROKER", redis_url)
    monkeypatch.syspath_prepend(str(APPS))
    sys.modules.pop("celery_app", None)
    import celery_app  # Reads its broker's address when it is imported.

    yield celery_app
    celery_app.app.close()


def worker(run: Start, broker: str, *options: str, concurrency: int = 2) -> Running:
    """A worker, once it is ready."""
    words = ("celery", "-A", "celery_app", "worker", "-c", str(concurrency), "-l", "INFO")
    env = {
        "SHOP_BROKER": broker,  # A name that no check knows: the worker tells it.
        "SHOP_API_KEY": SECRET,
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
    }
    # It waits a second for others of its kind, of which there are none.
    words = (*words, "--without-mingle")
    app = run("", *options, program=words, subcommand="worker", app_dir=APPS, env=env)
    wait_for(lambda: app.ask("/ready")[0] == 200, f"worker: {app.stderr[-2000:]}")
    return app


@pytest.fixture
def begin(run: Start, redis_url: str) -> Begin:
    """Starts a worker of this test's broker."""
    return partial(worker, run, redis_url)


class Held:
    """A task that runs until its gate is open."""

    def __init__(self, shop: Any, folder: Path) -> None:
        self.gate, self.done = folder / "gate", folder / "done"
        self._began = folder / "began"
        shop.hold.delay(str(self._began), str(self.gate), str(self.done))
        wait_for(self._began.exists, "a task that runs")

    @property
    def times(self) -> int:
        """How often it was begun."""
        return len(self._began.read_text())


def test_probes_answer_while_every_process_works_and_the_task_is_finished(
    begin: Begin, shop: Any, tmp_path: Path
) -> None:
    app = begin(concurrency=1)
    assert app.ask("/ready")[1]["checks"]["broker"]["ok"] is True
    task = Held(shop, tmp_path)
    assert quick(app.healthy)
    assert app.ask("/ready")[0] == 200
    app.signal(signal.SIGTERM)
    wait_for(lambda: app.ask("/ready")[1]["status"] == "draining", "drain")
    assert not task.done.exists()
    task.gate.touch()
    assert app.wait_exit() == 0
    assert task.done.exists() and task.times == 1
    assert not any(map(exists, app.seen))


def test_a_task_over_the_budget_is_returned_and_done_by_another(
    begin: Begin, shop: Any, tmp_path: Path
) -> None:
    first = begin("--graceful-timeout-s", "1")
    task = Held(shop, tmp_path)
    first.signal(signal.SIGTERM)
    assert first.wait_exit() == 0
    assert first.events("quit")
    assert not task.done.exists()
    task.gate.touch()
    begin()
    wait_for(task.done.exists, "the task done by another")
    assert task.times == 2


def test_what_is_killed_is_replaced_and_its_task_done_again(
    begin: Begin, shop: Any, tmp_path: Path
) -> None:
    app = begin()
    [main] = app.workers()
    result = shop.die_once.delay(str(tmp_path / "died"))
    child = result.get(timeout=60)
    assert exists(child) and child != main
    assert app.workers() == [main] and app.ask("/ready")[0] == 200
    name = "seatrial_task_duration_seconds_count"
    assert metric(app, name, task="celery_app.die_once", outcome="lost") == 1
    os.kill(main, signal.SIGKILL)
    wait_for(lambda: app.workers() not in ([], [main]), "a new worker")
    assert shop.add.delay(2, 2).get(timeout=60) == 4


def test_a_leaking_process_is_replaced_between_tasks(begin: Begin, shop: Any) -> None:
    app = begin("--max-worker-memory", "200MiB", concurrency=1)
    results = [shop.leak.delay(100) for _ in range(5)]
    pids = [result.get(timeout=60) for result in results]
    assert len(set(pids)) > 1, "no task is lost by it, and the last ones run elsewhere"
    told = wait_for(lambda: app.events("task_process_replaced"), "report")
    assert (told[0]["pid"], told[0]["reason"]) == (pids[0], "memory")
    assert told[0]["rss_bytes"] > told[0]["limit_bytes"] == 200 * 2**20
    name = "seatrial_task_processes_replaced_total"
    # Counted, then told: another one may be about to leave.
    wait_for(
        lambda: metric(app, name, reason="memory") == len(app.events("task_process_replaced")),
        "figure of as many",
    )


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


def test_lines_correlate_metrics_count_and_no_secret_shows(begin: Begin, shop: Any) -> None:
    app = begin()
    for _ in range(3):
        shop.talk.apply_async(headers={ID: "order-7"}).get(timeout=60)

    def told() -> list[dict[str, Any]]:
        return [line for line in lines(app) if line.get("correlation_id") == "order-7"]

    def finished() -> list[dict[str, Any]]:
        return [line for line in told() if line["event"] == "task"]

    wait_for(lambda: len(finished()) == 3, "a line for each task")
    found = json.dumps(told())
    assert "selling apples" in found
    assert "sold apples" in found
    assert {line["outcome"] for line in finished()} == {"success"}
    name = "seatrial_task_duration_seconds_count"
    assert metric(app, name, task="celery_app.talk", outcome="success") == 3
    with pytest.raises(RuntimeError):
        shop.secret.delay().get(timeout=60)
    wait_for(lambda: "denied" in app.stdout + app.stderr, "the error")
    app.signal(signal.SIGTERM)
    assert app.wait_exit() == 0
    assert SECRET not in app.stdout + app.stderr
    assert lines(app)


def test_not_ready_without_its_broker(run: Start) -> None:
    with redis_server() as server:
        broker = f"redis://{server.host}:{server.port}/0"
        app = worker(run, broker)
        assert broker not in json.dumps(app.ask("/ready")[1])
    wait_for(lambda: app.ask("/ready")[0] == 503, "not ready")
    assert app.ask("/ready")[1]["checks"]["broker"]["ok"] is False
    app.healthy()
