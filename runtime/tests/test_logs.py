import json
import re
import socket
from typing import Any

from conftest import Start
from harness import wait_for

SECRET = "hunter2-hunter2"
_LEVELS = ("debug", "info", "warning", "error", "critical")


def events(text: str) -> list[dict[str, Any]]:
    """Every line is JSON: nothing else comes out."""
    return [json.loads(line) for line in text.splitlines()]


def test_lines_parse_correlate_and_hold_no_secret(run: Start) -> None:
    app = run("sample:app", "--environment", "production", env={"PAY_API_KEY": SECRET})
    app.wait_ready()
    app.get("/a%0Ab?token=" + SECRET, headers={"X-Request-ID": "trace-1"})
    app.get("/raise?token=query-secret", headers={"X-Request-ID": 'bad" id'})
    app.get("/print", headers={"X-Request-ID": "print-1"})
    app.process.terminate()
    assert app.wait_exit() == 0

    assert SECRET not in app.stdout + app.stderr
    assert "query-secret" not in app.stdout + app.stderr
    for event in events(app.stdout) + events(app.stderr):
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", event["timestamp"])
        assert event["level"] in _LEVELS and event["event"]
        assert event["environment"] == "production"

    requests = {event["path"]: event for event in app.events("request")}
    first = requests["/a\nb"] if "/a\nb" in requests else requests["/a%0Ab"]
    assert first["correlation_id"] == "trace-1"
    assert (first["method"], first["status"]) == ("GET", 200)
    assert first["duration_ms"] >= 0 and first["route"] and first["client"] == "127.0.0.1"
    raised = requests["/raise"]
    assert (raised["status"], raised["level"]) == (500, "error")
    assert re.fullmatch(r"[0-9a-f]{32}", raised["correlation_id"])
    [error] = app.events("exception")
    assert error["correlation_id"] == raised["correlation_id"]
    assert error["type"] == "RuntimeError" and "Traceback" in error["traceback"]
    [printed] = [e for e in app.events("print") if e["message"] == "plain words of the app"]
    assert printed["correlation_id"] == "print-1"


def test_raw_control_characters_cannot_forge_a_line(run: Start) -> None:
    app = run()
    app.wait_ready()
    host, _, port = app.bind.rpartition(":")
    with socket.create_connection((host, int(port))) as caller:
        caller.sendall(
            b"GET /\x1b[31m\x0b\x9b\xff HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
        )
        caller.recv(100)
    app.get("/last")
    wait_for(lambda: any(e["path"] == "/last" for e in app.events("request")), "line")
    assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028\u2029]", app.stdout)
    assert events(app.stdout)
