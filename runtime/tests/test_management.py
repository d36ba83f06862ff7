import contextlib
import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from conftest import Start
from harness import get, wait_for
from seatrial_runtime.supervisor.address import Address
from seatrial_runtime.supervisor.management import Management
from seatrial_runtime.supervisor.prober import Probe, Prober
from seatrial_runtime.supervisor.state import State


@pytest.fixture
def port() -> Iterator[int]:
    """A management server in this process; its daemon thread stays, its socket goes."""
    listener = socket.create_server(("127.0.0.1", 0))
    Management(listener, {"/health": lambda: (200, {"status": "alive"})}).start()
    yield listener.getsockname()[1]


def exchange(port: int, request: bytes) -> bytes:
    """Everything the server answers to `request` until it closes."""
    with socket.create_connection(("127.0.0.1", port), 60) as caller:
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
            stack.enter_context(socket.create_connection(("127.0.0.1", port), 60))
            for _ in range(100)
        ]
        # No longer than a silent caller is given.
        assert get(f"127.0.0.1:{port}", "/health", timeout_s=2)[0] == 200
        for caller in silent:
            with contextlib.suppress(ConnectionResetError):
                assert caller.recv(1) == b""


def test_a_slow_view_holds_up_nobody_and_is_asked_once_for_all() -> None:
    gate, asked = threading.Event(), []

    def slow() -> tuple[int, object]:
        asked.append(1)
        gate.wait(60)
        return 200, {"asked": len(asked)}

    listener = socket.create_server(("127.0.0.1", 0))
    Management(listener, {"/health": lambda: (200, {})}, {"/ready": slow}).start()
    address = f"127.0.0.1:{listener.getsockname()[1]}"
    with ThreadPoolExecutor(9) as pool:
        first = pool.submit(get, address, "/ready")
        wait_for(lambda: asked, "question")
        others = [pool.submit(get, address, "/ready") for _ in range(8)]
        assert get(address, "/health") == (200, b"{}\n")
        assert not first.done()
        gate.set()
        assert first.result()[0] == 200
        assert {other.result()[0] for other in others} == {200}
    assert len(asked) <= 9


def test_bytes_are_answered_as_text_and_a_broken_view_as_500() -> None:
    def broken() -> tuple[int, object]:
        raise RuntimeError("no")

    listener = socket.create_server(("127.0.0.1", 0))
    Management(listener, {}, {"/metrics": lambda: (200, b"one 1\n"), "/broken": broken}).start()
    port = listener.getsockname()[1]
    answer = exchange(port, b"GET /metrics HTTP/1.1\r\n\r\n")
    assert b"Content-Type: text/plain; version=0.0.4" in answer
    assert answer.endswith(b"\r\n\r\none 1\n")
    assert get(f"127.0.0.1:{port}", "/broken")[0] == 500


class Moody(BaseHTTPRequestHandler):
    """An app whose answers change."""

    status, asked = 200, 0

    def do_GET(self) -> None:
        type(self).asked += 1
        self.send_response(type(self).status)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


def test_an_app_that_answers_badly_three_times_is_not_ready_until_it_answers_well() -> None:
    server = HTTPServer(("127.0.0.1", 0), Moody)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    state = State(time.monotonic(), 1)
    probe = Probe(Address("127.0.0.1", server.server_address[1]), "/", "x")
    Prober(state, probe, beats=True, again_s=0.05).start()
    state.worker_ready(1)
    wait_for(lambda: state.ready()[0] == 200, "ready")
    Moody.status, before = 503, Moody.asked
    wait_for(lambda: state.ready()[1]["status"] == "broken", "broken")
    assert Moody.asked - before >= 3
    assert state.ready()[1]["reason"] == "GET /: status 503"
    Moody.status = 404
    wait_for(lambda: state.ready()[0] == 200, "ready again")
    state.draining()
    server.shutdown()


def test_a_busy_app_whose_workers_beat_stays_ready() -> None:
    state = State(time.monotonic(), 1)
    with socket.create_server(("127.0.0.1", 0)) as mute:
        probe = Probe(Address("127.0.0.1", mute.getsockname()[1]), "/", "x")
        state.worker_ready(1)
        state.probe_succeeded(state.generation)
        Prober(state, probe, beats=True, again_s=0.01).start()
        caller, _ = mute.accept()  # Asked, and not answered.
        again, _ = mute.accept()  # It gave up, and asks again.
        assert state.ready()[0] == 200
        state.draining()
        caller.close()
        again.close()


def test_what_the_app_depends_on_has_a_say(run: Start) -> None:
    with socket.create_server(("127.0.0.1", 0)) as service:
        url = f"tcp://127.0.0.1:{service.getsockname()[1]}"
        app = run("sample:app", "--checks", f"ledger={url}")
        app.wait_ready()
        ledger = app.ask("/ready")[1]["checks"]["ledger"]
        assert ledger["ok"] is True and ledger["duration_ms"] >= 0
    wait_for(lambda: app.ask("/ready")[0] == 503, "not ready")
    status, body = app.ask("/ready")
    assert (status, body["status"], body["checks"]["ledger"]["ok"]) == (503, "broken", False)
    assert "ledger" in body["reason"]
    assert app.ask("/health")[0] == 200
