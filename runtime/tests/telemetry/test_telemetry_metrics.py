import contextlib
import os
import random
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families
from telemetry_process import PATIENCE_S, environment, run_code

from seatrial_runtime.telemetry import exposition, figures_folder
from seatrial_runtime.telemetry.cells import CellFile, Damaged, read_cells

DAMAGED = ("seatrial_metrics_damaged_files", ())
Figures = dict[tuple[str, tuple[tuple[str, str], ...]], float]


@pytest.fixture
def folder() -> Iterator[str]:
    made = figures_folder.prepare()
    yield made
    figures_folder.remove(made)
    assert not os.path.exists(made)


def figures(folder: str) -> Figures:
    text = exposition.render(folder).decode()
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


WORK = """
import os, sys
from prometheus_client import Counter, Gauge, Histogram, Summary
from seatrial_runtime.telemetry import metrics, requests
from seatrial_runtime.telemetry.context import RequestContext
metrics.collect_in(os.environ["METRICS"])
sold = Counter("app_sold", "Sold", ["item"]); took = Histogram("app_took_seconds", "Took")
size = Summary("app_size", "Size"); open_ = Gauge("app_open", "Open", multiprocess_mode="livesum")
for line in sys.stdin:
    for n in range(int(line)):
        context = RequestContext("x", "GET", "/r"); context.route, context.status = "/r", 200
        requests.began(context)
        if n % 3: requests.ended(context, 0.01 * n, log=False)
        sold.labels(f"item-{n % 2}").inc(); took.observe(n); size.observe(n); open_.set(n)
        metrics.worker_memory(1000 + n); metrics.cache_event("c", "hit")
    print("done", flush=True)
"""


class Worker:
    """A process that works when it is told to."""

    def __init__(self, folder: str, code: str = WORK) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", code],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=environment(Path(), METRICS=folder, PROMETHEUS_MULTIPROC_DIR=folder),
        )
        self.pid = self.process.pid

    def work(self, times: int) -> None:
        assert self.process.stdin is not None and self.process.stdout is not None
        self.process.stdin.write(f"{times}\n".encode())
        self.process.stdin.flush()
        assert self.process.stdout.readline() == b"done\n"

    def end(self, number: int = signal.SIGKILL) -> None:
        self.process.send_signal(number)
        self.process.communicate(timeout=PATIENCE_S)


def test_sums_over_processes_with_the_apps_own(folder: str) -> None:
    workers = [Worker(folder) for _ in range(2)]
    try:
        for worker in workers:
            worker.work(6)
        seen = figures(folder)
        request = (
            ("http_request_method", "GET"),
            ("http_response_status_code", "200"),
            ("http_route", "/r"),
        )
        assert seen["http_server_request_duration_seconds_count", request] == 8
        assert seen["http_server_request_duration_seconds_sum", request] == pytest.approx(0.24)
        bucket = tuple(sorted((*request, ("le", "0.01"))))
        assert seen["http_server_request_duration_seconds_bucket", bucket] == 2
        bucket = tuple(sorted((*request, ("le", "+Inf"))))
        assert seen["http_server_request_duration_seconds_bucket", bucket] == 8
        assert seen["http_server_active_requests", ()] == 4
        assert seen["app_sold_total", (("item", "item-0"),)] == 6
        assert seen["app_took_seconds_count", ()] == 12
        assert seen["app_size_sum", ()] == 30
        assert seen["app_open", ()] == 10
        assert seen["seatrial_worker_memory_bytes", (("pid", str(workers[0].pid)),)] == 1005
        before = seen
        workers[0].end()
        exposition.gone(folder, workers[0].pid)
        seen = figures(folder)
        assert seen["http_server_request_duration_seconds_count", request] == 8
        assert seen["http_server_active_requests", ()] == 2 and seen["app_open", ()] == 5
        assert ("seatrial_worker_memory_bytes", (("pid", str(workers[0].pid)),)) not in seen
        assert seen["app_sold_total", (("item", "item-0"),)] == 6
        gauges = ("http_server_active_requests", "app_open", "seatrial_worker_memory_bytes")
        assert {k: v for k, v in before.items() if k[0] not in gauges} == {
            k: v for k, v in seen.items() if k[0] not in gauges
        }
        assert not [name for name in os.listdir(folder) if str(workers[0].pid) in name]
    finally:
        for worker in workers:
            worker.end()


