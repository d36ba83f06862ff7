"""Are requests lost when the processes under a proxy are told to stop, again and again?

    python benchmarks/runtime/bench_restarts.py --out result.json [--restarts 200]

Envoy, as the local engine configures it, before two replicas of a Flask app under
seatrial-runtime. Clients send without pause: some on kept connections, some on a new one for each
request, some with answers that take 0.3 s, some with a body. Replicas get SIGTERM in turn; each
one's exit code is kept, its successor is waited for, and then the other has its turn.

The bare proxy test is the same load for a tenth of the time with no restart at all: what fails
there is the load's or the proxy's own doing. No failure in n requests proves no more than a rate
below 3/n (95 % confidence), which is in the result.
"""

from __future__ import annotations

import argparse
import contextlib
import datetime
import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
from servers import BOOT_S_MAX

from seatrial.engines import commands
from seatrial.engines.local import envoy, launch
from seatrial.engines.ports import free_ports
from seatrial.trials.machine import describe

HERE = Path(__file__).parent
KEPT, NEW, SLOW, BODIES = 4, 3, 2, 1
DRAIN_DELAY_S = 1.5  # Envoy asks every half second and believes the second answer.


class Replica(NamedTuple):
    """Where one serves, and its process."""

    port: int
    management: int
    process: subprocess.Popen[bytes]


