import json
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families
from receiver import Receiver
from telemetry_process import PATIENCE_S, Ran, run_code, start_code

from harness import written
from redis_server import redis_server
from seatrial_runtime.telemetry import exposition, figures_folder

CELERY = """
import os, time
from celery import Celery
app = Celery("shop", broker=os.environ["BROKER"], backend=os.environ["BROKER"])
app.conf.broker_connection_retry_on_startup = True

@app.task(name="shop.add")
def add(a, b):
    print("adding", a, b)
    return a + b

@app.task(name="shop.fail", bind=True, max_retries=1)
def fail(self):
    if self.request.retries == 0:
        raise self.retry(countdown=0)
    raise RuntimeError("no stock " + os.environ["SHOP_TOKEN"])

@app.task(name="shop.chain")
def chain():
    add.delay(3, 4)

@app.task(name="shop.die")
def die():
    os.kill(os.getpid(), 9)
"""
RQ = """
import os
def add(a, b):
    print("adding", a, b)
    print("unfinished", end="")
    return a + b
def fail():
    raise RuntimeError("no stock " + os.environ["SHOP_TOKEN"])
def die():
    os.kill(os.getpid(), 9)
"""
RUN_CELERY = """
from seatrial_runtime.telemetry import tasks
tasks.hook()
sys.path.insert(0, os.getcwd())
sys.argv = ["celery", "-A", "shop", "worker", "-c", "1", "-l", "info", "-P", os.environ["POOL"]]
from celery.__main__ import main
main()
"""
RUN_RQ = """
from seatrial_runtime.telemetry import tasks
tasks.hook()
sys.path.insert(0, os.getcwd())
from redis import Redis
from rq import Queue, SimpleWorker, Worker
connection = Redis.from_url(os.environ["BROKER"])
kind = SimpleWorker if os.environ["POOL"] == "solo" else Worker
kind([Queue("q", connection=connection)], connection=connection).work()
"""
SECRET = "planted-task-secret"


@pytest.fixture(scope="module")
def broker() -> Iterator[str]:
    with redis_server() as server:
        yield f"redis://127.0.0.1:{server.port}/0"


class Program:
    """A worker program, with what it has told so far."""

    def __init__(self, folder: Path, code: str, **env: str) -> None:
        self.folder, self.metrics = folder, figures_folder.prepare()
        with (folder / "w.out").open("wb") as out, (folder / "w.err").open("wb") as err:
            fds = (out.fileno(), err.fileno())
            env |= {"METRICS": self.metrics, "SHOP_TOKEN": SECRET}
            self.process = start_code(folder, code, fds, LEVEL="INFO", **env)

    @property
    def text(self) -> str:
        return written(self.folder / "w.out") + written(self.folder / "w.err")

    def events(self, name: str) -> list[dict[str, Any]]:
        lines = map(json.loads, self.text.splitlines())
        return [event for event in lines if event["event"] == name]

    def until(self, check: Callable[[], Any], what: str) -> Any:
        deadline = time.monotonic() + PATIENCE_S
        while not (result := check()):
            assert time.monotonic() < deadline, f"no {what}: {self.text[-3000:]}"
            assert self.process.poll() is None, self.text[-3000:]
            time.sleep(0.05)
        return result

    def counts(self) -> dict[tuple[str, str], float]:
        text = exposition.render(self.metrics).decode()
        return {
            (sample.labels["task"], sample.labels["outcome"]): sample.value
            for family in text_string_to_metric_families(text)
            for sample in family.samples
            if sample.name == "seatrial_task_duration_seconds_count"
        }

    def stop(self) -> bytes:
        self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.communicate(timeout=PATIENCE_S)[0]
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise


@contextmanager
def program(folder: Path, code: str, **env: str) -> Iterator[Program]:
    made = Program(folder, code, **env)
    try:
        yield made
    finally:
        if made.process.poll() is None:
            made.process.terminate()
            try:
                made.process.communicate(timeout=20)
            except subprocess.TimeoutExpired:
                made.process.kill()
        figures_folder.remove(made.metrics)


def enqueue(folder: Path, code: str, **env: str) -> Ran:
    ran = run_code(folder, "sys.path.insert(0, os.getcwd())\n" + code, **env)
    assert ran.code == 0, ran.everything
    return ran


def task_of(worker: Program, name: str, outcome: str) -> dict[str, Any]:
    def found() -> dict[str, Any] | None:
        told = [e for e in worker.events("task") if (e["task"], e["outcome"]) == (name, outcome)]
        return told[0] if told else None

    event: dict[str, Any] = worker.until(found, f"{outcome} of {name}")
    return event


