import contextlib
import socket
import time
from collections.abc import Iterator

import pytest

from harness import free_port, get
from seatrial_runtime.supervisor.management import Management


@pytest.fixture
def port() -> Iterator[int]:
    """A management server in this process; its daemon thread stays, its socket goes."""
    listener = socket.create_server(("127.0.0.1", free_port()))
    Management(listener, {"/health": lambda: (200, {"status": "alive"})}).start()
    yield listener.getsockname()[1]


def exchange(port: int, request: bytes) -> bytes:
    """Everything the server answers to `request` until it closes."""
    with socket.create_connection(("127.0.0.1", port), 5) as caller:
        caller.sendall(request)
        answer = b""
        while chunk := caller.recv(65536):
            answer += chunk
        return answer


@pytest.mark.parametrize(
    ("request_bytes", "status"),
    [
        (b"GET /health HTTP/1.1\r\n\r\n", 200),
        (b"GET /health?x=1 HTTP/1.0\r\n\r\n", 200),
        (b"GET /none HTTP/1.1\r\n\r\n", 404),
        (b"POST /health HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc", 405),
        (b"GET /health\r\n\r\n", 400),
        (b"\x16\x03\x01\x00\n\n", 400),
        (b"GET /" + b"a" * 3000, 414),
        (b"GET /health HTTP/1.1\r\nX: " + b"a" * 9000, 431),
    ],
)
def test_only_small_get_requests(port: int, request_bytes: bytes, status: int) -> None:
    assert exchange(port, request_bytes).split()[1] == str(status).encode()


def test_head_has_no_body(port: int) -> None:
    answer = exchange(port, b"HEAD /health HTTP/1.1\r\n\r\n")
    assert b"Content-Length: 20\r\n" in answer
    assert answer.endswith(b"\r\n\r\n")


def test_many_silent_callers_delay_nobody_and_are_dropped(port: int) -> None:
    with contextlib.ExitStack() as stack:
        silent = [
            stack.enter_context(socket.create_connection(("127.0.0.1", port), 5))
            for _ in range(100)
        ]
        before = time.monotonic()
        assert get(f"127.0.0.1:{port}", "/health")[0] == 200
        assert time.monotonic() - before < 1
        for caller in silent:
            with contextlib.suppress(ConnectionResetError):
                assert caller.recv(1) == b""
        assert time.monotonic() - before < 4.5
