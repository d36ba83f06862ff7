"""Nestegg, a Streamlit app as its author wrote it, under the runtime: driven by a browser."""

import os
import re
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from conftest import needs_browser
from harness import Running, get, start, wait_for

pytest.importorskip("streamlit")
pytest.importorskip("altair")
pytest.importorskip("reportlab")

IDLE = "[data-testid=stApp][data-test-script-state=notRunning]"  # No rerun is under way.
NESTEGG = Path(__file__).resolve().parents[3] / "examples" / "nestegg"
START_S = 90.0
TIMEOUT_S = 8
SURVIVES_S = 12.0
PROBE_S = 1.0


@pytest.fixture(scope="module")
def nestegg(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """One server for all tests here, with time-outs that a websocket has to outlive."""
    folder = tmp_path_factory.mktemp("nestegg")
    env = {"HOME": str(folder)}  # Streamlit keeps a file there.
    options = (
        "--log-level", "INFO", "--stream-timeout-s", "1", "--keep-alive-s", "2",
        "--request-timeout-s", str(TIMEOUT_S),
    )  # fmt: skip
    running = start(folder, "app.py", *options, app_dir=NESTEGG, env=env, subcommand="streamlit")
    try:
        wait_for(lambda: running.ask("/ready")[0] == 200, "ready app", START_S)
        running.workers()
        yield running
    finally:
        running.end()


def open_plan(page: Any, running: Running, query: str = "") -> list[Any]:
    """Open the page and wait for its chart; the websockets that it opens, as they come."""
    sockets: list[Any] = []
    page.on("websocket", lambda websocket: sockets.append(websocket))
    page.goto(f"http://{running.bind}/{query}")
    page.wait_for_selector("[data-testid=stVegaLiteChart] :is(svg, canvas)")
    return sockets


def plan_for(page: Any, years: int) -> None:
    """Change the plan and wait for its result, which comes over the websocket."""
    field = page.get_by_label("Years to plan for")
    field.fill(str(years))
    field.press("Enter")
    page.get_by_text(re.compile(f"The money lasts {years} years in")).wait_for()
    page.wait_for_selector(IDLE, state="attached")


@needs_browser
def test_the_page_works_and_its_pdf_downloads(nestegg: Running, page: Any, tmp_path: Path) -> None:
    sockets = open_plan(page, nestegg, "?spending_usd=45000")
    assert [socket.url for socket in sockets] == [f"ws://{nestegg.bind}/_stcore/stream"]
    plan_for(page, 25)
    with page.expect_download() as download:
        page.get_by_role("button", name="Download as PDF").click()
    file = tmp_path / "nestegg.pdf"
    download.value.save_as(file)
    data = file.read_bytes()
    assert data.startswith(b"%PDF-") and data.rstrip().endswith(b"%%EOF")
    assert len(data) > 5_000
    assert not sockets[0].is_closed()


@needs_browser
def test_the_websocket_outlives_every_time_out(nestegg: Running, page: Any) -> None:
    """Probes answer all the while, and the same session goes on afterwards."""
    sockets = open_plan(page, nestegg)
    plan_for(page, 31)
    until = time.monotonic() + SURVIVES_S
    while (left_s := until - time.monotonic()) > 0:
        assert nestegg.ask("/health")[0] == 200
        assert nestegg.ask("/ready")[0] == 200
        page.wait_for_timeout(min(PROBE_S, left_s) * 1000)
    plan_for(page, 32)
    assert len(sockets) == 1 and not sockets[0].is_closed()


@needs_browser
def test_the_page_comes_back_after_its_server_was_killed(nestegg: Running, page: Any) -> None:
    open_plan(page, nestegg)
    plan_for(page, 33)
    [pid] = nestegg.workers()
    os.kill(pid, signal.SIGKILL)
    wait_for(
        lambda: nestegg.ask("/ready")[0] == 200 and nestegg.workers() not in ([], [pid]),
        "server",
        START_S,
    )
    open_plan(page, nestegg, "?years=33")
    page.get_by_text(re.compile("The money lasts 33 years in")).wait_for()


def test_probes_metrics_and_a_clean_end(nestegg: Running) -> None:
    """The last one that uses the server."""
    status, body = get(nestegg.bind, "/_stcore/health")
    assert (status, body) == (200, b"ok")
    assert get(nestegg.bind, "/")[0] == 200
    text = get(nestegg.management, "/metrics")[1].decode()
    assert "http_server_request_duration_seconds_count" in text
    nestegg.signal(signal.SIGTERM)
    assert nestegg.wait_exit() == 0


def test_nothing_of_the_runtime_is_in_the_app() -> None:
    files = [NESTEGG / "app.py", *NESTEGG.glob("requirements*.txt"), *NESTEGG.glob("*/*.py")]
    assert len(files) > 10
    for file in files:
        assert "seatrial" not in file.read_text(encoding="utf-8").lower(), file
