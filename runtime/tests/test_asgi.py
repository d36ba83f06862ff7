import contextlib
import http.client
import os
import signal
from pathlib import Path

import pytest

from conftest import Start
from harness import ask_later, exists, quick, wait_for

ASGI = "asgi_sample:app"


@pytest.mark.parametrize("interface", ["asgi", "auto"])
def test_probes_of_a_ready_app(run: Start, interface: str) -> None:
    app = run(ASGI, "--workers", "2", "--interface", interface)
    app.wait_ready()
    wait_for(lambda: len(app.workers()) == 2, "two workers")
    assert app.get("/") == (200, b"hello")
    assert app.get("/started") == (200, b"True")
    assert app.ask("/ready")[1]["workers"] == {"wanted": 2, "alive": 2}
    assert app.ask("/startup")[0] == 200
    assert app.get("/argv") == (200, ASGI.encode())


@pytest.mark.parametrize(
    ("target", "options"),
    [
        ("asgi_sample:create_app", ("--factory",)),
        ("asgi_sample:no_lifespan", ()),
        ("asgi_sample:old_style", ()),
        ("sample:app", ("--interface", "auto")),
    ],
)
def test_other_forms_of_apps(run: Start, target: str, options: tuple[str, ...]) -> None:
    app = run(target, *options)
    app.wait_ready()
    assert app.get("/") == (200, b"hello")


def test_a_request_in_flight_is_finished_and_the_lifespan_ended(run: Start, tmp_path: Path) -> None:
    app = run(ASGI, "--interface", "asgi")
    app.wait_ready()
    answer = ask_later(app.bind, f"/wait{tmp_path / 'gate'}")
    wait_for(app.in_flight, "request")
    app.process.terminate()
    wait_for(lambda: app.ask("/ready")[1]["status"] == "draining", "drain")
    (tmp_path / "gate").touch()
    assert answer() == (200, b"hello")
    assert app.wait_exit() == 0
    assert "lifespan over" in app.stdout
    assert app.events("exit")[0]["code"] == 0


def test_a_blocked_loop_does_not_hold_up_the_probes(run: Start, tmp_path: Path) -> None:
    app = run(ASGI, "--interface", "asgi")
    app.wait_ready()
    blocked = ask_later(app.bind, f"/hold{tmp_path / 'gate'}")
    wait_for(lambda: "held" in app.stdout, "blocked loop")
    assert quick(app.healthy)
    (tmp_path / "gate").touch()
    assert blocked() == (200, b"hello")


def test_a_killed_worker_is_replaced_and_the_other_serves_on(run: Start) -> None:
    app = run(ASGI, "--workers", "2", "--interface", "asgi")
    app.wait_ready()
    wait_for(lambda: len(app.workers()) == 2, "two workers")
    old = app.workers()[0]
    os.kill(old, signal.SIGKILL)
    assert app.get("/") == (200, b"hello")
    wait_for(lambda: len(app.workers()) == 2 and old not in app.workers(), "new worker")
    assert app.ask("/ready")[0] == 200
    with contextlib.suppress(OSError, http.client.HTTPException):
        app.get("/die?3")
    assert app.get("/") == (200, b"hello")


def test_a_killed_supervisor_leaves_no_process(run: Start) -> None:
    app = run(ASGI, "--workers", "2", "--interface", "asgi")
    app.wait_ready()
    wait_for(lambda: len(app.workers()) == 2, "two workers")
    app.process.kill()
    app.process.wait()
    wait_for(lambda: not any(map(exists, app.seen)), "end of the workers")


def test_one_line_a_request_and_no_query(run: Start) -> None:
    app = run(ASGI, "--interface", "asgi")
    app.wait_ready()
    app.get("/started?token=hidden", headers={"X-Request-ID": "abc-1"})
    app.get("/raise")
    # The first is the probe's.
    lines = wait_for(lambda: app.events("request")[2:] and app.events("request"), "lines")[1:]
    assert (lines[0]["path"], lines[0]["status"], lines[0]["correlation_id"]) == (
        "/started", 200, "abc-1",
    )  # fmt: skip
    assert lines[1]["status"] == 500 and lines[1]["duration_ms"] >= 0
    wait_for(lambda: "the app failed" in app.stderr, "traceback")
    assert "hidden" not in app.stdout + app.stderr


def test_a_lifespan_that_fails_is_told(run: Start) -> None:
    app = run("asgi_sample:broken_start", "--interface", "asgi")
    assert app.wait_exit() == 2
    [failed] = app.events("failed")
    assert "no model file" in failed["message"] + failed["traceback"]
    assert "lifespan" in failed["hint"]


@pytest.mark.parametrize(
    ("target", "interface", "words"),
    [
        (ASGI, "wsgi", "is an ASGI app"),
        ("sample:app", "asgi", "is a WSGI app"),
        ("absent:app", "asgi", "No module named 'absent'"),
        ("asgi_sample:absent", "asgi", "absent"),
    ],
)
def test_an_app_that_is_something_else(run: Start, target: str, interface: str, words: str) -> None:
    app = run(target, "--interface", interface)
    assert app.wait_exit() == 2
    assert words in app.events("failed")[0]["message"]
    assert app.events("failed")[0]["hint"]
