"""Analyses in threads and in a real RQ worker process."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import zlib
from collections.abc import Callable

import pytest
import redis
from flask import Flask

from prism import library, reading, sample, work
from prism.analysts import BuiltIn
from prism.document import Document, Section
from prism.results import Analysis
from prism.store import MemoryStore
from tests.conftest import ROOT, analysed, progress, send, token, wait_for

DOCUMENT = reading.read(sample.build(), "x", 200)


class Gate(BuiltIn):
    """The built-in analyst, let through section by section."""

    def __init__(self) -> None:
        super().__init__()
        self.let = threading.Semaphore(0)
        self.asked: list[int] = []

    def section(self, document: Document, part: Section) -> Analysis:
        self.asked.append(part.number)
        if not self.let.acquire(timeout=60):
            raise TimeoutError
        return super().section(document, part)


def new_store() -> MemoryStore:
    return MemoryStore(100, 100_000_000, 3600)


def state_of(store: MemoryStore, document_id: str) -> str:
    entry = library.load(store, document_id)
    return entry.status.state if entry else "gone"


def test_progress_shows_each_section() -> None:
    store, gate = new_store(), Gate()
    desk = work.Threads(store, gate, 1, 5)
    document_id = library.add(store, "me", "x.docx", DOCUMENT)
    desk.submit(document_id)
    for done in range(1, 6):
        gate.let.release()
        entry = wait_for(
            lambda done=done: (  # type: ignore[misc]
                (found := library.load(store, document_id))
                and len(found.sections) == done
                and found
            ),
            "a section",
        )
    wait_for(lambda: state_of(store, document_id) == "done", "the end")
    assert entry.steps == 6


def test_too_many_waiting_are_refused() -> None:
    store, gate = new_store(), Gate()
    desk = work.Threads(store, gate, 1, 2)
    ids = [library.add(store, "me", "x.docx", DOCUMENT) for _at in range(4)]
    desk.submit(ids[0])
    wait_for(lambda: gate.asked, "the first to be begun")
    desk.submit(ids[1])
    desk.submit(ids[2])
    with pytest.raises(work.Full):
        desk.submit(ids[3])
    for _section in range(15):
        gate.let.release()
    wait_for(lambda: state_of(store, ids[2]) == "done", "the last")


def test_an_error_stops_one_document_and_not_the_thread() -> None:
    class Broken(BuiltIn):
        calls = 0

        def section(self, document: Document, part: Section) -> Analysis:
            Broken.calls += 1
            if Broken.calls == 3:
                raise RuntimeError("no luck")
            return super().section(document, part)

    store = new_store()
    desk = work.Threads(store, Broken(), 1, 5)
    ids = [library.add(store, "me", "x.docx", DOCUMENT) for _at in range(2)]
    for document_id in ids:
        desk.submit(document_id)
    wait_for(lambda: state_of(store, ids[1]) == "done", "the second")
    assert state_of(store, ids[0]) == "failed"
    entry = library.load(store, ids[0])
    assert entry and sorted(entry.sections) == [1, 2]
    desk.submit(ids[0])  # goes on where it ended
    wait_for(lambda: state_of(store, ids[0]) == "done", "the first")
    assert Broken.calls == 3 + 5 + 3


def test_a_forgotten_document_is_not_analysed_further() -> None:
    store, gate = new_store(), Gate()
    desk = work.Threads(store, gate, 1, 5)
    document_id = library.add(store, "me", "x.docx", DOCUMENT)
    desk.submit(document_id)
    wait_for(lambda: gate.asked, "the beginning")
    library.remove(store, "me", document_id)
    gate.let.release(9)
    other = library.add(store, "me", "y.docx", DOCUMENT)
    desk.submit(other)
    wait_for(lambda: state_of(store, other) == "done", "the other")
    assert len(gate.asked) == 6 and library.load(store, document_id) is None


def test_a_stalled_analysis_can_go_on(
    make_app: Callable[..., Flask], monkeypatch: pytest.MonkeyPatch
) -> None:
    app = make_app(waiting_documents=1)
    state = app.extensions["prism"]
    monkeypatch.setattr(type(state.desk), "submit", lambda _desk, _id: None)  # its process died
    client = app.test_client()
    path = send(client, sample.build()).location
    assert progress(client, path)["state"] == "waiting"
    monkeypatch.setattr(library, "STALE_S", -1.0)
    assert progress(client, path)["state"] == "stalled"
    assert "stopped before its end" in client.get(path).text
    monkeypatch.undo()
    monkeypatch.setattr(library, "STALE_S", -1.0)
    client.post(f"{path}/analyse", data={"csrf_token": token(client)})
    monkeypatch.setattr(library, "STALE_S", 120.0)
    wait_for(lambda: progress(client, path)["state"] == "done", "the analysis")


def test_redis_and_a_worker_process(
    make_app: Callable[..., Flask], redis_url: str, rq_worker: subprocess.Popen[bytes]
) -> None:
    client = make_app(redis_url=redis_url).test_client()
    assert client.get("/healthz").get_json() == {
        "status": "ok",
        "analyser": "built-in",
        "sessions": "redis",
        "work": "rq",
    }
    path = analysed(client)
    assert "Total budget: 1.8 million EUR in section 1" in client.get(path).text
    rq_worker.send_signal(signal.SIGTERM)
    assert rq_worker.wait(30) == 0


def test_a_worker_without_redis_says_so() -> None:
    environ = {name: value for name, value in os.environ.items() if name != "REDIS_URL"}
    ended = subprocess.run(
        [sys.executable, "-m", "prism.worker"],
        cwd=ROOT,
        env=environ,
        capture_output=True,
        text=True,
    )
    assert ended.returncode == 2 and "REDIS_URL" in ended.stderr


def test_jobs_are_json(make_app: Callable[..., Flask], redis_url: str) -> None:
    connection = redis.Redis.from_url(redis_url)
    connection.flushdb()
    client = make_app(redis_url=redis_url).test_client()
    path = str(send(client, sample.build()).location)
    assert progress(client, path)["state"] == "waiting"
    job = next(connection.scan_iter("rq:job:*"))
    packed = connection.hget(job, "data")
    assert isinstance(packed, bytes)
    data = json.loads(zlib.decompress(packed))
    assert data == ["prism.work.run_job", None, [path.split("/")[-1]], {}]
    connection.flushdb()


def test_redis_gone(make_app: Callable[..., Flask]) -> None:
    client = make_app(redis_url="redis://127.0.0.1:1/0").test_client()
    answer = client.get("/healthz")
    assert answer.status_code == 503
    assert answer.get_json()["status"] == "session store unavailable"
    page = client.get("/")
    assert page.status_code == 503 and "does not answer" in page.text
