"""Measuring real servers: examples are found, times are taken, nothing is broken on the way."""

from __future__ import annotations

import importlib.util
import json
import os
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import psutil
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seatrial.engines.ports import free_ports
from seatrial.kernel.errors import DeployError
from seatrial.kernel.values import to_json
from seatrial.kernel.workload import Component, Proof, Route
from seatrial.profiler import client as client_module
from seatrial.profiler import concurrency as concurrency_module
from seatrial.profiler import measure as measure_module
from seatrial.profiler import measure_routes
from seatrial.profiler.client import Client
from seatrial.profiler.crawl import changes_data
from seatrial.profiler.measure import Subject, measure
from seatrial.profiler.measure_cpu import cpu_s
from seatrial.profiler.templates import fill, parameters, pattern

HOME = """<a href="/items/3">3</a><a href='items/4?x=1#top'>4</a><a href="//192.0.2.1/items/9">
<a href="http://192.0.2.1/items/8"><img src="/items/delete/5"><a href="http://[broken">"""
PAGES: dict[str, tuple[int, str, str]] = {
    "/": (200, "text/html", HOME),
    "/items/3": (200, "text/html", "three"),
    "/items/4?x=1": (200, "text/html", "four!"),
    "/api/things": (200, "application/json", '{"things": [{"id": 7}, {"id": 8}, {"id": 8.5}]}'),
    "/api/things/7": (200, "application/json", '{"owner": "ada", "next": "/books/x%20y"}'),
    "/api/things/8": (200, "application/json", "[" * 100_000),
    "/api/things/7/parts": (200, "application/json", "{}"),
    "/owners/ada": (200, "text/plain", "Ada"),
    "/books/x%20y": (200, "text/plain", "book"),
    "/away": (302, "text/plain", ""),
    "/broken": (500, "text/plain", "no"),
    "/missing": (404, "text/plain", "no"),
    "/given/42": (200, "text/plain", "yes"),
}


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    hits: list[str] = []

    def do_GET(self) -> None:
        self.hits.append(self.path)
        if self.path == "/break":
            self.close_connection = True
            return
        if self.path == "/once":  # what a server does to a connection that was idle too long
            self.close_connection = True
        status, kind, body = PAGES.get(self.path, (404, "text/plain", "none"))
        if self.path in ("/huge", "/slow", "/once", "/cut", "/drip", "/stream"):
            status, body = 200, "x" * (2_000_000 if self.path == "/huge" else 10)
        if self.path == "/slow":
            time.sleep(0.02)
        self.send_response(status)
        self.send_header("Location", "http://192.0.2.1/")
        self.send_header("Content-Type", "text/event-stream" if self.path == "/stream" else kind)
        if self.path != "/stream":
            more = 90 if self.path in ("/cut", "/drip") else 0
            self.send_header("Content-Length", str(len(body) + more))
        self.end_headers()
        self.wfile.write(body.encode())
        if self.path == "/stream" or self.path == "/cut":
            self.close_connection = True
        elif self.path == "/drip":
            while True:
                time.sleep(0.02)
                self.wfile.write(b"x")

    def handle_one_request(self) -> None:
        try:
            super().handle_one_request()
        except OSError:
            self.close_connection = True

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def url() -> Iterator[str]:
    Handler.hits = []
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()
    thread.join()


def component(*paths: str, methods: tuple[str, ...] = ("GET",)) -> Component:
    proof = Proof(kind="source", rule="flask.route", file="app.py", line=1)
    routes = tuple(Route(path=p, methods=methods, endpoint=p, proof=proof) for p in paths)
    return Component(
        name="web", kind="web", framework="flask", entry="app:app", command=(), port=8000,
        routes=routes,
    )  # fmt: skip


