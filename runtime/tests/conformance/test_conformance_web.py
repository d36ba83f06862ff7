"""The same promises for every framework, each app a real process behind real sockets."""

import contextlib
import http.client
import json
import os
import signal
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from conftest import Start
from harness import Running, ask_later, get, quick, refused, start, wait_for

APPS = Path(__file__).parent / "apps"
FRAMEWORKS = ("flask_app:app", "django_app:app", "fastapi_app:app")
SECRET = "shop-0123456789-very-secret"

pytestmark = pytest.mark.parametrize("target", FRAMEWORKS, scope="module")


def begin(run: Start, target: str, *options: str, **more: Any) -> Running:
    options = ("--ready-path", "/pid", *options)
    app = run(target, *options, app_dir=APPS, env={"SHOP_API_KEY": SECRET}, **more)
    app.wait_ready()
    return app


def metric(app: Running, name: str, **labels: str) -> float:
    """The sum of the samples of one name that carry these labels; 0 while there are none."""
    status, body = get(app.management, "/metrics")
    assert status == 200, body
    total = 0.0
    for line in body.decode().splitlines():
        if line.startswith((name + "{", name + " ")) and all(
            f'{key}="{value}"' in line for key, value in labels.items()
        ):
            total += float(line.rpartition(" ")[2])
    return total


def lines(app: Running) -> list[dict[str, Any]]:
    """Every line that was written so far; each must be one JSON object."""
    return [json.loads(line) for line in (app.stdout + app.stderr).splitlines()]


