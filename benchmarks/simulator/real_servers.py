"""Starts the measured servers behind the proxy, each on its processors, and ends them all."""

from __future__ import annotations

import contextlib
import ctypes
import http.client
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from real_app import PR_SET_PDEATHSIG
from real_cells import Cell

from seatrial.engines import commands
from seatrial.engines.local import envoy, launch
from seatrial.engines.ports import free_ports

HERE = Path(__file__).parent
BOOT_S_MAX = 30.0
SERVED = "served"

# The last processor carries all replicas, the others the generator and the proxy.
USABLE = sorted(os.sched_getaffinity(0))


class Running(NamedTuple):
    """A fleet that answers at `url`."""

    url: str
    servers: tuple[int, ...]
    proxy: int
    served: Path


def settle_down() -> None:
    """Keep this process, the generator, off the servers' processor."""
    if len(USABLE) < 2:
        sys.exit("two processors are needed: one for the servers, one for all else")
    os.sched_setaffinity(0, USABLE[:-1])


def command(cell: Cell, port: int) -> list[str]:
    """How one replica is started."""
    shape = ["--workers", str(cell.workers)]
    if cell.server == "granian":
        return [
            sys.executable, "-m", "granian", "--interface", "wsgi", "--host", "127.0.0.1",
            "--port", str(port), *shape, "--blocking-threads", str(cell.slots), "--http", "1",
            "--no-ws", "--log-level", "warning", "real_app:application",
        ]  # fmt: skip
    threads = ["--threads", str(cell.slots)] if cell.server == "gthread" else []
    # An idle connection outlives the proxy's 1 s, as the runtime has it.
    return [
        sys.executable, "-m", "gunicorn", "--worker-class", cell.server, *shape, *threads,
        "--keep-alive", "5", "--no-control-socket", "--log-level", "warning",
        "--bind", f"127.0.0.1:{port}", "real_app:application",
    ]  # fmt: skip


@contextlib.contextmanager
def running(cell: Cell, folder: Path) -> Iterator[Running]:
    """The fleet of a cell, up and answering; gone afterwards, whatever happens."""
    ports = free_ports(cell.replicas + 1)
    started: list[subprocess.Popen[bytes]] = []
    try:
        for port in ports[1:]:
            started.append(_start(command(cell, port), folder / "servers.log", USABLE[-1:]))
        for port, process in zip(ports[1:], started, strict=True):
            _wait(port, process, folder / "servers.log")
        _write_proxy(folder, ports)
        argv = list(commands.proxy(launch.proxy_binary(), folder / "envoy.json"))
        started.append(_start(argv, folder / "proxy.log", USABLE[:-1]))
        _wait(ports[0], started[-1], folder / "proxy.log")
        servers = tuple(process.pid for process in started[:-1])
        served = folder / SERVED
        yield Running(f"http://127.0.0.1:{ports[0]}", servers, started[-1].pid, served)
    finally:
        _end(started)


def _write_proxy(folder: Path, ports: tuple[int, ...]) -> None:
    """The local engine's own configuration, without probes: they would ask the measured slots."""
    points = folder / "endpoints"
    points.mkdir(exist_ok=True)
    hosts = tuple(envoy.Endpoint(port=port, management_port=port) for port in ports[1:])
    (points / "replicas.json").write_bytes(envoy.endpoints(hosts))
    written = json.loads(
        envoy.bootstrap(
            port=ports[0], admin=folder / "admin", endpoints_file=points / "replicas.json",
            access_log=folder / "access.log", name="bench",
        )
    )  # fmt: skip
    for cluster in written["static_resources"]["clusters"]:
        cluster.pop("health_checks")
    (folder / "envoy.json").write_text(json.dumps(written), encoding="utf-8")


def _start(argv: list[str], log: Path, own: list[int]) -> subprocess.Popen[bytes]:
    """A group of its own, to be ended together, but no session: those share processors apart.

    Linux gives each session an equal part first (sched(7), autogroups), each process then; a
    replica with fewer processes would be the faster one.
    """
    libc = ctypes.CDLL(None)

    def settle_in() -> None:
        libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        os.sched_setaffinity(0, own)

    env = {
        **os.environ, "PYTHONPATH": str(HERE), "PYTHONDONTWRITEBYTECODE": "1",
        "SERVED_FILE": str(log.with_name(SERVED)),
    }  # fmt: skip
    with log.open("ab") as file:
        return subprocess.Popen(
            argv, cwd=log.parent, env=env, stdin=subprocess.DEVNULL, stdout=file, stderr=file,
            process_group=0, preexec_fn=settle_in,
        )  # fmt: skip


def _wait(port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    """Until the port answers well."""
    until = time.monotonic() + BOOT_S_MAX
    while time.monotonic() < until and process.poll() is None:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=2)
        try:
            connection.request("GET", "/serve/0/0/0")
            if connection.getresponse().status == 200:
                return
        except (OSError, http.client.HTTPException):
            pass
        finally:
            connection.close()
        time.sleep(0.05)
    raise RuntimeError(f"{process.args} does not answer: {log.read_text(errors='replace')[-800:]}")


def _end(started: list[subprocess.Popen[bytes]]) -> None:
    """All process groups at once; workers go with their masters."""
    for process in started:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
    for process in started:
        process.wait()