def test_counters_never_go_down_over_work_kills_and_damage(folder: str) -> None:
    chance = random.Random(20261121)
    workers = [Worker(folder) for _ in range(3)]
    before: Figures = {}
    worked = 0
    try:
        for _ in range(30):
            step = chance.choice(["work", "work", "kill", "gone", "damage"])
            place = chance.randrange(3)
            worker = workers[place]
            if step == "work":
                times = chance.randrange(1, 20)
                worker.work(times)
                worked += times
            elif step in ("kill", "gone"):
                worker.end(chance.choice([signal.SIGKILL, signal.SIGTERM]))
                if step == "gone":  # Else the next look finds that it is dead.
                    exposition.gone(folder, worker.pid)
                workers[place] = Worker(folder)
            elif step == "damage":
                names = [n for n in os.listdir(folder) if f"_{worker.pid}" in n and ".rt" not in n]
                kinds = [n for n in names if n.startswith(("summary", "histogram"))]
                figures(folder)  # What was read last is what stays.
                if kinds:
                    os.truncate(
                        os.path.join(folder, chance.choice(kinds)), chance.choice([0, 3, 70])
                    )
                    # The process would die of its own file; a new one takes its place.
                    worker.end()
                    workers[place] = Worker(folder)
            seen = figures(folder)
            for key, value in before.items():
                if key[0].endswith(("_total", "_count", "_sum", "_bucket")):
                    assert seen[key] >= value, (step, key)
            before = seen
        assert before["seatrial_cache_events_total", (("cache", "c"), ("event", "hit"))] == worked
        sold = sum(value for key, value in before.items() if key[0] == "app_sold_total")
        assert sold == worked
    finally:
        for worker in workers:
            worker.end()


def test_a_process_that_the_app_forks_counts_for_itself(folder: str, tmp_path: Path) -> None:
    ran = run_code(
        tmp_path,
        """
        for n in range(5): metrics.cache_event("c", "hit")
        child = os.fork()
        for n in range(3): metrics.cache_event("c", "hit")
        if child == 0:
            print("child"); os._exit(0)
        os.waitpid(child, 0)
        """,
        METRICS=folder,
    )
    assert ran.code == 0 and len(ran.named("print")) == 1
    key = ("seatrial_cache_events_total", (("cache", "c"), ("event", "hit")))
    assert figures(folder)[key] == 11
    assert sorted(os.listdir(folder)) == ["counter_folded.db"]


def test_damaged_files_are_left_out_and_counted(folder: str) -> None:
    good = CellFile(os.path.join(folder, f"counter_{os.getpid()}.rt.db"))
    key = '["a", "a_total", {"k": "\\"quoted\\"\\n"}, "Help"]'
    view, places = good.allocate([key])
    view[places[0]] = 5
    data = Path(folder, f"counter_{os.getpid()}.rt.db").read_bytes()
    bad = {
        "counter_one.db": data[:30],
        "histogram_two.db": b"",
        "gauge_all_three.db": b"\xff" * 4096,
        "summary_four.db": data.replace(b'"a_total"', b'\xff\xfe_total"'),
        "counter_five.db": b"\x10\0\0\0" + b"\0" * 100,
        "counter_six.db": data[:8] + b"\xe8\xff\xff\xff" + data[12:],
    }
    for name, content in bad.items():
        Path(folder, name).write_bytes(content)
    Path(folder, "notes.txt").write_text("other")
    seen = figures(folder)
    assert seen["a_total", (("k", '"quoted"\n'),)] == 5
    assert seen[DAMAGED] == len(bad)


@settings(
    max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.data())
def test_any_bytes_are_read_or_refused(tmp_path: Path, data: st.DataObject) -> None:
    path = tmp_path / "counter_1.db"
    file = CellFile(str(path))
    file.allocate([f'["m{n}", "m{n}_total", {{}}, "h"]' for n in range(4)])
    file.close()
    whole = bytearray(path.read_bytes()[:400])
    for place, value in data.draw(
        st.lists(st.tuples(st.integers(0, 399), st.integers(0, 255)), max_size=12)
    ):
        whole[place] = value
    path.write_bytes(whole[: data.draw(st.integers(0, 400))])
    with contextlib.suppress(Damaged):
        read_cells(str(path))
    path.unlink()


def test_a_full_file_system_costs_figures_not_requests(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    ran = run_code(
        tmp_path,
        """
        def full(*_): raise OSError(28, "No space left on device")
        os.posix_fallocate = full
        requests.began(request()); requests.ended(request(), 0.1, log=True)
        """,
        METRICS=str(tmp_path),
    )
    assert ran.code == 0 and len(ran.named("request")) == 1


def test_label_sets_are_bounded(folder: str, tmp_path: Path) -> None:
    run_code(
        tmp_path,
        """
        for n in range(1200):
            done = request(route=f"/{n}"); done.method = f"M{n}"
            requests.ended(done, 0.1, log=False)
        """,
        METRICS=folder,
    )
    counts = {k: v for k, v in figures(folder).items() if k[0].endswith("seconds_count")}
    assert len(counts) == 1001 and sum(counts.values()) == 1200
    assert {dict(labels)["http_request_method"] for _, labels in counts} == {"_OTHER", "(other)"}


def test_nothing_happens_where_nobody_collects(tmp_path: Path) -> None:
    ran = run_code(
        tmp_path,
        """
        metrics.cache_event("c", "hit"); metrics.circuit_state("x", "open"); metrics.retried("r")
        metrics.llm_call("m", "ok", 1.0, 2, 3, 0.5); metrics.loop_lag(0.1)
        requests.began(request()); requests.ended(request(), 0.1, log=False)
        requests.queued(0.1); requests.limited("rate"); requests.timed_out(request())
        assert not any(metric.children for metric in metrics.ALL)
        """,
    )
    assert ran.code == 0 and not ran.events
    assert sorted(os.listdir(tmp_path)) == ["err", "out"]
