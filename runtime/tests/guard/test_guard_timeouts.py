"""Deadlines: one answer a request, whoever gives it, and nobody else's connection touched."""

from __future__ import annotations

import concurrent.futures
import contextlib
import http.client
import json
import random
import socket
import time

from guard_apps import Server, server_of

from harness import wait_for

LIMIT_S = 0.2
FLAGS = {
    "request_timeout_s": str(LIMIT_S),
    "request_timeouts": "/told=20,/flights=20,/read=0.6",
    "rate_limit": "none",
}


server = server_of(FLAGS)


def flights(server: Server) -> dict[str, object]:
    found: dict[str, object] = server.ask("/flights").json()
    return found


def only_two(server: Server) -> dict[str, object] | None:
    told = flights(server)
    return told if told["count"] == 2 else None


def test_a_late_answer_is_504_in_time(server: Server) -> None:
    answer = server.ask("/sleep?3")
    assert answer.status == 504 and answer.json()["error"] == "timeout"
    assert answer.json()["request_id"] == answer.headers["X-Request-ID"]
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Connection"] == "close"
    line = next(
        one
        for one in server.requests("/sleep")
        if one["correlation_id"] == answer.headers["X-Request-ID"]
    )
    assert line["status"] == 504 and LIMIT_S * 1000 <= line["duration_ms"] < 3000


def test_head_has_no_body(server: Server) -> None:
    with server.raw() as raw:
        raw.sendall(b"HEAD /sleep?2 HTTP/1.1\r\nHost: a\r\n\r\n")
        head, _, body = b"".join(iter(lambda: raw.recv(65536), b"")).partition(b"\r\n\r\n")
    assert b" 504 " in head and body == b""


def test_http_1_0(server: Server) -> None:
    with server.raw() as raw:
        raw.sendall(b"GET /sleep?2 HTTP/1.0\r\n\r\n")
        seen = b"".join(iter(lambda: raw.recv(65536), b""))
    assert seen.count(b"HTTP/1.") == 1 and b" 504 " in seen
    assert json.loads(seen.partition(b"\r\n\r\n")[2])["status"] == 504


def test_the_deadline_is_for_the_first_byte(server: Server) -> None:
    assert server.ask("/stream?1").body == b"piece\n" * 5


def test_each_beginning_of_a_path_has_its_own(server: Server) -> None:
    assert server.ask("/sleep?1").status == 504
    connection = server.connection()
    connection.putrequest("POST", "/read")
    connection.putheader("Content-Length", "10")
    connection.endheaders(b"half")
    began_s = time.monotonic()
    assert connection.getresponse().status == 504
    assert time.monotonic() - began_s >= 0.5
    connection.close()
    # The thread that waited for the rest of that body is free again.
    wait_for(lambda: flights(server)["count"] == 1, "end of the read")


def test_the_overdue_are_counted_and_shown(server: Server) -> None:
    wait_for(lambda: flights(server)["count"] == 1, "end of earlier ones")
    path = "/thread?2.5" if server.kind == "asgi" else "/sleep?2.5"
    assert server.ask(path).status == 504
    # An earlier question may be there for a moment longer.
    told = wait_for(lambda: only_two(server), "what was answered beside the question")
    assert float(str(told["overdue_s"])) > 0
    assert path.partition("?")[0] in str(told["stacks"])
    wait_for(lambda: flights(server)["overdue_s"] == 0, "end of the sleep")


def test_an_app_that_will_not_be_cancelled(server: Server) -> None:
    if server.kind == "asgi":
        assert server.ask("/stubborn?3").status == 504
        wait_for(lambda: only_two(server), "the stubborn one beside the question")
        wait_for(lambda: flights(server)["count"] == 1, "end of the stubborn one")


def test_hundreds_around_the_deadline(server: Server) -> None:
    """Each gets exactly one whole answer: the app's, or 504. Then the connection is closed, or
    the next request on it gets its own."""
    chance = random.Random(7)
    waits_s = [round(LIMIT_S + chance.uniform(-0.06, 0.03), 4) for _ in range(400)]

    def ask(number: int, wait_s: float) -> tuple[int, int]:
        path = "/late" if number % 5 == 4 and server.kind == "wsgi" else "/sleep"
        first = f"GET {path}?{wait_s} HTTP/1.1\r\nHost: a\r\nX-Request-ID: first.{number}\r\n\r\n"
        second = f"GET /told?{number} HTTP/1.1\r\nHost: a\r\nX-Request-ID: second.{number}\r\n\r\n"
        with server.raw() as raw:
            raw.sendall(first.encode())
            answer = http.client.HTTPResponse(raw)
            answer.begin()
            body = answer.read()
            assert answer.headers["X-Request-ID"] == f"first.{number}"
            if answer.status == 200:
                assert body == b"hello"
                raw.sendall(second.encode())
                again = http.client.HTTPResponse(raw)
                again.begin()
                assert again.status == 200 and again.headers["X-Request-ID"] == f"second.{number}"
                assert f"second.{number}".encode() in again.read()
            else:
                assert answer.status == 504 and json.loads(body)["request_id"] == f"first.{number}"
                with contextlib.suppress(ConnectionResetError):
                    assert raw.recv(65536) == b"", "a second answer"
            return number, answer.status

    # No more at once than there are threads, or requests wait for one before they are begun.
    with concurrent.futures.ThreadPoolExecutor(7) as pool:
        answers = dict(pool.map(ask, range(len(waits_s)), waits_s))
    assert set(answers.values()) == {200, 504}, "both sides have to win some"
    wait_for(lambda: flights(server)["count"] == 1, "end of all")

    def lines() -> dict[str, int]:
        return {
            one["correlation_id"]: one["status"]
            for one in server.events("request")
            if one["correlation_id"].startswith("first.")
        }

    # Who answers 504 tells it when it has answered.
    wait_for(lambda: len(lines()) == len(answers), "line of each")
    assert lines() == {f"first.{number}": status for number, status in answers.items()}
    ids = [one["correlation_id"] for one in server.events("request")]
    assert len(ids) == len(set(ids)), "a request that was told twice"


def test_a_client_that_leaves_first(server: Server) -> None:
    for _ in range(20):
        with socket.create_connection(("127.0.0.1", server.port)) as raw:
            raw.sendall(b"GET /sleep?0.3 HTTP/1.1\r\nHost: a\r\n\r\n")
    wait_for(lambda: flights(server)["count"] == 1, "end of all")
    assert server.ask("/").status == 200
    assert not server.events("guard")
