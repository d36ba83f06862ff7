"""The checks over real sockets: a real Valkey, and servers that answer wrongly, late or never."""

import contextlib
import socket
import ssl
import threading
import time
import urllib.parse
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness import free_port
from redis_server import redis_server
from seatrial_runtime.checks.checks import Checks, Result
from seatrial_runtime.checks.service import CheckError, service_of, without_secrets
from seatrial_runtime.settings.settings import Found, settle

PASSWORD = "hunter2#and/more"
QUOTED = "hunter2%23and%2Fmore"


def checks_of(checks: str = "auto", timeout_s: float = 5, **environ: str) -> Checks:
    found = {"checks": Found(checks, ""), "check_timeout_s": Found(f"{timeout_s:g}", "")}
    return Checks(settle("web", "app:app", (), found), environ)


def asked(url: str, timeout_s: float = 5) -> Result:
    result = checks_of(f"one={url}", timeout_s).ask()["one"]
    assert PASSWORD not in result.reason
    assert QUOTED not in result.reason
    return result


@contextlib.contextmanager
def answering(
    talk: Callable[[socket.socket], None], tls: ssl.SSLContext | None = None
) -> Iterator[int]:
    """A server that talks so to each caller, until the end of the block; its port."""
    listener = socket.create_server(("127.0.0.1", 0))
    open_ones: list[socket.socket] = []

    def serve() -> None:
        with contextlib.suppress(OSError):
            while True:
                peer, _ = listener.accept()
                open_ones.append(peer)
                with contextlib.suppress(OSError):
                    if tls is not None:
                        peer = tls.wrap_socket(peer, server_side=True)
                        open_ones.append(peer)
                    talk(peer)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield listener.getsockname()[1]
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        for peer in open_ones:
            peer.close()
        thread.join(5)


def says(data: bytes, read: int = 0) -> Callable[[socket.socket], None]:
    """Says the same to everybody, after `read` bytes of theirs."""

    def talk(peer: socket.socket) -> None:
        if read:
            peer.recv(read)
        peer.sendall(data)

    return talk


def is_silent(peer: socket.socket) -> None:
    """Takes the call and never answers."""


# -- Redis


@pytest.fixture(scope="module")
def valkey() -> Iterator[Any]:
    with redis_server() as server:
        with socket.create_connection((server.host, server.port), 5) as caller:
            words = ["CONFIG", "SET", "requirepass", PASSWORD]
            parts = [f"${len(word)}\r\n{word}\r\n" for word in words]
            caller.sendall(f"*{len(parts)}\r\n{''.join(parts)}".encode())
            assert caller.recv(100) == b"+OK\r\n"
        yield server


def test_a_valkey_that_is_there(valkey: Any) -> None:
    where = f"{valkey.host}:{valkey.port}"
    for url in (
        f"redis://:{QUOTED}@{where}/0",
        f"redis://default:{QUOTED}@{where}",
        f"valkey://:{QUOTED}@{where}/3",
    ):
        assert asked(url).ok, asked(url)
    assert "NOAUTH" in asked(f"redis://{where}/0").reason
    assert "WRONGPASS" in asked(f"redis://:wrong@{where}/0").reason
    assert "out of range" in asked(f"redis://:{QUOTED}@{where}/99").reason


def test_a_valkey_that_stopped() -> None:
    with redis_server() as server:
        url = f"redis://{server.host}:{server.port}/0"
        checks = checks_of(REDIS_URL=url)
        assert checks.ask()["cache"].ok
    result = checks.ask()["cache"]
    assert not result.ok
    assert "refused" in result.reason.lower()


