"""Starts a server in a session of its own, and reads what its processes have used."""

from __future__ import annotations

import contextlib
import http.client
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from seatrial.engines.ports import free_ports

HERE = Path(__file__).parent
BOOT_S_MAX = 60.0
_QUIET_S, _QUIET_SHARE = 0.5, 0.05
_TICK_S = 1 / os.sysconf("SC_CLK_TCK")


class Server(NamedTuple):
    """One that answers; `boot_s` from the start of the process to its first answer."""

    port: int
    management: int
    process: subprocess.Popen[bytes]
    boot_s: float

    def pids(self) -> list[int]:
        """All processes of its session, and those they put into sessions of their own."""
        parents: dict[int, int] = {}
        for entry in Path("/proc").iterdir():
            if entry.name.isdecimal():
                with contextlib.suppress(OSError):
                    fields = (entry / "stat").read_text().rpartition(")")[2].split()
                    parents[int(entry.name)] = int(fields[1])
        found = [self.process.pid]
        for pid in found:
            found += [child for child, parent in parents.items() if parent == pid]
        return found

    def cpu_s(self) -> float:
        """Processor time of all its processes so far."""
        ticks = 0
        for pid in self.pids():
            with contextlib.suppress(OSError):
                fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
                ticks += int(fields[11]) + int(fields[12])
        return ticks * _TICK_S


def command(kind: str, port: int, management: int, workers: int) -> list[str]:
    """`flask-` or `fastapi-` and `bare`, `logging` (bare, with its access log), `seatrial`; or
    `flask-granian`."""
    python = [sys.executable, "-m"]
    app = f"apps:{kind.partition('-')[0]}_app"
    shape = ["--workers", str(workers)]
    if kind.endswith("seatrial"):
        # Limits are on, and so wide that none is ever met.
        return [
            *python, "seatrial_runtime", "web", app, "--bind", f"127.0.0.1:{port}",
            "--management", f"127.0.0.1:{management}", *shape, "--threads", "8",
            "--rate-limit", "99999999/min", "--app-dir", str(HERE),
        ]  # fmt: skip
    logs = kind.endswith("-logging")
    if kind in ("flask-bare", "flask-logging"):
        return [
            *python, "gunicorn", "--worker-class", "gthread", "--threads", "8", *shape,
            "--keep-alive", "75", "--no-control-socket", "--log-level", "warning",
            *(["--access-logfile", "-"] if logs else []), "--bind", f"127.0.0.1:{port}", app,
        ]  # fmt: skip
    if kind == "flask-granian":
        return [
            *python, "granian", "--interface", "wsgi", "--host", "127.0.0.1", "--port", str(port),
            *shape, "--blocking-threads", "8", "--http", "1", "--no-ws", "--no-access-log",
            "--log-level", "warning", app,
        ]  # fmt: skip
    return [
        *python, "uvicorn", "--host", "127.0.0.1", "--port", str(port), *shape,
        *([] if logs else ["--no-access-log", "--log-level", "warning"]), app,
    ]  # fmt: skip


@contextlib.contextmanager
def serving(kind: str, log: Path, workers: int = 2) -> Iterator[Server]:
    """One server, answering; ended afterwards."""
    port, management = free_ports(2)
    began = time.perf_counter()
    with log.open("ab") as out:
        process = subprocess.Popen(
            command(kind, port, management, workers), cwd=HERE, stdout=out, stderr=out,
            start_new_session=True,
        )  # fmt: skip
    try:
        boot_s = _wait(port, process, began, log)
        server = Server(port, management, process, boot_s)
        _settle(server)
        yield server
    finally:
        process.send_signal(signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(20)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _wait(port: int, process: subprocess.Popen[bytes], began: float, log: Path) -> float:
    while time.perf_counter() - began < BOOT_S_MAX:
        with contextlib.suppress(OSError, http.client.HTTPException):
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
            with contextlib.closing(connection):
                connection.request("GET", "/")
                if connection.getresponse().status == 200:
                    return time.perf_counter() - began
        if process.poll() is not None:
            break
        time.sleep(0.002)
    sys.exit(f"the server did not start: {log.read_text()[-2000:]}")


def _settle(server: Server) -> None:
    """Wait until it is idle: one worker answers while others still import the app."""
    end = time.perf_counter() + BOOT_S_MAX
    while time.perf_counter() < end:
        before_s = server.cpu_s()
        time.sleep(_QUIET_S)
        if server.cpu_s() - before_s <= _QUIET_SHARE * _QUIET_S:
            return
    sys.exit("the server does not come to rest")