@pytest.fixture(autouse=True)
def brief(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is measured here is not what these phases are for."""
    monkeypatch.setattr(measure_module, "GROWTH_REQUESTS", 0)
    monkeypatch.setattr(concurrency_module, "LEVELS", ())


def subject(url: str) -> Subject:
    return Subject(
        url=url, workers=lambda: [os.getpid()], tree=lambda: [os.getpid()], boot_s=1.5
    )  # fmt: skip


def run(url: str, made: Component, **more: object) -> dict[str, Route]:
    given: dict[str, object] = {"examples": {}, "requests_per_route": 20, **more}
    done = measure(made, subject(url), machine="a machine", **given).component  # type: ignore[arg-type]
    assert done.measured is not None and done.measured.boot_s == 1.5
    assert done.measured.memory_mib_worker > 1 and done.measured.memory_mib_idle > 1
    assert done.measured.proof.kind == "measured"
    assert [route.path for route in done.routes] == [route.path for route in made.routes]
    to_json(done)
    return {route.path: route for route in done.routes}


def test_examples_are_found_and_routes_are_timed(url: str) -> None:
    told: list[tuple[str, float]] = []
    routes = run(
        url,
        component(
            "/", "/items/<int:item_id>", "/api/things", "/api/things/<int:thing_id>",
            "/api/things/<int:thing_id>/parts", "/owners/<owner>", "/books/<title>", "/away",
            "/given/<int:n>",
        ),
        examples={"/given/<int:n>": "/given/42"},
        progress=lambda path, share: told.append((path, share)),
    )  # fmt: skip
    assert {path: route.examples for path, route in routes.items()} == {
        "/": ("/",),
        "/items/<int:item_id>": ("/items/3", "/items/4?x=1"),
        "/api/things": ("/api/things",),
        "/api/things/<int:thing_id>": ("/api/things/7", "/api/things/8"),
        "/api/things/<int:thing_id>/parts": ("/api/things/7/parts",),
        "/owners/<owner>": ("/owners/ada",),
        "/books/<title>": ("/books/x%20y",),
        "/away": ("/away",),
        "/given/<int:n>": ("/given/42",),
    }
    for route in routes.values():
        timed = route.service_time
        assert timed is not None and route.unmeasured == ""
        assert timed.requests == 20 and len(timed.quantiles_ms) == 40
        assert list(timed.quantiles_ms) == sorted(timed.quantiles_ms)
        assert 0 < timed.quantiles_ms[0] <= timed.mean_ms <= timed.quantiles_ms[-1] * 1.01
        assert timed.cpu_ms_mean > 0 and timed.scv >= 0
    items = routes["/items/<int:item_id>"].service_time
    assert items is not None and items.response_bytes_mean == 5.0, "both examples in turn"
    shares = [share for _, share in told]
    assert shares == sorted(shares) and shares[0] >= 0 and shares[-1] <= 1
    assert not [hit for hit in Handler.hits if "delete" in hit or "192.0.2.1" in hit]


def test_values_of_parameters_can_be_given(url: str) -> None:
    routes = run(url, component("/given/<int:n>"), examples={"n": "42"})
    assert routes["/given/<int:n>"].examples == ("/given/42",)


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("/broken", "GET /broken answered 500"),
        ("/missing", "GET /missing answered 404"),
        ("/owners/<owner>", 'no example URL was found; give an example in seatrial.toml'),
        ("/numbers/<int:n>", "no example URL was found"),
        ("/items/delete/<int:n>", "reads as if it changed data"),
        ("/logout", "reads as if it changed data"),
        ("/break", "closed without an answer"),
        ("/cut", "not an HTTP answer: IncompleteRead"),
        ("/stream", "an endless stream"),
        ("/huge", "larger than 1 MiB"),
        ("/drip", "no whole answer within"),
    ],
)  # fmt: skip
def test_what_is_not_measured_says_why(
    url: str, path: str, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client_module, "BODY_BYTES_MAX", 1024**2)
    monkeypatch.setattr(client_module, "REQUEST_S_MAX", 0.5)
    routes = run(url, component(path, "/api/things"))
    assert words in routes[path].unmeasured
    assert routes[path].service_time is None
    assert routes["/api/things"].service_time is not None, "the others are measured all the same"
    if "changed data" in words:
        assert {hit for hit in Handler.hits} == {"/api/things"}


def test_other_methods_are_not_sent(url: str) -> None:
    routes = run(url, component("/api/things", methods=("POST", "DELETE")))
    assert routes["/api/things"].unmeasured == "POST, DELETE: only GET routes are measured"
    assert Handler.hits == []


def test_a_connection_the_server_closes_is_opened_anew(url: str) -> None:
    timed = run(url, component("/once"))["/once"].service_time
    assert timed is not None and timed.requests == 20


def test_slow_routes_get_fewer_requests(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(measure_routes, "ROUTE_S_MAX", 0.2)
    timed = run(url, component("/slow"), requests_per_route=10_000)["/slow"].service_time
    assert timed is not None and 5 <= timed.requests <= 10


def test_an_app_that_ended_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client_module, "RECONNECT_S_MAX", 0.2)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{free.getsockname()[1]}"
        with pytest.raises(DeployError, match="does not answer any more"):
            run(address, component("/"))


@pytest.mark.parametrize("url", ["http://192.0.2.1/", "https://127.0.0.1/", "http://example.org"])
def test_only_this_machine_is_asked(url: str) -> None:
    with pytest.raises(DeployError, match="only an app on this machine"):
        Client(url)


@pytest.mark.parametrize(
    "target", ["http://x/", "//x/", "/a b", "/a\r\nX: y", "", "/" * 2 + "x", "/" + "x" * 3000]
)
def test_only_paths_are_sent(url: str, target: str) -> None:
    assert Client(url).get(target).failure == "not a path that can be sent"
    assert Handler.hits == []


def test_processor_time_is_exact_where_the_system_can_tell() -> None:
    own = cpu_s([os.getpid()])[os.getpid()]
    times = os.times()
    ended = times.children_user + times.children_system
    assert own == pytest.approx(time.process_time() + ended, abs=0.5)
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    first = cpu_s([child.pid, 2**22 + 1])
    assert list(first) == [child.pid] and first[child.pid] >= 0
    child.communicate(b"\n")
    assert cpu_s([child.pid]) == {}


@pytest.mark.parametrize(
    ("rule", "path", "values"),
    [
        ("/races/<int:race_id>", "/races/12", ("12",)),
        ("/races/<int:race_id>", "/races/twelve", None),
        ("/races/<int:race_id>", "/races/12/x", None),
        ("/a/<b>/c/<int(min=1):d>", "/a/x/c/3", ("x", "3")),
        ("/f/<path:p>", "/f/a/b.txt", ("a/b.txt",)),
        ("/f/<p>", "/f/a/b.txt", None),
        ("/k/<any(red, blue):c>", "/k/blue", ("blue",)),
        ("/k/<any(red, blue):c>", "/k/green", None),
        ("/x.y/<float:f>", "/x.y/1.5", ("1.5",)),
        ("/items/{item_id}", "/items/12", ("12",)),
        ("/items/{item_id:int}", "/items/twelve", None),
        ("/f/{p:path}", "/f/a/b.txt", ("a/b.txt",)),
        (r"/n/{n:\d+}/x", "/n/7/x", ("7",)),
        ("/{a}/<int:b>", "/x/3", ("x", "3")),
        ("/x.y/<float:f>", "/xzy/1.5", None),
    ],
)
def test_templates(rule: str, path: str, values: tuple[str, ...] | None) -> None:
    found = pattern(rule).fullmatch(path)
    assert (found.groups() if found else None) == values
    if values:
        names = [parameter.name for parameter in parameters(rule)]
        assert fill(rule, dict(zip(names, values, strict=True))) == path


@given(st.text(max_size=60), st.text(max_size=30))
def test_any_rule_is_a_template(rule: str, value: str) -> None:
    pattern(rule).fullmatch(rule)
    filled = fill(rule, {parameter.name: value for parameter in parameters(rule)})
    assert isinstance(filled, str)


@pytest.mark.parametrize(
    ("path", "changes"),
    [
        ("/logout", True), ("/items/3/delete", True), ("/admin/reset-all", True),
        ("/deleted-items", False), ("/clearance", False), ("/races/3", False), ("/", False),
        ("/stops", False), ("/cancel_order/4", True),
    ],
)  # fmt: skip
def test_paths_that_change_data(path: str, changes: bool) -> None:
    assert changes_data(path) is changes


WSGI = """
import time
def app(environ, start):
    if environ["PATH_INFO"] == "/wait":
        time.sleep(0.02)
    start("200 OK", [("Content-Type", "text/plain")])
    return [b"hello"]
"""


def poll(probe: Callable[[], bool], seconds: float = 60.0) -> None:
    deadline = time.monotonic() + seconds
    while not probe():
        assert time.monotonic() < deadline
        time.sleep(0.05)


@pytest.mark.skipif(
    importlib.util.find_spec("gunicorn") is None or importlib.util.find_spec("seatrial_runtime")
    is None, reason="the runtime is not installed",
)  # fmt: skip
def test_an_app_under_the_runtime(tmp_path: Path) -> None:
    (tmp_path / "served.py").write_text(WSGI)
    port, management = free_ports(2)
    command = [
        sys.executable, "-m", "seatrial_runtime", "web", "served:app", "--app-dir", str(tmp_path),
        "--bind", f"127.0.0.1:{port}", "--management", f"127.0.0.1:{management}",
    ]  # fmt: skip
    replica = psutil.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def ask(path: str) -> bytes:
        with urllib.request.urlopen(f"http://127.0.0.1:{management}{path}", timeout=5) as answer:
            return bytes(answer.read())

    def ready() -> bool:
        assert replica.poll() is None, "the runtime ended"
        try:
            return bool(ask("/ready"))
        except (urllib.error.URLError, OSError):
            return False

    try:
        poll(ready)
        done = measure(
            component("/", "/wait"),
            Subject(
                url=f"http://127.0.0.1:{port}", workers=lambda: json.loads(ask("/workers"))["pids"],
                tree=lambda: [replica.pid], boot_s=0.5,
            ),
            machine="a machine", examples={}, requests_per_route=30,
        ).component  # fmt: skip
    finally:
        replica.terminate()
        replica.wait(30)
    for route in done.routes:
        timed = route.service_time
        assert timed is not None and timed.requests == 30, route.unmeasured
        assert timed.cpu_ms_mean > 0
    waits = done.routes[1].service_time
    assert waits is not None and waits.cpu_ms_mean < 20 <= waits.quantiles_ms[0]
    assert done.measured is not None and done.measured.memory_mib_worker > 5
