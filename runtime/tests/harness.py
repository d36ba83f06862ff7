"""Runs the real command on free loopback ports and talks to it over real sockets."""

import contextlib
import http.client
import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from seatrial_runtime.settings.settings import Found, Settings, settle

APPS = Path(__file__).parent / "apps"
Answer = tuple[int, bytes]
PATIENCE_S = 60.0  # For what takes well under a second on an idle machine.


def web_settings(target: str = "a:b", **flags: str) -> Settings:
    """What `seatrial-run web` would settle on with these flags, and nothing in the environment."""
    return settle("web", target, (), {name: Found(text, "") for name, text in flags.items()})


def free_port() -> int:
    """A port for somebody who will listen in a moment: one that the kernel gives to nobody, neither
    to a connection nor to who asks for any port, and that no neighbour is likely to draw."""
    while True:
        port = secrets.randbelow(20_000) + 12_000
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


def wait_for(check: Callable[[], Any], what: str, timeout_s: float = PATIENCE_S) -> Any:
    """Poll until `check` returns something true; its connection errors count as not yet."""
    deadline = time.monotonic() + timeout_s
    while True:
        with contextlib.suppress(OSError, http.client.HTTPException):
            result = check()
            if result:
                return result
        assert time.monotonic() < deadline, f"no {what} within {timeout_s:g} s"
        time.sleep(0.02)


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, path: str, timeout_s: float) -> None:
        super().__init__("localhost", timeout=timeout_s)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


def get(
    address: str, path: str, timeout_s: float = PATIENCE_S, headers: dict[str, str] | None = None
) -> Answer:
    """One GET over a connection of its own; status and body."""
    connection: http.client.HTTPConnection
    if address.startswith("unix:"):
        connection = _UnixConnection(address.removeprefix("unix:"), timeout_s)
    else:
        connection = http.client.HTTPConnection(address, timeout=timeout_s)
    with contextlib.closing(connection):
        connection.request("GET", path, headers=headers or {})
        response = connection.getresponse()
        return response.status, response.read()


def written(file: Path) -> str:
    """The whole lines of a file that is being written: of the last one there may be a part."""
    whole, end, _ = file.read_bytes().rpartition(b"\n")
    return (whole + end).decode()


def ask_later(address: str, path: str, timeout_s: float = PATIENCE_S) -> Callable[[], Answer]:
    """Send one GET now; the result reads its answer. The request is with the kernel by then, so
    whoever takes connections from the socket will find it."""
    connection = http.client.HTTPConnection(address, timeout=timeout_s)
    connection.request("GET", path)

    def read() -> Answer:
        with contextlib.closing(connection):
            response = connection.getresponse()
            return response.status, response.read()

    return read


def quick(measure: Callable[[], object], times: int = 20) -> bool:
    """Whether it takes less than a tenth of a second, as a rule: the machine may be busy."""
    took_s = []
    for _ in range(times):
        before = time.monotonic()
        measure()
        took_s.append(time.monotonic() - before)
    return sorted(took_s)[times // 4] < 0.1


def exists(pid: int) -> bool:
    """Whether a process runs; a zombie that nobody has reaped yet does not."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state not in "ZX"


@dataclass
class Running:
    """One `seatrial-run web`, with its two addresses and what it wrote."""

    bind: str
    management: str
    process: subprocess.Popen[bytes]
    folder: Path
    seen: set[int] = field(default_factory=set)

    def get(self, path: str, **options: Any) -> Answer:
        return get(self.bind, path, **options)

    def healthy(self) -> None:
        assert self.ask("/health")[0] == 200

    def ask(self, path: str) -> tuple[int, dict[str, Any]]:
        status, body = get(self.management, path)
        return status, json.loads(body)

    def workers(self) -> list[int]:
        pids: list[int] = self.ask("/workers")[1]["pids"]
        self.seen.update(pids)
        return pids

    def in_flight(self) -> int:
        return sum(worker.get("in_flight", 0) for worker in self.ask("/workers")[1]["workers"])

    def wait_ready(self) -> None:
        wait_for(lambda: self.ask("/ready")[0] == 200, f"ready app: {self.stderr[-2000:]}")
        self.workers()

    def wait_exit(self, timeout_s: float = PATIENCE_S) -> int:
        return self.process.wait(timeout_s)

    def started(self) -> bool:
        return self.process.poll() is not None or '"start"' in self.stderr

    def signal(self, number: int) -> None:
        self.process.send_signal(number)

    @property
    def stdout(self) -> str:
        return written(self.folder / "stdout")

    @property
    def stderr(self) -> str:
        return written(self.folder / "stderr")

    def events(self, name: str) -> list[dict[str, Any]]:
        lines = [line for line in (self.stdout + self.stderr).splitlines() if line[:1] == "{"]
        return [event for event in map(json.loads, lines) if event["event"] == name]

    def end(self) -> None:
        """Leave nothing behind, however the test went."""
        if self.process.poll() is None:
            # Two signals of one kind may arrive as one, which would be a graceful stop.
            self.process.send_signal(signal.SIGTERM)
            self.process.send_signal(signal.SIGINT)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(5)
            self.process.kill()
        self.process.wait()
        for pid in self.seen:
            if exists(pid):
                os.kill(pid, signal.SIGKILL)


def refused(app: Running) -> bool:
    """Whether nobody listens any more."""
    try:
        app.get("/", timeout_s=0.1)
    except ConnectionRefusedError:
        return True
    return False


def command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "seatrial_runtime", *arguments]


def start(
    folder: Path,
    target: str,
    *options: str,
    app_dir: Path = APPS,
    env: dict[str, str] | None = None,
    bind: str | None = None,
    program: tuple[str, ...] = (),
    subcommand: str = "",
) -> Running:
    """Start the app, or `program`; when another process takes a free port first, on others."""
    kind = subcommand or ("command" if program else "web")
    for _ in range(5):
        where = bind or f"127.0.0.1:{free_port()}"
        management = f"127.0.0.1:{free_port()}"
        addresses: tuple[str, ...] = ("--management", management, "--app-dir", str(app_dir))
        if kind != "worker":
            addresses = ("--bind", where, *addresses)
        last = ("--", *program) if program else ()
        words = (kind, *(() if program else (target,)), *addresses, *options, *last)
        with (folder / "stdout").open("wb") as out, (folder / "stderr").open("wb") as err:
            process = subprocess.Popen(
                command(*words),
                stdout=out,
                stderr=err,
                cwd=folder,
                env={**os.environ, "SEATRIAL_WORKERS": "1", **(env or {})},
            )
        running = Running(where, management, process, folder)
        wait_for(running.started, "start")
        if "already in use" not in running.stderr:
            return running
        process.wait()
    raise AssertionError("no free port in five tries")
