"""SIGHUP to a real run: the new level holds at once, and what needs a restart is named."""

import signal
from pathlib import Path

from conftest import Start
from harness import wait_for

APP = """
import logging

def app(environ, start_response):
    logging.getLogger("mine").info("an info line")
    start_response("200 OK", [("Content-Length", "2")])
    return [b"ok"]
"""


def test_a_new_level_holds_at_once(run: Start, tmp_path: Path) -> None:
    (tmp_path / "leveled.py").write_text(APP)
    toml = tmp_path / "seatrial.toml"
    toml.write_text('[runtime]\nlog_level = "ERROR"\nthreads = 2\n')
    app = run("leveled:app", "--workers", "1", app_dir=tmp_path)
    app.wait_ready()
    app.get("/")
    toml.write_text('[runtime]\nlog_level = "INFO"\nthreads = 3\n')
    app.signal(signal.SIGHUP)
    [event] = wait_for(lambda: app.events("reload"), "reload")
    assert (event["log_level"], event["needs_restart"]) == ("INFO", ["--threads"])
    before = app.stdout + app.stderr
    assert "an info line" not in before
    wait_for(
        lambda: app.get("/")[0] == 200 and "an info line" in app.stdout + app.stderr,
        "line of the app's logging",
    )
    toml.write_text("[runtime\n")
    app.signal(signal.SIGHUP)
    wait_for(lambda: "is not TOML" in app.stderr, "error")
    assert app.get("/")[0] == 200
