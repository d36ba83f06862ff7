"""Running commands: bounds, records, errors; and waiting for nothing that is not there."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import sys
import threading
import time
from pathlib import Path

import psutil
import pytest

from seatrial.engines import commands, processes, runner
from seatrial.engines.ports import free_ports
from seatrial.kernel.errors import PortInUseError, StorageError, ToolError, TransientError


def run(tmp_path: Path, code: str, timeout_s: float = 30, **env: str) -> runner.Completed:
    return runner.run(
        (sys.executable, "-c", code),
        cwd=tmp_path,
        env=env,
        timeout_s=timeout_s,
        log=tmp_path / "run.log",
        steps=tmp_path / "steps.jsonl",
    )


def test_a_command_is_run_and_recorded_without_its_environment(tmp_path: Path) -> None:
    done = run(tmp_path, "import os; print('hello', len(os.environ['TOKEN']))", TOKEN="hush-hush")
    assert "hello 9" in done.output
    (line,) = (tmp_path / "steps.jsonl").read_text().splitlines()
    step = json.loads(line)
    assert step["argv"][0] == sys.executable and step["exit"] == 0 and step["duration_s"] >= 0
    assert "hush-hush" not in line
    assert (tmp_path / "run.log").stat().st_mode & 0o077 == 0


def test_a_failure_shows_the_end_of_the_output_without_credentials(tmp_path: Path) -> None:
    code = "print('x\\n' * 5000); print('get https://me:pw123@host/simple'); raise SystemExit(3)"
    with pytest.raises(ToolError) as caught:
        run(tmp_path, code)
    text = str(caught.value)
    assert "exit code 3" in text and "://***@host/simple" in text
    assert "pw123" not in text.partition("exit code 3")[2]
    assert len(text) < 6000


@pytest.mark.parametrize(
    ("code", "timeout_s", "told"),
    [
        ("import time; time.sleep(600)", 0.3, "did not end within"),
        ("while True: print('x' * 100000)", 60, "printed more than"),
    ],
)
def test_a_command_is_bounded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: str, timeout_s: float, told: str
) -> None:
    monkeypatch.setattr(runner, "_MAX_OUTPUT_BYTES", 1 << 20)
    with pytest.raises(ToolError, match=told):
        run(tmp_path, code, timeout_s)


def test_what_a_command_leaves_behind_is_ended(tmp_path: Path) -> None:
    code = (
        "import subprocess, sys\n"
        "print(subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)']).pid)\n"
    )
    pid = int(run(tmp_path, code).output)
    identity = processes.identify(pid)
    deadline = time.monotonic() + 10
    while processes.alive(identity):
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_a_missing_program_and_a_missing_folder(tmp_path: Path) -> None:
    args = {"env": {}, "timeout_s": 5.0, "log": tmp_path / "l", "steps": tmp_path / "s"}
    with pytest.raises(ToolError, match="no-such-program") as caught:
        runner.run(("no-such-program",), cwd=tmp_path, **args)
    assert caught.value.fix
    with pytest.raises(StorageError, match="missing"):
        runner.run((sys.executable, "-V"), cwd=tmp_path / "missing", **args)


def test_a_spawned_process_outlives_its_session_and_reports_its_exit(tmp_path: Path) -> None:
    code = "import os, sys; print(os.getsid(0) == os.getpid(), sys.stdin.read()); sys.exit(5)"
    log = tmp_path / "log"
    identity = runner.spawn(
        (sys.executable, "-c", code),
        cwd=tmp_path,
        env={},
        log=log,
        steps=tmp_path / "steps",
        stdin=b"from the pipe",
    )
    deadline = time.monotonic() + 30
    while runner.exit_code(identity) is None:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    assert runner.exit_code(identity) == 5
    assert log.read_text() == "True from the pipe\n"
    assert not processes.alive(identity)
    runner.forget(identity)


def test_processes_end_when_asked_or_are_killed(tmp_path: Path) -> None:
    polite = "import time; print(1, flush=True); time.sleep(600)"
    rude = "import signal; signal.signal(15, signal.SIG_IGN); " + polite
    started = [
        runner.spawn(
            (sys.executable, "-c", code),
            cwd=tmp_path, env={}, log=tmp_path / name, steps=tmp_path / "steps",
        )
        for name, code in (("polite", polite), ("rude", rude))
    ]  # fmt: skip
    deadline = time.monotonic() + 30
    while not all((tmp_path / name).read_bytes() for name in ("polite", "rude")):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    assert processes.terminate(started, 1.0) == (started[1],)
    assert [runner.exit_code(item) for item in started] == [-signal.SIGTERM, -signal.SIGKILL]
    runner.reap()
    assert not any(psutil.pid_exists(item.pid) for item in started)


def test_ports() -> None:
    first, second, third = free_ports(3)
    assert len({first, second, third}) == 3
    runner.require_free(first)
    for address in ("127.0.0.1", "0.0.0.0"):
        with socket.create_server((address, first)):
            assert not runner.is_free(first)
            with pytest.raises(PortInUseError, match=f"process {os.getpid()}"):
                runner.require_free(first)
    assert runner.is_free(first)


def test_http_says_what_is_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    (port,) = free_ports(1)
    with pytest.raises(TransientError, match="refused"):
        runner.http_get(f"http://127.0.0.1:{port}/", 1.0)
    url = f"http://127.0.0.1:{port}/"
    with (
        socket.create_server(("127.0.0.1", port)),
        pytest.raises(TransientError, match="timed out"),
    ):
        runner.http_get(url, 0.1)
    with pytest.raises(TransientError):
        _ask_something_that_answers(b"SSH-2.0-x\r\n")
    reply = b"HTTP/1.0 200 OK\r\n\r\n" + b"x" * (2 << 20)
    status, body = _ask_something_that_answers(reply)
    assert (status, len(body)) == (200, 1 << 20)


def _ask_something_that_answers(data: bytes) -> tuple[int, bytes]:
    def answer() -> None:
        client, _ = server.accept()
        with client, contextlib.suppress(OSError):
            client.recv(65536)
            client.sendall(data)

    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=answer)
        thread.start()
        try:
            return runner.http_get(f"http://127.0.0.1:{server.getsockname()[1]}/", 10.0)
        finally:
            thread.join()


def test_children_get_a_minimal_environment() -> None:
    environ = {
        "PATH": "/bin", "HOME": "/h", "LC_ALL": "C", "AWS_SECRET_ACCESS_KEY": "x",
        "PYTHONPATH": "/p", "LD_PRELOAD": "/l", commands.MARK_DEPLOYMENT: "outer",
    }  # fmt: skip
    assert set(commands.minimal_env(environ)) == {"PATH", "HOME", "LC_ALL"}
    env = commands.environment_env(environ, Path("/venv/bin/python"))
    assert env["PATH"] == "/venv/bin:/bin" and env["VIRTUAL_ENV"] == "/venv"