@pytest.mark.parametrize("pool", ["prefork", "solo", "threads"])
def test_celery(tmp_path: Path, broker: str, pool: str) -> None:
    pytest.importorskip("celery")
    (tmp_path / "shop.py").write_text(CELERY)
    server = Receiver()
    dsn = f"http://public@127.0.0.1:{server.port}/1"
    env = {"BROKER": broker.replace("/0", f"/{['prefork', 'solo', 'threads'].index(pool) + 1}")}
    with program(tmp_path, RUN_CELERY, POOL=pool, SENTRY_DSN=dsn, **env) as worker:
        enqueue(
            tmp_path,
            """
from shop import add, chain, fail
with running(request("id-web")):
    add.delay(1, 2); chain.delay()
add.delay(5, 6)
with running(request("id-fail")):
    fail.delay()
""",
            **env,
        )
        added = task_of(worker, "shop.add", "success")
        assert added["duration_ms"] >= 0 and added["task_id"] and added["queue"] == "celery"
        worker.until(lambda: len(worker.events("task")) >= 6, "six tasks")
        lines = [e for e in worker.events("print") if e["message"].startswith("adding")]
        lines += [e for e in worker.events("log") if e["message"].startswith("adding")]
        ids = {event["message"]: event["correlation_id"] for event in lines}
        assert (ids["adding 1 2"], ids["adding 3 4"]) == ("id-web", "id-web")
        assert len(ids["adding 5 6"]) == 32  # Told nothing: one of its own.
        assert task_of(worker, "shop.fail", "retry")["correlation_id"] == "id-fail"
        failed = task_of(worker, "shop.fail", "failure")
        assert (failed["correlation_id"], failed["retries"], failed["level"]) == (
            "id-fail",
            1,
            "error",
        )
        counts = worker.counts()
        assert counts["shop.add", "success"] == 3 and counts["shop.fail", "failure"] == 1
        if pool == "prefork":
            enqueue(
                tmp_path,
                "from shop import die\nwith running(request('id-die')): die.delay()",
                **env,
            )
            assert task_of(worker, "shop.die", "lost")["correlation_id"] == "id-die"
            assert worker.counts()["shop.add", "success"] == 3  # Its child is dead, not its counts.
        raw = worker.stop()
        assert worker.counts()["shop.add", "success"] == 3
        assert SECRET not in worker.text and SECRET.encode() not in raw
    server.close()
    told = [event["exception"]["values"][0] for event in server.envelopes()]
    assert ("RuntimeError", "no stock [redacted]") in [(e["type"], e["value"]) for e in told]


@pytest.mark.parametrize("pool", ["fork", "solo"])
def test_rq(tmp_path: Path, broker: str, pool: str) -> None:
    pytest.importorskip("rq")
    (tmp_path / "jobs.py").write_text(RQ)
    server = Receiver()
    dsn = f"http://public@127.0.0.1:{server.port}/1"
    env = {"BROKER": broker.replace("/0", "/5" if pool == "fork" else "/6")}
    with program(tmp_path, RUN_RQ, POOL=pool, SENTRY_DSN=dsn, **env) as worker:
        enqueue(
            tmp_path,
            """
import jobs
from redis import Redis
from rq import Queue
queue = Queue("q", connection=Redis.from_url(os.environ["BROKER"]))
with running(request("id-web")):
    queue.enqueue(jobs.add, 1, 2); queue.enqueue(jobs.fail)
queue.enqueue(jobs.add, 5, 6)
if os.environ["DIE"] == "fork": queue.enqueue(jobs.die)
""",
            DIE=pool,
            **env,
        )
        assert task_of(worker, "jobs.add", "success")["correlation_id"] == "id-web"
        assert task_of(worker, "jobs.fail", "failure")["correlation_id"] == "id-web"
        if pool == "fork":
            task_of(worker, "jobs.die", "failure")
        worker.until(lambda: worker.counts().get(("jobs.add", "success")) == 2, "both counted")
        printed = {event["message"]: event["correlation_id"] for event in worker.events("print")}
        assert printed["adding 1 2"] == "id-web" and len(printed["adding 5 6"]) == 32
        if pool == "fork":
            assert "unfinished" in printed
        raw = worker.stop()
        assert SECRET not in worker.text and SECRET.encode() not in raw
    server.close()
    told = [event["exception"]["values"][0] for event in server.envelopes()]
    assert [(e["type"], e["value"]) for e in told] == [("RuntimeError", "no stock [redacted]")]
    assert os.path.exists(tmp_path / "w.out")