@pytest.fixture(scope="module")
def shared(target: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """Two workers for all tests that leave them as they were; at their end no secret was told."""
    folder = tmp_path_factory.mktemp("shared")
    app = start(
        folder, target, "--ready-path", "/pid", "--workers", "2", "--log-level", "DEBUG",
        "--request-timeouts", "/sleep=0.5", app_dir=APPS, env={"SHOP_API_KEY": SECRET},
    )  # fmt: skip
    try:
        app.wait_ready()
        wait_for(lambda: len(app.workers()) == 2, "workers")
        yield app
        app.signal(signal.SIGTERM)
        assert app.wait_exit() == 0
        assert SECRET not in app.stdout + app.stderr
    finally:
        app.end()


def test_log_lines_parse_and_correlate(shared: Running, target: str) -> None:
    app = shared
    assert app.get("/talk", headers={"X-Request-ID": "abc-123"}) == (200, b"talked")
    trace = "4bf92f3577b34da6a3ce929d0e0e4736"
    assert app.get("/talk", headers={"traceparent": f"00-{trace}-00f067aa0ba902b7-01"})[0] == 200

    def of(id: str) -> list[dict[str, Any]]:
        return [line for line in lines(app) if line.get("correlation_id") == id]

    for id in ("abc-123", trace):
        found = wait_for(lambda id=id: len(of(id)) >= 3 and of(id), f"three lines of {id}")
        texts = json.dumps(found)
        assert "selling apples" in texts
        assert "sold apples" in texts
        [request] = [line for line in found if line["event"] == "request"]
        assert (request["route"], request["status"]) == ("/talk", 200)
        assert request["duration_ms"] > 0
        assert {"timestamp", "level", "environment"} <= set(request)


def test_an_async_request_over_its_time_is_cancelled(shared: Running, target: str) -> None:
    status, body = shared.get("/sleep/30.0" if target.startswith("fastapi") else "/sleep/1.0")
    assert status == 504
    assert "request_id" in json.loads(body)
    assert shared.get("/hello/on") == (200, b"hello on")


def test_metrics_sum_across_workers(shared: Running, target: str) -> None:
    app = shared
    pids = set()
    with ThreadPoolExecutor(4) as pool:
        for _ in range(50):
            pids.update(pool.map(lambda _: app.get("/pid")[1], range(20)))
            if len(pids) == 2:
                break
    assert len(pids) == 2, "both workers were to answer"

    def counted(**labels: str) -> float:
        return metric(app, "http_server_request_duration_seconds_count", **labels)

    assert app.get("/hello/ann")[0] == 200
    assert app.get("/nowhere/at/all")[0] == 404
    wait_for(lambda: counted(http_route="(unmatched)") == 1, "the unmatched one")
    text = get(app.management, "/metrics")[1].decode()
    assert "ann" not in text
    assert "nowhere" not in text
    routes = {line.partition('http_route="')[2].partition('"')[0] for line in text.splitlines()}
    [hello] = [route for route in routes if route.strip("/").startswith("hello")]
    hellos = counted(http_route=hello)
    for name in ("ann", "bob", "eve"):
        assert app.get(f"/hello/{name}")[0] == 200
    wait_for(lambda: counted(http_route=hello) == hellos + 3, "three more")
    before = counted()
    killed_and_replaced(app)
    assert counted() >= before, "a counter went down"


def killed_and_replaced(app: Running) -> None:
    """Kill one of two workers: until its end is known, they are two still."""
    victim = app.workers()[0]
    os.kill(victim, signal.SIGKILL)
    wait_for(lambda: len(app.workers()) == 2 and victim not in app.workers(), "successor")


def test_killed_workers_are_replaced(shared: Running, target: str) -> None:
    app = shared
    name = "seatrial_worker_restarts_total"
    before = metric(app, name)
    for _ in range(3):
        killed_and_replaced(app)
        assert app.get("/hello/again") == (200, b"hello again")
        assert app.process.poll() is None
    assert metric(app, name) >= before + 3


def test_no_secret_in_any_line(shared: Running, target: str) -> None:
    app = shared
    assert app.get(f"/secret?token={SECRET}", headers={"X-Request-ID": "s-1"})[0] == 500
    wait_for(lambda: "denied" in app.stdout + app.stderr, "the error")
    said = app.stdout + app.stderr
    assert "the key is" in said
    assert SECRET not in said
    assert SECRET not in get_cmdlines(app)


def get_cmdlines(app: Running) -> str:
    """The command lines of all processes seen, as far as they still exist."""
    found = []
    for pid in app.seen:
        with contextlib.suppress(OSError):
            found.append(Path(f"/proc/{pid}/cmdline").read_text())
    return "".join(found)


def test_probes_answer_while_the_app_is_saturated(run: Start, target: str, tmp_path: Path) -> None:
    app = begin(run, target, "--workers", "1", "--threads", "4")
    gate = tmp_path / "gate"
    held = 1 if target.startswith("fastapi") else 4  # A blocked loop holds everything.
    answers = [ask_later(app.bind, f"/hold?gate={gate}") for _ in range(8)]
    wait_for(lambda: app.stdout.count("held") >= held, "busy app")
    assert quick(app.healthy)
    # Busy is not broken: a balancer that took it away would only burden the others.
    assert {app.ask("/ready")[0] for _ in range(30)} == {200}
    assert get(app.management, "/metrics")[0] == 200
    gate.touch()
    assert [answer() for answer in answers] == [(200, b"held")] * 8


def test_a_drain_finishes_requests_and_streams(run: Start, target: str, tmp_path: Path) -> None:
    app = begin(run, target, "--drain-delay-s", "4")
    gate = tmp_path / "gate"
    slow = [ask_later(app.bind, f"/wait?gate={gate}") for _ in range(2)]
    stream = ask_later(app.bind, f"/stream?gate={gate}")
    wait_for(lambda: metric(app, "http_server_active_requests") >= 3, "requests in flight")
    app.signal(signal.SIGTERM)
    wait_for(lambda: app.ask("/ready")[1]["status"] == "draining", "drain")
    assert app.get("/hello/late") == (200, b"hello late")
    wait_for(lambda: refused(app), "refusal")
    gate.touch()
    assert [one() for one in slow] == [(200, b"waited")] * 2
    status, body = stream()
    assert (status, body[:6], body[-6:]) == (200, b"begun\n", b"ended\n")
    assert app.wait_exit() == 0


def test_a_stream_without_end_has_a_budget_of_its_own(
    run: Start, target: str, tmp_path: Path
) -> None:
    app = begin(run, target, "--stream-timeout-s", "1", "--graceful-timeout-s", "3600")
    stream = ask_later(app.bind, f"/stream?gate={tmp_path / 'never'}")
    wait_for(lambda: metric(app, "http_server_active_requests") >= 1, "stream")
    app.signal(signal.SIGTERM)
    assert app.wait_exit() == 0
    with contextlib.suppress(OSError, http.client.HTTPException):
        stream()


def test_a_leaking_worker_is_replaced_between_requests(run: Start, target: str) -> None:
    app = begin(run, target, "--workers", "1", "--max-worker-memory", "300MiB")
    first = app.get("/pid")[1]
    failures: list[object] = []

    def traffic(stop: Callable[[], bool]) -> int:
        count = 0
        while not stop():
            status, _ = app.get("/sleep/0.05")
            if status != 200:
                failures.append(status)
            count += 1
        return count

    replaced = False
    with ThreadPoolExecutor(4) as pool:
        clients = [pool.submit(traffic, lambda: replaced) for _ in range(3)]
        for _ in range(8):
            app.get("/leak/40")
        try:
            wait_for(lambda: app.get("/pid")[1] != first, "a new worker")
        finally:
            replaced = True
        assert sum(client.result() for client in clients) > 0
    assert failures == []
    told = wait_for(lambda: app.events("worker_recycled"), "report")
    assert told[0]["reason"] == "memory"


def test_a_request_over_its_time_is_answered_and_a_stuck_worker_replaced(
    run: Start, target: str, tmp_path: Path
) -> None:
    """For an event loop, a handler that blocks it; elsewhere one that never returns."""
    options = ("--request-timeouts", "/hold=0.5", "--stuck-s", "2", "--graceful-timeout-s", "2")
    app = begin(run, target, "--workers", "1", *options)
    first = app.get("/pid")
    answer = ask_later(app.bind, f"/hold?gate={tmp_path / 'never'}")
    if not target.startswith("fastapi"):
        assert answer()[0] == 504

    def replaced() -> bool:
        status, pid = app.get("/pid", timeout_s=2)
        return (status, pid) != first and status == 200

    wait_for(replaced, "a new worker")
    told = wait_for(lambda: app.events("worker_recycled") + app.events("worker_stuck"), "report")
    assert "hold" in json.dumps([*told, *lines(app)]), "no stack that names the handler"


def test_limits_and_headers(run: Start, target: str) -> None:
    app = begin(
        run, target, "--workers", "2", "--max-body", "100KiB", "--rate-limit", "20/day",
        "--allowed-hosts", "shop.example,127.0.0.1", "--content-security-policy", "img-src *",
    )  # fmt: skip
    host, _, port = app.bind.rpartition(":")
    connection = http.client.HTTPConnection(host, int(port), timeout=60)
    connection.request("GET", "/hello/x", headers={"X-Request-ID": "id-1"})
    answer = connection.getresponse()
    assert answer.read() == b"hello x"
    assert answer.headers["X-Request-ID"] == "id-1"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Content-Security-Policy-Report-Only"] == "img-src *"
    connection.close()
    assert app.get("/hello/x", headers={"Host": "evil.example"})[0] in (400, 421)
    body = b"x" * 200_000
    connection = http.client.HTTPConnection(host, int(port), timeout=60)
    connection.request("POST", "/upload", body)
    assert connection.getresponse().status == 413
    connection.close()
    statuses = [app.get("/hello/x")[0] for _ in range(30)]
    assert statuses.count(429) >= 30 - 20
    assert set(statuses) == {200, 429}


def test_websockets_close_with_service_restart(run: Start, target: str) -> None:
    if not target.startswith("fastapi"):
        return  # WSGI has none.
    app = begin(run, target, "--stream-timeout-s", "5")
    with connect(f"ws://{app.bind}/ws", open_timeout=60) as socket:
        socket.send("one")
        assert socket.recv(60) == "echo one"
        app.signal(signal.SIGTERM)
        socket.send("two")
        assert socket.recv(60) == "echo two", "it goes on within its budget"
        with pytest.raises(ConnectionClosed) as closed:
            socket.recv(60)
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == 1012
    assert app.wait_exit() == 0