class Load:
    """Clients on threads that count what came of each request."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.outcomes: Counter[str] = Counter()
        self._stop = threading.Event()
        kinds = [self._kept] * KEPT + [self._new] * NEW + [self._slow] * SLOW
        self._threads = [threading.Thread(target=kind) for kind in kinds + [self._body] * BODIES]

    def __enter__(self) -> Load:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def _connection(self) -> http.client.HTTPConnection:
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)

    def _one(self, connection: http.client.HTTPConnection, kind: str, *request: Any) -> bool:
        try:
            connection.request(*request)
            answer = connection.getresponse()
            answer.read()
        except (OSError, http.client.HTTPException) as error:
            self.outcomes[f"{kind} {type(error).__name__}"] += 1
            connection.close()
            return False
        self.outcomes[f"{kind} {answer.status}"] += 1
        return True

    def _kept(self) -> None:
        connection = self._connection()
        while not self._stop.is_set():
            if not self._one(connection, "kept", "GET", "/"):
                connection = self._connection()
        connection.close()

    def _new(self) -> None:
        while not self._stop.is_set():
            with contextlib.closing(self._connection()) as connection:
                self._one(connection, "new", "GET", "/")

    def _slow(self) -> None:
        while not self._stop.is_set():
            with contextlib.closing(self._connection()) as connection:
                self._one(connection, "slow", "GET", "/sleep/0.3")

    def _body(self) -> None:
        while not self._stop.is_set():
            with contextlib.closing(self._connection()) as connection:
                self._one(connection, "body", "POST", "/length", b"x" * 300_000)
            time.sleep(0.05)

    @property
    def failed(self) -> dict[str, int]:
        """Everything but status 200."""
        return {name: n for name, n in self.outcomes.items() if not name.endswith(" 200")}


def start(port: int, management: int, log: Path) -> Replica:
    """One replica; it is not waited for."""
    argv = [
        sys.executable, "-m", "seatrial_runtime", "web", "apps:flask_app", "--workers", "1",
        "--bind", f"127.0.0.1:{port}", "--management", f"127.0.0.1:{management}",
        "--drain-delay-s", str(DRAIN_DELAY_S), "--app-dir", str(HERE),
    ]  # fmt: skip
    with log.open("ab") as out:
        return Replica(port, management, subprocess.Popen(argv, cwd=HERE, stdout=out, stderr=out))


def wait_ready(replica: Replica) -> None:
    """Until the runtime says so."""
    end = time.monotonic() + BOOT_S_MAX
    while time.monotonic() < end:
        with contextlib.suppress(OSError, http.client.HTTPException):
            connection = http.client.HTTPConnection("127.0.0.1", replica.management, timeout=5)
            with contextlib.closing(connection):
                connection.request("GET", "/ready")
                if connection.getresponse().status == 200:
                    return
        time.sleep(0.02)
    sys.exit("a replica did not become ready")


@contextlib.contextmanager
def fleet(folder: Path) -> Iterator[tuple[int, list[Replica]]]:
    """Envoy and two replicas; all ended afterwards."""
    public, *ports = free_ports(5)
    log = folder / "replicas.log"
    replicas = [start(ports[i], ports[i + 1], log) for i in (0, 2)]
    discovered = folder / "discovery" / "replicas.json"
    discovered.parent.mkdir()
    hosts = tuple(envoy.Endpoint(port=r.port, management_port=r.management) for r in replicas)
    discovered.write_bytes(envoy.endpoints(hosts))
    config = folder / "envoy.json"
    config.write_bytes(
        envoy.bootstrap(
            port=public,
            admin=folder / "admin",
            endpoints_file=discovered,
            access_log=folder / "access.log",
            name="restarts",
        )
    )
    with (folder / "envoy.log").open("wb") as out:
        argv = list(commands.proxy(launch.proxy_binary(), config))
        proxy = subprocess.Popen(argv, stdout=out, stderr=out)
    try:
        for replica in replicas:
            wait_ready(replica)
        wait_balanced(folder / "admin", 2)
        yield public, replicas
    finally:
        for process in (proxy, *(r.process for r in replicas)):
            process.send_signal(signal.SIGTERM)
        for process in (proxy, *(r.process for r in replicas)):
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(40)
            process.kill()


def wait_balanced(admin: Path, count: int) -> None:
    """Until Envoy counts so many healthy replicas."""
    end = time.monotonic() + BOOT_S_MAX
    while time.monotonic() < end:
        with contextlib.suppress(OSError):
            if _healthy(admin) >= count:
                return
        time.sleep(0.05)
    sys.exit("the proxy does not find the replicas healthy")


def _healthy(admin: Path) -> int:
    connection = http.client.HTTPConnection("localhost", timeout=5)
    connection.sock = _unix_socket(admin)
    with contextlib.closing(connection):
        connection.request("GET", "/stats?filter=cluster.app.membership_healthy")
        text = connection.getresponse().read().decode()
    return int(text.rpartition(":")[2])


def _unix_socket(path: Path) -> socket.socket:
    one = socket.socket(socket.AF_UNIX)
    one.settimeout(5)
    one.connect(str(path))
    return one


def restart_all(count: int, folder: Path) -> dict[str, Any]:
    """The measurement, and the bare proxy test before it."""
    with fleet(folder) as (public, replicas):
        codes: Counter[int] = Counter()
        with Load(public) as bare:
            time.sleep(max(10.0, count * 0.3))
        began = time.monotonic()
        with Load(public) as load:
            for turn in range(count):
                old = replicas[turn % 2]
                old.process.send_signal(signal.SIGTERM)
                codes[old.process.wait(60)] += 1
                replicas[turn % 2] = start(old.port, old.management, folder / "replicas.log")
                wait_ready(replicas[turn % 2])
                wait_balanced(folder / "admin", 2)
                if turn % 10 == 9:
                    print(f"{turn + 1} restarts, failed: {load.failed or 'none'}", flush=True)
        elapsed_s = time.monotonic() - began
    requests = sum(load.outcomes.values())
    failed = sum(load.failed.values())
    return {
        "restarts": count,
        "exit_codes": {str(code): n for code, n in codes.items()},
        "requests": requests,
        "failed": failed,
        "failures": load.failed,
        "failure_rate_below_95_percent": round(3 / requests, 8) if not failed else None,
        "elapsed_s": round(elapsed_s, 1),
        "outcomes": dict(load.outcomes),
        "bare_proxy": {"requests": sum(bare.outcomes.values()), "failures": bare.failed},
    }


def main() -> None:
    """Measure and write the result; exit 1 when more failed than in the bare proxy test."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--restarts", type=int, default=200)
    args = parser.parse_args()
    os.environ.setdefault("PYTHONDONTWRITEBYTECODE", "1")
    with tempfile.TemporaryDirectory() as folder:
        result = restart_all(args.restarts, Path(folder))
    result = {
        "date": datetime.date.today().isoformat(),
        "machine": msgspec.to_builtins(describe()),
        **result,
    }
    args.out.write_text(json.dumps(result, indent=1) + "\n")
    print(json.dumps(result, indent=1))
    sys.exit(result["failed"] > sum(result["bare_proxy"]["failures"].values()))


main()