def test_a_valkey_behind_a_path(tmp_path: Path) -> None:
    path = tmp_path / "s"
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(path))
    listener.listen()

    def serve() -> None:
        peer, _ = listener.accept()
        with peer:
            peer.recv(100)
            peer.sendall(b"+PONG\r\n")

    threading.Thread(target=serve, daemon=True).start()
    with listener:
        assert asked(f"unix://{path}?db=0").ok
    assert not asked(f"unix://{tmp_path}/absent").ok


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (b"-LOADING Valkey is loading the dataset in memory\r\n", "LOADING"),
        (b"HTTP/1.1 400 Bad Request\r\n", "does not speak the protocol of Redis"),
        (b"x" * 20_000, "not of this protocol"),
        (b"", "no answer within"),
    ],
)
def test_what_is_no_ready_redis(answer: bytes, words: str) -> None:
    with answering(says(answer) if answer else is_silent) as port:
        result = asked(f"redis://127.0.0.1:{port}", 0.3 if not answer else 5)
    assert not result.ok
    assert words in result.reason


def test_tls_is_verified_unless_the_url_says_otherwise(tmp_path: Path) -> None:
    trustme: Any = pytest.importorskip("trustme")
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    with answering(says(b"+PONG\r\n", 100), context) as port:
        unknown = asked(f"rediss://127.0.0.1:{port}")
        assert not unknown.ok
        assert "certificate verify failed" in unknown.reason.lower()
        assert asked(f"rediss://127.0.0.1:{port}?ssl_cert_reqs=none").ok
        assert asked(f"rediss://127.0.0.1:{port}?ssl_ca_certs={tmp_path}/ca.pem").ok


# -- AMQP, MySQL, HTTP, TCP


def test_amqp() -> None:
    start = b"\x01\x00\x00\x00\x00\x00\x20\x00\x0a\x00\x0a\x00\x09"
    with answering(says(start, 8)) as port:
        assert asked(f"amqp://guest:{QUOTED}@127.0.0.1:{port}//").reason == "handshake only"
        assert asked(f"pyamqp://127.0.0.1:{port}").ok
    with answering(says(b"AMQP\x00\x01\x00\x00", 8)) as port:
        assert "it speaks AMQP" in asked(f"amqp://127.0.0.1:{port}").reason
    with answering(says(b"HTTP/1.1 400 Bad Request\r\n\r\n", 8)) as port:
        assert not asked(f"amqp://127.0.0.1:{port}").ok


def test_mysql() -> None:
    greeting = b"\x0a8.4.0\x00" + bytes(40)
    with answering(says(len(greeting).to_bytes(3, "little") + b"\0" + greeting)) as port:
        url = f"mysql+pymysql://u:{QUOTED}@127.0.0.1:{port}/db"
        assert asked(url).reason == "handshake only"
    error = b"\xff\x10\x04Too many connections"
    with answering(says(len(error).to_bytes(3, "little") + b"\0" + error)) as port:
        assert asked(f"mariadb://127.0.0.1:{port}/db").reason == "Too many connections"
    with answering(says(b"SSH-2.0-OpenSSH_9.9\r\n" + bytes(1 << 17))) as port:
        assert not asked(f"mysql://127.0.0.1:{port}/db", 1).ok


@pytest.mark.parametrize(("status", "ok"), [(200, True), (302, True), (404, True), (503, False)])
def test_http(status: int, ok: bool) -> None:
    seen: list[bytes] = []

    def talk(peer: socket.socket) -> None:
        seen.append(peer.recv(9000))
        peer.sendall(b"HTTP/1.1 %d X\r\nContent-Length: 0\r\n\r\n" % status)
        peer.close()

    with answering(talk) as port:
        result = asked(f"http://u:{QUOTED}@127.0.0.1:{port}/health?a=b")
    assert result.ok == ok
    assert seen[0].startswith(b"GET /health?a=b HTTP/1.1\r\n")
    assert b"Authorization: Basic " in seen[0]
    assert result.reason == ("" if ok else "it answers 503")


def test_tcp() -> None:
    with answering(is_silent) as port:
        assert asked(f"tcp://127.0.0.1:{port}").ok
    assert not asked(f"tcp://127.0.0.1:{free_port()}").ok
    assert asked("tcp://127.0.0.1").reason == "its URL names no port"


# -- all at once


