import json
import re
import socket

from conftest import Start
from harness import wait_for
from seatrial_runtime.telemetry.logs import redact

SECRET = "hunter2-hunter2"


def test_lines_parse_and_hold_no_secret(run: Start) -> None:
    app = run("sample:app", env={"PAY_API_KEY": SECRET})
    app.wait_ready()
    app.get("/a%0Ab?token=" + SECRET, headers={"X-Request-ID": "trace-1"})
    app.get("/raise?token=query-secret", headers={"X-Request-ID": 'bad" id'})
    app.get("/print")
    app.process.terminate()
    assert app.wait_exit() == 0

    assert SECRET not in app.stdout + app.stderr
    assert "query-secret" not in app.stdout + app.stderr
    lines = (app.stdout + app.stderr).splitlines()
    assert [line for line in lines if not line.startswith("{")] == ["plain words of the app"]
    for event in (json.loads(line) for line in lines if line.startswith("{")):
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", event["timestamp"])
        assert event["level"] in ("info", "warning", "error")

    requests = {event["path"]: event for event in app.events("request")}
    assert requests["/a%0Ab"]["request_id"] == "trace-1"
    assert requests["/a%0Ab"]["method"] == "GET"
    assert requests["/a%0Ab"]["status"] == 200
    assert requests["/a%0Ab"]["duration_ms"] >= 0
    assert requests["/raise"]["status"] == 500
    assert re.fullmatch(r"[0-9a-f]{32}", requests["/raise"]["request_id"])
    [error] = [event for event in app.events("server") if "traceback" in event]
    assert "RuntimeError: the app failed: [redacted]" in error["traceback"]


def test_raw_control_characters_cannot_forge_a_line(run: Start) -> None:
    app = run()
    app.wait_ready()
    host, _, port = app.bind.rpartition(":")
    with socket.create_connection((host, int(port))) as caller:
        caller.sendall(b"GET /\x1b[31m\x0b\xff HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        caller.recv(100)
    app.get("/last")
    wait_for(lambda: any(e["path"] == "/last" for e in app.events("request")), "line")
    assert not re.search(r"[^\n -~]", app.stdout)


def test_redaction() -> None:
    assert redact("GET /a?b=c HTTP") == "GET /a?[redacted] HTTP"
    assert redact("postgres://me:pass@db/x") == "postgres://me:[redacted]@db/x"
    assert redact("did you mean 'x'?") == "did you mean 'x'?"
