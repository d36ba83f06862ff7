"""What every request meets, the same over gunicorn (WSGI) and uvicorn (ASGI), on real sockets."""

from __future__ import annotations

import contextlib
import http.client
import socket
import time
from pathlib import Path

import pytest
from guard_apps import Server, server_of, serving

from harness import wait_for

FLAGS = {
    "max_body": "100000",
    "allowed_hosts": "127.0.0.1,*.example.org",
    "request_timeout_s": "20",
    "content_security_policy": "default-src 'self'; img-src *",
}
SECURITY = {
    "x-content-type-options": "nosniff",
    "x-frame-options": "SAMEORIGIN",
    "referrer-policy": "strict-origin-when-cross-origin",
    "content-security-policy-report-only": "default-src 'self'; img-src *",
}


server = server_of(FLAGS)


def told(server: Server, **headers: str) -> tuple[str, str, str]:
    """Client, scheme and id as the app sees them."""
    found = server.ask("/told", **headers).json()
    if "client" in found:
        return found["client"][0], found["scheme"], found["id"]
    return found["REMOTE_ADDR"], found["wsgi.url_scheme"], found["HTTP_X_REQUEST_ID"]


def test_an_id_is_made_and_told_to_all(server: Server) -> None:
    answer = server.ask("/told?made")
    id = answer.headers["X-Request-ID"]
    assert len(id) == 32 and id in answer.body.decode()
    line = next(one for one in server.requests("/told") if one["correlation_id"] == id)
    assert line["status"] == 200 and line["client"] == "127.0.0.1" and line["duration_ms"] >= 0


def test_a_given_id_is_kept_and_a_hostile_one_not(server: Server) -> None:
    assert told(server, X_Request_ID="from-caller.1")[2] == "from-caller.1"
    trace = "00-" + "a" * 32 + "-" + "b" * 16 + "-01"
    assert told(server, traceparent=trace)[2] == "a" * 32
    hostile = told(server, X_Request_ID='x" onload="y')[2]
    assert len(hostile) == 32


def test_proxies_are_believed_and_clients_are_not(server: Server) -> None:
    forwarded = {"X_Forwarded_For": "6.6.6.6, 203.0.113.9", "X_Forwarded_Proto": "https"}
    assert told(server, **forwarded)[:2] == ("203.0.113.9", "https")
    assert told(server)[:2] == ("127.0.0.1", "http")


def test_several_forwarding_headers_are_one_list(server: Server) -> None:
    connection = server.connection()
    connection.putrequest("GET", "/told")
    connection.putheader("X-Forwarded-For", "203.0.113.1")
    connection.putheader("X-Forwarded-For", "203.0.113.2")
    connection.endheaders()
    assert b"203.0.113.2" in connection.getresponse().read()
    connection.close()


def test_an_untrusted_peer_is_not_believed(tmp_path: Path) -> None:
    for kind in ("wsgi", "asgi"):
        folder = tmp_path / kind
        folder.mkdir()
        with serving(folder, kind, "plain_" + kind, {"trusted_proxies": "192.0.2.1"}) as strict:
            forwarded = {"X_Forwarded_For": "203.0.113.9", "X_Forwarded_Proto": "https"}
            assert told(strict, **forwarded)[:2] == ("127.0.0.1", "http")
            assert "strict-transport-security" not in strict.ask("/", **forwarded).headers


def test_hosts(server: Server) -> None:
    assert server.ask("/", Host="a.example.org:8000").status == 200
    answer = server.ask("/", Host="evil.org")
    assert answer.status == 400 and answer.json()["error"] == "host"
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.json()["request_id"] == answer.headers["X-Request-ID"]
    assert server.ask("/", X_Forwarded_Host="evil.org").status == 400


def test_security_headers(server: Server) -> None:
    plain = server.ask("/").headers
    assert {name: plain[name] for name in SECURITY} == SECURITY
    assert "strict-transport-security" not in plain
    secure = server.ask("/", X_Forwarded_Proto="https").headers
    assert secure["strict-transport-security"] == "max-age=31536000"


def test_what_the_app_has_set_stays(server: Server) -> None:
    own = server.ask("/own", X_Forwarded_Proto="https").headers
    assert own.get_all("x-frame-options") == ["DENY"]
    assert own.get_all("x-request-id") == ["mine"]
    assert "content-security-policy-report-only" not in own
    assert own["x-content-type-options"] == "nosniff" and "strict-transport-security" in own


def test_bodies_up_to_the_limit(server: Server) -> None:
    assert server.ask("/read", "POST", b"x" * 100_000).body == b"100000"
    assert server.ask("/read", "POST", iter([b"x" * 50_000] * 2)).body == b"100000"


