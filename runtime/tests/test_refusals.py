import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from conftest import Start
from harness import APPS, command, web_settings
from seatrial_runtime.settings.settings import SettingsError


def refuse(*arguments: str, env: dict[str, str] | None = None) -> str:
    """Run the command, which must exit with 2 without starting; what it said."""
    done = subprocess.run(
        command(*arguments),
        capture_output=True,
        text=True,
        timeout=60,
        env={**os.environ, **(env or {})},
    )
    assert (done.returncode, done.stdout) == (2, "")
    return done.stderr


@pytest.mark.parametrize(
    ("option", "value", "words"),
    [
        ("--workers", "0", "'0' is neither auto nor a whole number from 1 to 512"),
        ("--workers", "٣", "a whole number from 1"),
        ("--threads", "many", "'many' is not a whole number"),
        ("--graceful-timeout-s", "0.5", "'0.5' is not a whole number"),
        ("--start-timeout-s", "nan", "'nan' is not a number of seconds"),
        ("--drain-delay-s", "9999", "is not a number of seconds from 0 to 3600"),
        ("--bind", "8000", "is neither HOST:PORT nor unix:PATH"),
        ("--bind", "127.0.0.1:0", "needs a port from 1 to 65535"),
        ("--bind", "::1:8000", "needs brackets"),
        ("--management", "unix:", "has no path"),
        ("--management", "127.0.0.1:8000", "are both 127.0.0.1:8000"),
        ("--ready-path", "up", "start it with '/'"),
        ("--app-dir", "/no/such/folder", "is not a directory"),
    ],
)
def test_a_bad_value_names_the_option(option: str, value: str, words: str) -> None:
    with pytest.raises(SettingsError) as refused:
        web_settings(**{option[2:].replace("-", "_"): value})
    assert str(refused.value).startswith(option) or "are both" in words
    assert words in str(refused.value)


def test_a_bad_flag_exits_2() -> None:
    said = refuse("web", "sample:app", "--threads", "none")
    assert said.startswith("seatrial-run: --threads: 'none' is not a whole number")


def test_a_bad_variable_names_the_variable() -> None:
    said = refuse("web", "sample:app", env={"SEATRIAL_WORKERS": "-1"})
    assert "SEATRIAL_WORKERS: '-1' is neither auto nor a whole number" in said
    assert "--workers auto" in said


def test_a_bad_target() -> None:
    assert "'sample' is not MODULE:ATTR" in refuse("web", "sample")
    assert "there is no script 'absent.py'" in refuse("streamlit", "absent.py")
    assert "there is no script 'absent.py'" in refuse("gradio", "absent.py:demo")
    assert "-- celery -A app worker" in refuse("worker")


def test_sessions_cannot_be_shared() -> None:
    script = str(APPS / "sample.py")
    said = refuse("streamlit", script, "--workers", "2")
    assert "--workers: '2' workers cannot share the sessions of a streamlit app" in said


def test_an_option_of_another_command() -> None:
    assert "unrecognized arguments: --threads" in refuse("streamlit", "app.py", "--threads", "2")


def test_a_bad_file_is_told_before_anything_starts(tmp_path: Path) -> None:
    (tmp_path / "seatrial.toml").write_text("[runtime.production]\ndrain_delays = 1\n")
    said = refuse("web", "sample:app", "--app-dir", str(tmp_path))
    assert "seatrial.toml:2: [runtime.production] drain_delays is unknown" in said
    assert "did you mean drain_delay_s?" in said


def test_a_taken_port_names_its_user() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        said = refuse("web", "sample:app", "--bind", f"127.0.0.1:{port}")
    assert f"--bind 127.0.0.1:{port} is already in use" in said
    if sys.platform == "linux":
        assert f"by process {os.getpid()}" in said


@pytest.mark.parametrize(
    ("target", "error", "hint"),
    [
        ("absent:app", "ModuleNotFoundError: No module named 'absent'", "--app-dir"),
        ("needs:app", "a_package_that_is_not_installed", "install it"),
        ("raises:app", "RuntimeError: DATABASE_URL is not set", "its traceback says where"),
        ("leaves:app", "SystemExit: 0", "its traceback says where"),
    ],
)
def test_an_app_that_does_not_import(run: Start, target: str, error: str, hint: str) -> None:
    app = run(target, "--workers", "2", app_dir=APPS / "broken")
    assert app.wait_exit() == 2
    [failed] = app.events("failed")
    assert error in failed["message"]
    assert hint in failed["hint"]
    assert error in failed["traceback"]
    if target == "raises:app":
        assert 'raises.py", line 5' in failed["traceback"]


@pytest.mark.parametrize("target", ["sample:absent", "sample:not_callable"])
def test_an_attribute_that_is_not_an_app(run: Start, target: str) -> None:
    app = run(target)
    assert app.wait_exit() == 2
    assert "--factory" in app.events("failed")[0]["hint"]
