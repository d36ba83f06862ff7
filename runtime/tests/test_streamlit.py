"""`seatrial-run streamlit`: an unmodified script, its websocket and its configuration."""

import contextlib
import dataclasses
import http.client
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from conftest import Start
from harness import APPS, Running, get, wait_for
from seatrial_runtime.settings.settings import SettingsError, settle
from seatrial_runtime.supervisor.address import Address
from seatrial_runtime.supervisor.streamlit import adapted

pytest.importorskip("streamlit")
client = pytest.importorskip("websockets.sync.client")
FOLDER = APPS / "streamlit_app"


def begin(run: Start, *options: str) -> Running:
    app = run(str(FOLDER / "app.py"), *options, subcommand="streamlit")
    wait_for(lambda: app.ask("/ready")[0] == 200, f"ready app: {app.stderr[-2000:]}")
    return app


@contextlib.contextmanager
def session(app: Running) -> Iterator[Any]:
    """A browser's websocket, once the script has been asked for."""
    with client.connect(
        f"ws://{app.bind}/_stcore/stream", subprotocols=["streamlit"], max_size=None
    ) as socket:
        # A BackMsg protobuf: field 11, rerun_script, an empty ClientState.
        socket.send(bytes([11 << 3 | 2, 0]))
        yield socket


def received(socket: Any, wanted: bytes) -> bool:
    """Whether a message with these bytes comes."""
    return any(wanted in socket.recv(timeout=60) for _ in range(50))


def test_the_script_runs_with_its_configuration_and_its_neighbours(run: Start) -> None:
    app = begin(run)
    status, body = app.get("/")
    assert (status, b"<title>Streamlit</title>" in body) == (200, True)
    with session(app) as socket:
        assert received(socket, b"#123456")
    with session(app) as socket:
        assert received(socket, b"Beside the script")
    wait_for(lambda: any("the script runs 1" in e["message"] for e in app.events("print")), "print")
    assert app.ask("/ready")[1]["workers"] == {"wanted": 1, "alive": 1}
    status, page = get(app.management, "/metrics")
    assert status == 200
    assert b"seatrial_websocket_duration_seconds" in page


def test_a_file_is_uploaded_through_the_guard(run: Start) -> None:
    app = begin(run, "--max-body", "4KiB")
    with session(app) as socket:
        assert received(socket, b"Beside the script")
        assert upload(app, b"x" * 100) not in (404, 413)
        assert upload(app, b"x" * 10_000) == 413


def upload(app: Running, content: bytes) -> int:
    """What the endpoint of uploads answers; 400 without a session of a browser is Streamlit's."""
    boundary = "b0undary"
    body = (
        (
            f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="a.txt"\r\n'
            "Content-Type: text/plain\r\n\r\n"
        ).encode()
        + content
        + f"\r\n--{boundary}--\r\n".encode()
    )
    connection = http.client.HTTPConnection(app.bind, timeout=60)
    with contextlib.closing(connection):
        kind = f"multipart/form-data; boundary={boundary}"
        connection.request("PUT", "/_stcore/upload_file/s/f", body, {"Content-Type": kind})
        return connection.getresponse().status


def test_more_than_one_worker_is_refused(run: Start) -> None:
    app = run(str(FOLDER / "app.py"), "--workers", "2", subcommand="streamlit")
    assert app.wait_exit() == 2


def test_an_older_streamlit_runs_as_a_program() -> None:
    settings = settle("streamlit", str(FOLDER / "app.py"), (), {})
    assert adapted(settings, "1.67.0").ready_path == "/_stcore/health"
    old = adapted(settings, "1.55.0")
    assert (old.command, old.ready_path) == ("command", "/_stcore/health")
    assert old.argv[:5] == (sys.executable, "-m", "streamlit", "run", settings.target)
    assert old.argv[-6:-2] == ("--server.address", "127.0.0.1", "--server.port", "8000")
    with pytest.raises(SettingsError, match="UNIX socket"):
        adapted(dataclasses.replace(settings, bind=Address(path="/x")), "1.55.0")
