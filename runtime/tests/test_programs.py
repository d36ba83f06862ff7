"""`seatrial-run worker`: RQ, over a real Valkey, and other programs; Celery has its conformance."""

import os
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from conftest import Start
from harness import APPS, Running, wait_for
from redis_server import redis_server
from seatrial_runtime.servers.python_program import python_program

TASKS = APPS / "tasks"
BIN = Path(sys.executable).parent


@pytest.fixture(scope="module")
def broker() -> Iterator[str]:
    with redis_server() as server:
        yield f"redis://{server.host}:{server.port}/0"


def begin(run: Start, program: tuple[str, ...], *options: str, **env: str) -> Running:
    return run(
        "", *options, program=program, subcommand="worker", app_dir=TASKS, env=env,
    )  # fmt: skip


def told(mark: Path) -> list[str]:
    return mark.read_text().splitlines() if mark.exists() else []


def test_rq_finishes_its_job_at_sigterm(run: Start, broker: str, tmp_path: Path) -> None:
    rq = pytest.importorskip("rq")
    redis = pytest.importorskip("redis")
    words = ("rq", "worker", "--url", broker, "naps")
    app = begin(run, words, PATH=f"{BIN}:{os.environ['PATH']}", REDIS_URL=broker)
    wait_for(lambda: app.ask("/ready")[0] == 200, f"ready RQ: {app.stderr[-3000:]}")
    gate, mark = tmp_path / "gate", tmp_path / "mark"
    queue = rq.Queue("naps", connection=redis.Redis.from_url(broker))
    queue.enqueue("rq_jobs.hold", str(gate), str(mark))
    wait_for(lambda: told(mark), "job")
    app.signal(signal.SIGTERM)
    wait_for(lambda: app.ask("/ready")[1]["status"] == "draining", "drain")
    gate.touch()
    assert app.wait_exit() == 0
    assert told(mark)[-1] == "end"
    assert app.events("task")[0]["task"] == "rq_jobs.hold"


def test_an_rq_job_that_outlasts_the_stop_is_tried_again(
    run: Start, broker: str, tmp_path: Path
) -> None:
    rq = pytest.importorskip("rq")
    redis = pytest.importorskip("redis")
    words = ("rq", "worker", "--url", broker, "long-naps")
    path, gate, mark = f"{BIN}:{os.environ['PATH']}", tmp_path / "gate", tmp_path / "mark"
    queue = rq.Queue("long-naps", connection=redis.Redis.from_url(broker))
    app = begin(run, words, "--graceful-timeout-s", "1", PATH=path)
    wait_for(lambda: app.ask("/ready")[0] == 200, f"ready RQ: {app.stderr[-3000:]}")
    queue.enqueue("rq_jobs.hold", str(gate), str(mark), retry=rq.Retry(max=1))
    wait_for(lambda: told(mark), "job")
    app.signal(signal.SIGTERM)
    assert app.wait_exit() == 0
    assert len(told(mark)) == 1, "it was cut"
    # What any RQ worker does once the heartbeat of the job has run out, after a minute and a half.
    rq.registry.StartedJobRegistry(queue=queue).cleanup(timestamp=time.time() + 600)
    gate.touch()
    begin(run, words, PATH=path)
    wait_for(lambda: told(mark)[-1] == "end", "end of the job elsewhere")


@pytest.mark.parametrize(
    "words",
    [
        (sys.executable, str(TASKS / "plain.py"), "x"),
        ("sh", "-c", f"exec {sys.executable} {TASKS / 'plain.py'} x"),
    ],
    ids=["python", "other"],
)
def test_any_program_is_ready_once_it_has_lived_for_a_while(
    run: Start, words: tuple[str, ...]
) -> None:
    app = begin(run, words)
    wait_for(lambda: app.ask("/ready")[0] == 200, "ready program")
    [ready] = wait_for(lambda: app.events("ready"), "line")
    assert ready["boot_s"] >= 1
    prints = [event["message"] for event in app.events("print")]
    assert "plain begins x" in prints
    app.signal(signal.SIGTERM)
    assert app.wait_exit() == 0
    assert "plain ends" in [event["message"] for event in app.events("print")]


def test_a_program_that_fails_at_once(run: Start) -> None:
    app = begin(run, (sys.executable, str(TASKS / "plain.py"), "fail"))
    assert app.wait_exit() == 1
    assert "no queue" in app.stderr
    assert "exit code 1" in app.events("failed")[0]["message"]


def test_which_programs_are_python_of_this_environment(tmp_path: Path) -> None:
    script = tmp_path / "x.py"
    script.write_text("")
    python = sys.executable
    found = python_program((python, "-u", str(script), "a"))
    assert found is not None and found.argv == (str(script), "a") and not found.module
    found = python_program((python, "-m", "celery", "worker"))
    assert found is not None and found.module and found.name == "celery"
    for other in (("sh", "-c", "x"), (python, "-c", "1"), (python, "-X", "dev", str(script))):
        assert python_program(other) is None
    own, foreign = tmp_path / "own", tmp_path / "foreign"
    own.write_text(f"#!{python}\n")
    foreign.write_text("#!/usr/bin/perl\n")
    for path in (own, foreign):
        path.chmod(0o755)
    assert python_program((str(own), "a")) is not None
    assert python_program((str(foreign),)) is None
    assert python_program(("no-such-program",)) is None
