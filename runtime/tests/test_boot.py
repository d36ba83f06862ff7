import socket
from pathlib import Path

from conftest import Start
from harness import APPS, free_port, get, wait_for


def test_probes_of_a_ready_app(run: Start) -> None:
    app = run("sample:app", "--workers", "2")
    wait_for(lambda: app.ask("/workers")[1]["pids"][1:], "second worker")
    app.wait_ready()
    assert app.get("/") == (200, b"hello")

    status, ready = app.ask("/ready")
    assert (status, ready["status"]) == (200, "ready")
    assert ready["workers"] == {"wanted": 2, "alive": 2}
    assert ready["boot_s"] > 0
    assert app.ask("/startup") == (200, {"status": "started", "boot_s": ready["boot_s"]})

    status, health = app.ask("/health")
    assert (status, health["status"], health["pid"]) == (200, "alive", app.process.pid)
    assert health["uptime_s"] >= ready["boot_s"]
    assert len(set(app.workers())) == 2
    assert app.ask("/nothing")[0] == 404


def test_probes_while_the_app_loads(run: Start) -> None:
    app = run("slow_import:app")
    assert app.ask("/health")[0] == 200
    for path in ("/startup", "/ready"):
        status, body = app.ask(path)
        assert (status, body["status"]) == (503, "starting")
        assert "starting" in body["reason"]
    assert app.ask("/workers") == (200, {"pids": [], "workers": []})


def test_a_factory(run: Start) -> None:
    app = run("sample:create_app", "--factory")
    app.wait_ready()
    assert app.get("/") == (200, b"hello")


def test_the_environment_sets_options_and_the_app_does_not_see_our_argv(run: Start) -> None:
    app = run("sample:create_app", env={"SEATRIAL_FACTORY": "true", "SEATRIAL_WORKERS": "2"})
    app.wait_ready()
    wait_for(lambda: len(app.workers()) == 2, "two workers")
    assert app.get("/argv") == (200, b"sample:create_app()")


def test_a_unix_socket_in_place_of_a_stale_one(run: Start, tmp_path: Path) -> None:
    path = tmp_path / "app.sock"
    with socket.socket(socket.AF_UNIX) as stale:
        stale.bind(str(path))
    app = run(bind=f"unix:{path}")
    app.wait_ready()
    assert get(f"unix:{path}", "/") == (200, b"hello")
    app.process.terminate()
    assert app.wait_exit() == 0
    assert not path.exists()


def test_ipv6(run: Start) -> None:
    app = run(bind=f"[::1]:{free_port()}")
    app.wait_ready()
    assert app.get("/") == (200, b"hello")


def test_an_app_that_never_becomes_ready(run: Start) -> None:
    app = run("sample:failing", "--ready-path", "/up?key=hidden")
    wait_for(lambda: "500" in app.ask("/startup")[1]["reason"], "reason")
    status, body = app.ask("/startup")
    assert (status, body["reason"]) == (503, "GET /up: status 500")
    late = run("sample:failing", "--ready-path", "/up?key=hidden", "--start-timeout-s", "3")
    assert late.wait_exit() == 1
    assert "not ready within 3 s: " in late.events("failed")[0]["message"]
    for one in (app, late):
        assert "hidden" not in one.stderr + one.stdout


def test_an_import_that_outlasts_the_start_timeout(run: Start) -> None:
    app = run("slow_import:app", "--start-timeout-s", "1")
    assert app.wait_exit() == 1
    assert "not ready within 1 s" in app.events("failed")[0]["message"]


def test_a_module_of_the_app_that_is_called_like_one_of_pythons(run: Start) -> None:
    app = run("shop:app", app_dir=APPS / "shadow")
    app.wait_ready()
    assert app.get("/") == (200, b"the graphlib of the app")
