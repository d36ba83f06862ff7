"""The parts of a measurement that need no app: growth, concurrency, Streamlit's messages."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seatrial.kernel.workload import Component, Dependency, Proof, Workload
from seatrial.profiler import concurrency as concurrency_module
from seatrial.profiler.client import Answer
from seatrial.profiler.concurrency import sweep
from seatrial.profiler.measure import front
from seatrial.profiler.measure_cpu import family, spent_s
from seatrial.profiler.measure_memory import growth_mib_per_1000, memory_mib, worker_mib
from seatrial.profiler.schemes import postgresql_scheme
from seatrial.profiler.source import Source
from seatrial.profiler.streamlit import PATH, _fields, _raised

PROOF = Proof(kind="source", rule="x")


@pytest.mark.parametrize(
    ("samples", "growth"),
    [
        ([(n, 100 + n * 0.01) for n in range(0, 1000, 50)], 10.0),
        ([(n, 100.0) for n in range(0, 1000, 50)], 0.0),
        ([(n, 100 - n * 0.01) for n in range(0, 1000, 50)], 0.0),
        # A cache that fills first, one step later, and a wobble that is no growth.
        ([(n, 100 + min(n, 300) * 0.1) for n in range(0, 1000, 50)], 0.0),
        ([(n, 100 + 5 * (n > 700)) for n in range(0, 1000, 50)], 0.0),
        ([(n, 100 + 0.2 * (n % 100 == 0)) for n in range(0, 1000, 50)], 0.0),
        ([(1, 100.0), (2, 101.0)], None),
        ([(5, 100.0 + n) for n in range(20)], None),
    ],
)
def test_growth(samples: list[tuple[int, float]], growth: float | None) -> None:
    found = growth_mib_per_1000(samples)
    assert found == (growth if growth is None else pytest.approx(growth, abs=0.01))


def test_the_family_of_a_process_counts() -> None:
    code = (
        "import subprocess, sys, threading\n"
        "kept = bytearray(30 << 20)\n"
        "def begin():\n"
        "    code = 'x = bytearray(20 << 20); print(1, flush=True); input()'\n"
        "    child = [sys.executable, '-c', code]\n"
        "    subprocess.Popen(child, stdin=subprocess.PIPE, stdout=sys.stdout)\n"
        "threading.Thread(target=begin).start()\n"
        "input()\n"
    )
    parent = subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    try:
        assert parent.stdout is not None
        parent.stdout.readline()
        pids = family([parent.pid])
        assert len(pids) == 2 and pids[0] == parent.pid
        assert memory_mib(pids) > 50 > memory_mib([parent.pid]) > 30
        assert worker_mib([parent.pid]) == pytest.approx(memory_mib(pids), abs=2)
    finally:
        parent.communicate()
    assert memory_mib(pids) == 0 == worker_mib([])


def test_processor_time_between_two_readings() -> None:
    assert spent_s({1: 2.0}, {1: 3.0}) == 1.0
    assert spent_s({1: 2.0}, {1: 3.0, 7: 0.5}) == 1.5, "a child that was started meanwhile"
    assert spent_s({1: 2.0}, {9: 3.0}) is None, "a worker that was replaced"
    assert spent_s({}, {}) is None


class _Caller:
    def __init__(self, fails_from: int = 1000) -> None:
        self.fails_from = fails_from

    def get(self, target: str) -> Answer:
        began = time.perf_counter()
        time.sleep(0.002)
        if threading.active_count() > self.fails_from:
            return Answer(status=503)
        return Answer(status=200, wall_ms=(time.perf_counter() - began) * 1000)

    def close(self) -> None:
        pass


def test_the_sweep_stops_where_the_app_refuses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(concurrency_module, "LEVEL_S", 0.05)
    later = time.monotonic() + 60
    full = sweep(_Caller, ["/"], later)
    assert [one.requests for one in full] == [1, 2, 4, 8, 16]
    assert all(one.latency_ms_p95 >= one.latency_ms_p50 >= 2 for one in full)
    others = threading.active_count()
    cut = sweep(lambda: _Caller(others + 4), ["/"], later)
    assert [one.requests for one in cut] == [1, 2, 4]
    assert sweep(_Caller, ["/"], time.monotonic() - 1) == ()


def _broken() -> _Caller:
    raise OSError("refused")


def test_a_sweep_without_an_app_is_empty() -> None:
    assert sweep(_broken, ["/"], time.monotonic() + 5) == ()


def test_what_streamlit_says_is_read() -> None:
    finished = bytes((6 << 3, 0))
    assert list(_fields(finished)) == [(6, 0)]
    element = bytes((8 << 3 | 2, 1, 0))  # Element.exception
    delta = bytes((3 << 3 | 2, len(element))) + element
    assert _raised(delta) and not _raised(bytes((3 << 3 | 2, 2, 9 << 3, 1)))
    assert list(_fields(bytes((5 << 3 | 2, len(delta))) + delta)) == [(5, delta)]


@given(st.binary(max_size=200))
def test_any_message_is_fields_or_refused(data: bytes) -> None:
    try:
        found = list(_fields(data))
    except ValueError:
        return
    assert sum(len(value) for _, value in found if isinstance(value, bytes)) <= len(data)


def test_a_command_has_a_front_page() -> None:
    made = Component(
        name="web", kind="web", framework="streamlit", entry="app.py", command=("x",), port=1
    )
    page, script = front(made).routes
    assert (page.path, page.methods, script.path) == ("/", ("GET",), PATH)
    served = Component(
        name="web", kind="web", framework="flask", interface="wsgi", entry="a:b", command=("x",),
        port=1,
    )  # fmt: skip
    assert front(served) == served


@pytest.mark.parametrize(
    ("code", "needs", "scheme"),
    [
        ('URL = os.environ.get("D", "postgresql+asyncpg://u:p@db/app")', ["sqlalchemy"],
         "postgresql+asyncpg"),
        ('url = url.replace("postgresql://", "postgresql+asyncpg://")', ["sqlalchemy", "asyncpg"],
         "postgresql"),
        ("", ["sqlalchemy", "asyncpg"], "postgresql+asyncpg"),
        ("", ["sqlmodel", "psycopg"], "postgresql+psycopg"),
        ("", ["sqlalchemy", "psycopg2-binary"], "postgresql"),
        ("", ["asyncpg"], "postgresql"),
        ("", ["django", "psycopg"], "postgresql"),
    ],
)  # fmt: skip
def test_the_scheme_an_app_wants(tmp_path: Path, code: str, needs: list[str], scheme: str) -> None:
    (tmp_path / "app.py").write_text(f"import os\n{code}\n")
    made = Workload(
        app="small", source_digest="x", components=(),
        dependencies=tuple(Dependency(name=need, proof=PROOF) for need in needs),
    )  # fmt: skip
    assert postgresql_scheme(Source.open(tmp_path), made) == scheme
