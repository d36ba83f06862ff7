"""What reaches the log past Python's own print, and a log that nobody reads."""

import contextlib
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

from conftest import Start
from harness import APPS, free_port, get, wait_for


def test_what_programs_print_becomes_events(run: Start) -> None:
    app = run()
    app.wait_ready()
    app.get("/shell")
    prints = wait_for(lambda: app.events("print")[1:] and app.events("print"), "lines")
    by_source = {event["source"]: event for event in prints}
    assert by_source["stdout"]["message"] == "words of a program"
    assert by_source["stderr"]["message"] == "a\N{REPLACEMENT CHARACTER}b"
    assert by_source["stdout"]["pid"] in app.workers()
    [sale] = wait_for(lambda: app.events("sale"), "line that is JSON already")
    assert (sale["amount"], sale["level"]) == (3, "info")
    assert sale["timestamp"].endswith("Z")


def test_a_line_without_end_is_cut(run: Start) -> None:
    app = run()
    app.wait_ready()
    app.get("/long-line")
    [event] = wait_for(lambda: app.events("print"), "line")
    assert (len(event["message"]), event["cut_bytes"]) == (65536, 200_000 - 65536)


def test_sighup_reads_the_log_level_anew(run: Start, tmp_path: Path) -> None:
    folder = tmp_path / "app"
    folder.mkdir()
    (folder / "sample.py").write_text((APPS / "sample.py").read_text())
    (folder / ".env").write_text("SEATRIAL_LOG_LEVEL=INFO\n")
    app = run("sample:app", app_dir=folder)
    app.wait_ready()
    app.get("/log")
    (folder / ".env").write_text("SEATRIAL_LOG_LEVEL=DEBUG\nSEATRIAL_THREADS=9\n")
    app.signal(signal.SIGHUP)
    [event] = wait_for(lambda: app.events("reload"), "reload")
    assert event["log_level"] == "DEBUG" and "--threads" in event["needs_restart"]
    assert "a debug line" not in app.stdout + app.stderr

    def told() -> bool:
        app.get("/log")
        return "a debug line" in app.stdout + app.stderr

    wait_for(told, "debug line")
    # Also in the worker that comes next.
    [old] = app.workers()
    os.kill(old, signal.SIGKILL)
    wait_for(lambda: app.workers() not in ([], [old]), "new worker")
    before = (app.stdout + app.stderr).count("a debug line")
    app.get("/log")
    wait_for(lambda: (app.stdout + app.stderr).count("a debug line") > before, "debug line")


def test_a_log_that_nobody_reads_does_not_stop_the_app() -> None:
    bind, management = f"127.0.0.1:{free_port()}", f"127.0.0.1:{free_port()}"
    words = (sys.executable, "-m", "seatrial_runtime", "web", "sample:app", "--bind", bind)
    process = subprocess.Popen(
        [*words, "--management", management, "--app-dir", str(APPS), "--workers", "1"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    try:
        wait_for(lambda: get(management, "/ready")[0] == 200, "ready app")
        for _ in range(400):  # Their lines are more than a pipe holds.
            assert get(bind, "/" + "a" * 300)[0] == 200
        assert get(management, "/health", timeout_s=2)[0] == 200
        assert process.stdout is not None
        first = json.loads(process.stdout.readline())
        assert first["event"] == "request"
        process.stdout.close()  # And from now on it is gone.
        assert get(bind, "/")[0] == 200
        process.terminate()
        assert process.wait(30) == 0
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        process.communicate()