def test_auto_finds_what_the_app_names() -> None:
    with answering(says(b"+PONG\r\n")) as port:
        here = f"redis://127.0.0.1:{port}/0"
        found = checks_of(
            DATABASE_URL="", POSTGRES_URL="sqlite://", CACHE_URL=here, BROKER_URL="sqs://id:key@"
        ).ask()
        assert {name: one.ok for name, one in found.items()} == {
            "database": True,
            "cache": True,
            "broker": True,
        }
        assert found["broker"].reason == "not asked: there is no check for sqs"
        # A broker that is the cache is asked once.
        assert set(checks_of(REDIS_URL=here, CELERY_BROKER_URL=here).ask()) == {"cache"}
    assert checks_of("none", REDIS_URL="redis://x").ask() == {}
    assert checks_of().ask() == {}


def test_a_variable_keeps_the_password_off_the_command_line() -> None:
    checks = checks_of("db=DB,gone=GONE", DB="sqlite://")
    found = checks.ask()
    assert found["db"].ok
    assert found["gone"].reason == "its variable is not set"


def test_none_is_longer_than_its_time_out_and_none_waits_for_another(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A hung name look-up cannot be ended, and holds up nobody, nor does it pile up threads."""
    hold = threading.Event()

    def hang(*_: object, **__: object) -> None:
        hold.wait(60)
        raise OSError("over")

    real = socket.getaddrinfo
    monkeypatch.setattr(
        socket,
        "getaddrinfo",
        lambda host, *a, **b: hang() if host == "hangs" else real(host, *a, **b),
    )
    with answering(is_silent) as silent, answering(says(b"+PONG\r\n")) as good:
        checks = checks_of(
            f"a=redis://127.0.0.1:{silent},b=tcp://hangs:1,c=http://127.0.0.1:{silent},"
            f"d=postgresql://u:p@127.0.0.1:{silent}/d,e=redis://127.0.0.1:{good}",
            timeout_s=0.3,
        )
        results = []
        for _ in range(3):
            began_s = time.monotonic()
            found = checks.ask()
            results.append((time.monotonic() - began_s, found))
        hanging = [one for one in threading.enumerate() if one.name == "seatrial-check"]
    hold.set()
    # One after the other would take 1.2 s, in the best of three rounds.
    assert min(took_s for took_s, _ in results) < 1
    for _, found in results:
        assert {name for name, one in found.items() if one.ok} <= {"e"}
        assert "no answer within 0.3 s" in found["b"].reason
    assert any(found["e"].ok for _, found in results)
    assert len(hanging) <= 4


def test_a_slow_answer_counts_when_it_is_in_time() -> None:
    go_on = threading.Event()

    def talk(peer: socket.socket) -> None:
        go_on.wait(10)
        peer.sendall(b"+PONG\r\n")

    with answering(talk) as port:
        threading.Timer(0.2, go_on.set).start()
        result = asked(f"redis://127.0.0.1:{port}", 10)
    assert result.ok
    assert result.duration_ms >= 150


def test_urls_that_are_none() -> None:
    for url in ("redis", "://x", "redis:/x"):
        with pytest.raises(CheckError):
            service_of(url)
    assert "port" in asked("redis://h:many/0").reason
    strange = service_of("postgresql+psycopg://me:p/?#@[::1]:5/db?sslmode=require")
    assert (strange.kind, strange.driver, strange.host) == ("postgresql", "psycopg", "::1")
    assert (strange.password, strange.path, strange.port(1)) == ("p/?#", "db", 5)


@settings(deadline=None)
@given(
    st.text("0123456789!?#/:%&+ é", min_size=6, max_size=30).filter(lambda text: text.strip()),
    st.text("abc \n", max_size=30),
)
def test_no_reason_holds_the_password(password: str, around: str) -> None:
    quoted = urllib.parse.quote(password, safe="")
    url = f"redis://u:{quoted}@host/0"
    said = without_secrets(f"{around}{password}{around}{quoted}{around}{url}", url)
    assert password.strip() not in said
    assert quoted not in said
    assert "\n" not in said
