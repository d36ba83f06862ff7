import os
import signal
import sys
from pathlib import Path

from conftest import Start
from harness import APPS, Running, command, exists, wait_for
from test_refusals import refuse

PROGRAM = str(APPS / "program.py")


def begin(run: Start, *options: str, how: str = "") -> Running:
    return run("", *options, program=(sys.executable, PROGRAM, "{port}", how))


def test_a_program_is_told_its_port_and_its_answer_makes_it_ready(
    run: Start, tmp_path: Path
) -> None:
    app = begin(run, "--port-env", "PORT,OTHER", "--cwd", str(tmp_path))
    app.wait_ready()
    port = app.bind.partition(":")[2]
    assert app.get("/") == (200, f"{port} {port} {port}".encode())
    assert app.get("/path")[1].decode().split(os.pathsep)[0] == f"{APPS} {APPS}"
    assert app.ask("/ready")[1]["workers"] == {"wanted": 1, "alive": 1}
    assert app.ask("/startup")[0] == 200
    app.process.terminate()
    assert app.wait_exit() == 0
    assert not any(map(exists, app.seen))


def test_a_program_that_dies_is_started_again(run: Start) -> None:
    app = begin(run)
    app.wait_ready()
    [old] = app.workers()
    os.kill(old, signal.SIGKILL)
    wait_for(lambda: app.ask("/workers")[1]["pids"] not in ([old], []), "new program")
    wait_for(lambda: app.ask("/ready")[0] == 200, "answer of the new program")
    assert app.get("/")[0] == 200
    assert "SIGKILL" in app.events("worker_lost")[0]["message"]


def test_a_program_that_ends_at_once_is_no_crash_loop(run: Start) -> None:
    app = begin(run, how="exit")
    assert app.wait_exit() == 1
    assert "the program ended: exit code 1" in app.events("failed")[0]["message"]
    assert "no licence" in app.stderr


def test_a_program_that_never_listens(run: Start) -> None:
    app = begin(run, how="mute")
    wait_for(lambda: "GET /: Connection" in app.ask("/startup")[1]["reason"], "reason")
    late = begin(run, "--start-timeout-s", "1", how="mute")
    assert late.wait_exit() == 1
    assert "not ready within 1 s" in late.events("failed")[0]["message"]


def test_a_program_that_ignores_sigterm_is_killed(run: Start) -> None:
    app = begin(run, "--graceful-timeout-s", "1", how="deaf")
    app.wait_ready()
    app.process.terminate()
    assert app.wait_exit() == 0
    assert app.events("killed")
    assert not any(map(exists, app.seen))


def test_what_a_program_leaves_in_another_session_ends_with_it(run: Start) -> None:
    app = begin(run, how="detached")
    app.wait_ready()
    pid = app.process.pid
    left = wait_for(lambda: children(pid) - set(app.workers()), "adopted process")
    app.process.terminate()
    assert app.wait_exit() == 0
    assert not any(map(exists, left))


def children(pid: int) -> set[int]:
    text = Path(f"/proc/{pid}/task/{pid}/children").read_text()
    return {int(word) for word in text.split()}


def test_a_killed_supervisor_takes_the_program_along(run: Start) -> None:
    app = begin(run)
    app.wait_ready()
    app.process.kill()
    app.process.wait()
    wait_for(lambda: not any(map(exists, app.seen)), "end of the program")


def test_a_program_that_is_not_there(run: Start) -> None:
    app = run("", program=("no-such-program",))
    assert app.wait_exit() == 2
    [failed] = app.events("failed")
    assert "cannot start no-such-program" in failed["message"]
    assert "installed" in failed["hint"]


def test_refusals() -> None:
    assert "no program is given" in refuse("command")
    assert "listens on HOST:PORT" in refuse("command", "--bind", "unix:x", "--", "true")
    assert "list of variable names" in refuse("command", "--port-env", "1x", "--", "true")
    assert command("command")
