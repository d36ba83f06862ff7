"""The same promises for a Streamlit page, spoken to as its own browser part does."""

import contextlib
import json
import os
import re
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from test_conformance_web import SECRET, lines, metric
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from conftest import Start
from harness import Running, get, quick, wait_for

APPS = Path(__file__).parent / "apps"
Page = Callable[..., Running]


@pytest.fixture
def page(run: Start, tmp_path: Path) -> Page:
    def begin(*options: str) -> Running:
        env = {"SHOP_API_KEY": SECRET, "HOME": str(tmp_path), "GATE": str(tmp_path / "gate")}
        app = run("streamlit_app.py", *options, subcommand="streamlit", app_dir=APPS, env=env)
        wait_for(lambda: app.ask("/ready")[0] == 200, f"page: {app.stderr[-2000:]}")
        app.workers()
        return app

    return begin


def socket_to(app: Running) -> ClientConnection:
    return connect(f"ws://{app.bind}/_stcore/stream", subprotocols=["streamlit"], max_size=None)  # type: ignore[list-item]


def type_in(socket: ClientConnection, name: str = "", widget: str = "") -> None:
    """Have the page run once, with a text typed in if given."""
    message = BackMsg()
    message.rerun_script.query_string = ""
    if name:
        state = message.rerun_script.widget_states.widgets.add()
        state.id, state.string_value = widget, name
    socket.send(message.SerializeToString())


def run_script(socket: ClientConnection, name: str = "", widget: str = "") -> str:
    """Run the page once, to its end; everything that it wrote, as text."""
    type_in(socket, name, widget)
    return finished(socket)


def finished(socket: ClientConnection) -> str:
    """All that the run at hand writes, as text."""
    written = []
    while True:
        answer = ForwardMsg()
        data = socket.recv(60)
        assert isinstance(data, bytes)
        answer.ParseFromString(data)
        written.append(str(answer))
        if answer.HasField("script_finished"):
            return "".join(written)


def widget_of(page: str) -> str:
    found = re.search(r'text_input \{\s+id: "([^"]+)"', page)
    assert found, page
    return found[1]


def test_probes_answer_while_the_page_works_and_a_stop_closes_its_websocket(
    page: Page, tmp_path: Path
) -> None:
    app = page("--stream-timeout-s", "1")
    with socket_to(app) as socket:
        first = run_script(socket)
        assert "hello world" in first
        type_in(socket, "held", widget_of(first))
        wait_for(lambda: "selling held" in app.stdout + app.stderr, "a page that works")
        assert quick(app.healthy)
        assert app.ask("/ready")[0] == 200
        (tmp_path / "gate").touch()
        assert "hello held" in finished(socket)
        app.signal(signal.SIGTERM)
        with pytest.raises(ConnectionClosed) as closed:
            while True:
                socket.recv(60)
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == 1012
    assert app.wait_exit() == 0


def test_a_killed_server_is_back(page: Page) -> None:
    app = page()
    [pid] = app.workers()
    os.kill(pid, signal.SIGKILL)
    wait_for(lambda: app.ask("/ready")[0] == 200 and app.workers() not in ([], [pid]), "server")
    with socket_to(app) as socket:
        assert "hello world" in run_script(socket)


def test_a_leaking_server_is_replaced_once_its_sessions_are_gone(page: Page) -> None:
    app = page("--max-worker-memory", "400MiB", "--stream-timeout-s", "2")
    [first] = app.workers()
    with contextlib.suppress(ConnectionClosed), socket_to(app) as socket:
        run_script(socket, "leak", widget_of(run_script(socket)))
        wait_for(lambda: app.events("worker_recycling"), "report")
    told = wait_for(lambda: app.events("worker_recycled"), "end")
    assert (told[0]["pid"], told[0]["reason"]) == (first, "memory")
    with socket_to(app) as socket:
        assert "hello world" in run_script(socket)


def test_a_stuck_script_is_told_of_and_holds_up_nobody(page: Page) -> None:
    """It is not ended: a page may be made so, and the other visitors are in the same process."""
    app = page("--request-timeout-s", "1", "--stream-timeout-s", "1", "--graceful-timeout-s", "2")
    with socket_to(app) as stuck, socket_to(app) as other:
        type_in(stuck, "held", widget_of(run_script(stuck)))

        def told() -> list[str]:
            # The first run of all may take its second, too.
            stacks = [event["stacks"] for event in app.events("overdue")]
            return [stack for stack in stacks if "in hold" in stack]

        assert "streamlit_app.py" in wait_for(told, "report")[0]
        assert "hello world" in run_script(other)
        assert app.ask("/ready")[0] == 200
        # It was told of at a beat, and there were more of them since.
        beats = app.ask("/workers")[1]["workers"][0]["uptime_s"]
        wait_for(lambda: app.ask("/workers")[1]["workers"][0]["uptime_s"] > beats + 1, "beats")
        assert len(told()) == 1
        name = "seatrial_scripts_overdue_total"
        wait_for(lambda: metric(app, name) == len(app.events("overdue")), "figure of as many")
        app.signal(signal.SIGTERM)
        assert app.wait_exit() == 0


def test_lines_parse_metrics_count_and_no_secret_shows(page: Page) -> None:
    app = page("--log-level", "INFO")
    with socket_to(app) as socket:
        first = run_script(socket)
        assert "hello secret" in run_script(socket, "secret", widget_of(first))
    wait_for(lambda: "the key is" in app.stdout + app.stderr, "print")
    said: list[dict[str, Any]] = lines(app)
    assert "selling secret" in json.dumps(said)
    assert "sold apples" in json.dumps(said)
    assert SECRET not in app.stdout + app.stderr
    assert metric(app, "http_server_request_duration_seconds_count") >= 1
    status, body = get(app.bind, "/no/such/page")
    assert status in (200, 404), body  # Streamlit answers its page to any path.
    text = get(app.management, "/metrics")[1].decode()
    assert "no/such" not in text
    app.signal(signal.SIGTERM)
    assert app.wait_exit() == 0
    assert lines(app)
