"""Prism, a Flask app as its author wrote it, under the runtime: driven by a browser."""

import json
import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from conftest import needs_browser
from harness import Running, get, start, wait_for

pytest.importorskip("flask")
pytest.importorskip("rq")
docx = pytest.importorskip("docx")

PRISM = Path(__file__).resolve().parents[3] / "examples" / "prism"
MIB = 1024 * 1024


@pytest.fixture
def prism(tmp_path: Path) -> Iterator[Running]:
    """One worker, sessions in its memory."""
    running = start(tmp_path, "prism.web:app", app_dir=PRISM)
    yield running
    running.end()


def paper(folder: Path) -> Path:
    document = docx.Document()
    document.add_heading("Plan", 0)
    for title, text in (
        ("Costs", "The total budget is 3 million EUR. It must be approved as soon as possible."),
        ("Time", "We repeat: the budget is 4 million EUR. The XKCD team starts in May."),
    ):
        document.add_heading(title, 1)
        document.add_paragraph(text)
    file = folder / "plan.docx"
    document.save(str(file))
    return file


def analyse(page: Any, running: Running, file: Path) -> None:
    page.goto(f"http://{running.bind}/")
    page.get_by_label("Word document").set_input_files(file)
    page.get_by_role("button", name="Analyse").click()
    page.wait_for_url("**/documents/*")
    page.locator("#progress").wait_for(state="hidden")


def use(page: Any, running: Running, folder: Path) -> None:
    """Upload, read the findings, ask, export."""
    analyse(page, running, paper(folder))
    found = page.locator(".results").inner_text()
    assert "3 million EUR in section 1, 4 million EUR in section 2." in found
    assert "“XKCD” is not explained anywhere." in found
    page.get_by_label("Your question").fill("What is the budget?")
    page.keyboard.press("Enter")
    answer = page.locator(".message.prism")
    answer.wait_for()
    assert "4 million EUR" in answer.inner_text()
    with page.expect_download() as download:
        page.get_by_role("link", name="Export Word").click()
    assert "Plan" in docx.Document(str(download.value.path())).paragraphs[0].text
    with page.expect_download() as download:
        page.get_by_role("link", name="Export JSON").click()
    assert json.loads(Path(download.value.path()).read_text())["complete"]


@needs_browser
def test_a_person_at_work(prism: Running, page: Any, tmp_path: Path) -> None:
    prism.wait_ready()
    use(page, prism, tmp_path)
    cookies = {cookie["name"]: cookie["value"] for cookie in page.context.cookies()}
    requests = prism.events("request")
    routes = {event["route"] for event in requests}
    assert {"/documents", "/documents/<document_id>", "/documents/<document_id>/chat"} <= routes
    assert all(event["correlation_id"] for event in requests)
    for secret in (*cookies.values(), "3 million"):
        assert secret not in prism.stdout + prism.stderr
    status, metrics = get(prism.management, "/metrics")
    assert status == 200
    assert b'http_route="/documents/<document_id>/chat"' in metrics
    document_id = page.url.split("/documents/")[1].split("#")[0]
    assert document_id.encode() not in metrics
    prism.process.terminate()
    assert prism.wait_exit() == 0


def test_bodies_above_the_limit(prism: Running, tmp_path: Path) -> None:
    """32 MiB is the runtime's limit, 10 MB the app's own: both say 413."""
    prism.wait_ready()
    for size in (33 * MIB, 11 * MIB):
        status, _body = upload(prism, size)
        assert status == 413
    assert prism.get("/healthz")[0] == 200
    wait_for(lambda: len(refused(prism)) == 2, "line of each")


def refused(running: Running) -> list[dict[str, Any]]:
    return [event for event in running.events("request") if event["status"] == 413]


def upload(running: Running, size: int) -> tuple[int, bytes]:
    """A form with a file of `size` bytes, sent as browsers do."""
    import http.client

    edge = "x" * 30
    head = (
        f'--{edge}\r\nContent-Disposition: form-data; name="document"; filename="a.docx"\r\n'
        "Content-Type: application/octet-stream\r\n\r\n"
    ).encode()
    tail = f"\r\n--{edge}--\r\n".encode()
    connection = http.client.HTTPConnection(running.bind, timeout=60)
    try:
        connection.putrequest("POST", "/documents")
        connection.putheader("Content-Type", f"multipart/form-data; boundary={edge}")
        connection.putheader("Content-Length", str(len(head) + size + len(tail)))
        connection.endheaders()
        try:
            connection.send(head)
            for _ in range(size // MIB):
                connection.send(b"\0" * MIB)
            connection.send(tail)
        except OSError:
            pass  # Refused by its length alone, before all of it was read.
        response = connection.getresponse()
        return response.status, response.read()
    finally:
        connection.close()


@needs_browser
def test_two_workers_and_a_queue(page: Any, tmp_path: Path, redis_url: str) -> None:
    """Sessions in Redis are the same in every worker; a worker program takes the analyses."""
    env = {"REDIS_URL": redis_url, "SEATRIAL_WORKERS": "2"}
    (tmp_path / "web").mkdir()
    (tmp_path / "work").mkdir()
    web = start(tmp_path / "web", "prism.web:app", app_dir=PRISM, env=env)
    work = start(
        tmp_path / "work",
        "",
        app_dir=PRISM,
        env={**env, "PYTHONPATH": f"{PRISM}{os.pathsep}{os.environ.get('PYTHONPATH', '')}"},
        subcommand="worker",
        program=(sys.executable, "-m", "prism.worker"),
    )
    try:
        web.wait_ready()
        wait_for(lambda: get(work.management, "/ready")[0] == 200, "ready worker")
        wait_for(lambda: len(web.workers()) == 2, "second worker")
        use(page, web, tmp_path)
        for _ in range(20):  # whichever worker answers
            page.reload()
            assert page.locator(".analysis[data-done]").count() == 3
        logged = work.stdout + work.stderr
        assert re.search(r"prism\.work\.run_job", logged), logged[-3000:]
        work.process.terminate()
        assert work.wait_exit() == 0
    finally:
        web.end()
        work.end()