def test_a_declared_body_that_is_too_large(server: Server) -> None:
    for size in (100_001, 30_000_000):
        answer = server.ask("/read", "POST", b"x" * size)
        assert answer.status == 413 and answer.json()["error"] == "body"
        assert answer.headers["Connection"] == "close"


def test_a_chunked_body_that_is_too_large(server: Server) -> None:
    answer = server.ask("/read", "POST", (b"x" * 10_000 for _ in range(2000)))
    assert answer.status == 413 and answer.headers["Connection"] == "close"
    if server.kind == "wsgi":
        assert server.ask("/lines", "POST", (b"xyz\n" * 9000 for _ in range(9))).status == 413


def test_the_body_is_not_asked_for_when_it_is_refused(server: Server) -> None:
    with server.raw() as raw:
        raw.sendall(
            b"POST /read HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 999999\r\n"
            b"Expect: 100-continue\r\n\r\n"
        )
        seen = b""
        while piece := raw.recv(65536):
            seen += piece
    # gunicorn asks for it before any app sees the request.
    expected = b"HTTP/1.1 413" if server.kind == "asgi" else b"HTTP/1.1 100 Continue"
    assert seen.startswith(expected) and b"413" in seen


def test_a_refused_body_is_not_taken_for_a_request(server: Server) -> None:
    smuggled = b"GET /smuggled HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
    with server.raw() as raw:
        raw.sendall(
            b"POST /read HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 200000\r\n\r\n" + smuggled
        )
        seen = b""
        with contextlib.suppress(ConnectionResetError):
            while piece := raw.recv(65536):
                seen += piece
    assert seen.count(b"HTTP/1.1 ") == 1
    assert not [one for one in server.events("request") if one["path"] == "/smuggled"]


def test_an_app_that_raises(server: Server) -> None:
    for path in ("/raise", "/exit", "/nothing"):
        answer = server.ask(path)
        assert answer.status == 500 and answer.json()["error"] == "internal", path
        assert b"purpose" not in answer.body
    trace = next(one for one in server.events("exception") if one["type"] == "ValueError")
    assert "on purpose" in trace["traceback"]
    assert server.ask("/").status == 200


def test_an_answer_that_fails_half_way_is_seen_to_be_cut_short(server: Server) -> None:
    with pytest.raises(http.client.IncompleteRead):
        server.ask("/break")
    assert server.requests("/break")[0]["status"] == 200


def test_streams_come_as_they_are_made(server: Server) -> None:
    wait_for(lambda: server.ask("/flights").json()["count"] == 1, "end of earlier ones")
    connection = server.connection()
    connection.request("GET", "/stream?2")
    response = connection.getresponse()
    assert response.read(6) == b"piece\n"
    # Two while the app is at it still; an earlier question may be there for a moment longer.
    wait_for(lambda: server.ask("/flights").json()["count"] == 2, "stream beside the question")
    assert response.read() == b"piece\n" * 4
    connection.close()


def test_keep_alive(server: Server) -> None:
    connection = server.connection()
    ids = set()
    for _ in range(20):
        connection.request("GET", "/")
        response = connection.getresponse()
        response.read()
        ids.add(response.headers["X-Request-ID"])
        assert connection.sock is not None
    assert len(ids) == 20
    connection.close()


def test_head_and_http_1_0(server: Server) -> None:
    head = server.ask("/", "HEAD")
    assert head.status == 200 and head.body == b"" and head.headers["X-Request-ID"]
    with server.raw() as raw:
        raw.sendall(b"GET / HTTP/1.0\r\nHost: 127.0.0.1\r\n\r\n")
        raw.shutdown(socket.SHUT_WR)
        seen = b""
        while piece := raw.recv(65536):
            seen += piece
    assert b" 200 OK" in seen and b"hello" in seen


def test_files_and_the_oldest_ways_of_wsgi(server: Server) -> None:
    if server.kind == "wsgi":
        assert server.ask("/write").body == b"written and returned"
        assert server.ask("/file").body.startswith(b'"""Small apps')
        assert server.requests("/file")[0]["status"] == 200


def test_queue_time_is_told(server: Server) -> None:
    assert server.ask("/", X_Request_Start=f"t={time.time() - 1:.3f}").status == 200
    assert server.ask("/", X_Request_Start="nonsense").status == 200


def test_nothing_is_left_in_the_table(server: Server) -> None:
    wait_for(lambda: server.ask("/flights").json()["count"] == 1, "nothing but this very request")
