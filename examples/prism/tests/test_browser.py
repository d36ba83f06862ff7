"""A person at work: upload a file, watch the analysis, ask, export; in headless Chromium."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from docx import Document as open_docx
from playwright.sync_api import Browser, Page, expect, sync_playwright

from prism import sample
from tests import made
from tests.conftest import ROOT, wait_for

CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")
# Without a graphics card, drawing as if there were one costs a quarter more.
CHROMIUM_FLAGS = ["--no-sandbox", "--disable-gpu"]
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium")


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The app under Flask's own server, on a port that the system chose."""
    log = tmp_path_factory.mktemp("server") / "log"
    command = [sys.executable, "-m", "flask", "--app", "prism.web", "run", "--port", "0"]
    environ = {name: value for name, value in os.environ.items() if name != "REDIS_URL"}
    with log.open("w") as out:
        server = subprocess.Popen(command, cwd=ROOT, env=environ, stdout=out, stderr=out)
        try:
            found = wait_for(
                lambda: re.search(r"Running on (http://127\.0\.0\.1:\d+)\s", log.read_text()),
                "the server",
            )
            yield str(found[1])
        finally:
            server.terminate()
            server.wait(20)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=CHROMIUM, args=CHROMIUM_FLAGS)
        yield started
        started.close()


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A page of a fresh browser that must not report any error."""
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    opened = context.new_page()
    opened.set_default_timeout(60_000)
    expect.set_options(timeout=60_000)
    problems: list[str] = []
    opened.on("pageerror", lambda error: problems.append(str(error)))
    yield opened
    context.close()
    assert problems == []


def upload(page: Page, address: str, file: Path) -> None:
    page.goto(address)
    page.get_by_label("Word document").set_input_files(file)
    page.get_by_role("button", name="Analyse").click()


def test_from_upload_to_export(page: Page, address: str, tmp_path: Path) -> None:
    file = tmp_path / "warehouse.docx"
    file.write_bytes(sample.build())
    upload(page, address, file)
    page.wait_for_url("**/documents/*")
    expect(page.get_by_role("heading", name="Warehouse project")).to_be_visible()
    expect(page.locator("#progress")).to_be_hidden()
    expect(page.locator(".analysis[data-done]")).to_have_count(6)
    expect(page.get_by_text("“WMS” is not explained anywhere.")).to_be_visible()

    page.get_by_label("contradiction").uncheck()
    expect(page.locator(".finding.contradiction:visible")).to_have_count(0)
    expect(page.locator(".finding.unclear:visible").first).to_be_visible()

    page.get_by_label("Your question").fill("What is the total budget?")
    page.keyboard.press("Enter")
    answer = page.locator(".message.prism")
    expect(answer).to_contain_text("The total budget is 1.76 million EUR.")
    answer.get_by_role("link").first.click()
    assert re.search(r"#section-\d$", page.url)

    with page.expect_download() as download:
        page.get_by_role("link", name="Export Word").click()
    assert open_docx(str(download.value.path())).paragraphs[0].text.endswith("Warehouse project")
    with page.expect_download() as download:
        page.get_by_role("link", name="Export JSON").click()
    found = json.loads(Path(download.value.path()).read_text())
    assert found["complete"] and len(found["chat"]) == 2

    page.get_by_role("link", name="Prism").click()
    expect(page.get_by_role("link", name="Warehouse project")).to_be_visible()


def test_a_refusal_is_read_out_where_it_happens(page: Page, address: str, tmp_path: Path) -> None:
    file = tmp_path / "macros.docx"
    file.write_bytes(made.with_part("word/vbaProject.bin", b"x"))
    upload(page, address, file)
    expect(page.get_by_role("alert")).to_contain_text("has macros")
    expect(page.get_by_role("button", name="Analyse")).to_be_enabled()
    file = tmp_path / "large.docx"
    file.write_bytes(b"PK" + b"\0" * (11 * 1024 * 1024))
    page.get_by_label("Word document").set_input_files(file)
    expect(page.get_by_role("alert")).to_contain_text("larger than 10 MB")


def test_text_of_a_document_never_runs(page: Page, address: str, tmp_path: Path) -> None:
    file = tmp_path / "x.docx"
    attack = "<img src=x onerror=document.title='owned'> must be done as soon as possible."
    file.write_bytes(made.plain(attack))
    upload(page, address, file)
    page.wait_for_url("**/documents/*")
    expect(page.locator("#progress")).to_be_hidden()
    expect(page.locator(".finding").first).to_contain_text("as soon as possible")
    page.get_by_label("Your question").fill("<img src=x onerror=document.title='owned'>")
    page.keyboard.press("Enter")
    expect(page.locator(".message.user")).to_contain_text("<img src=x")
    assert page.locator("main img").count() == 0 and page.title() != "owned"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_phone(browser: Browser, address: str, scheme: str) -> None:
    context = browser.new_context(
        viewport={"width": 390, "height": 844},
        color_scheme="dark" if scheme == "dark" else "light",
        has_touch=True,
    )
    page = context.new_page()
    page.set_default_timeout(60_000)
    page.goto(address)
    page.get_by_role("button", name="Try the sample").tap()
    page.wait_for_url("**/documents/*")
    expect(page.locator("#progress")).to_be_hidden(timeout=60_000)
    assert page.evaluate("document.documentElement.scrollWidth") == 390
    background = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert background == ("rgb(18, 17, 26)" if scheme == "dark" else "rgb(246, 245, 250)")
    page.get_by_role("link", name="Ask", exact=True).tap()
    expect(page.get_by_label("Your question")).to_be_in_viewport()
    context.close()


def test_by_keyboard_alone(page: Page, address: str) -> None:
    page.goto(address)
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to content")).to_be_focused()
    for _step in range(12):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.textContent.trim()") == "Try the sample":
            break
    page.keyboard.press("Enter")
    page.wait_for_url("**/documents/*")
    unnamed = page.evaluate(
        "[...document.querySelectorAll('input:not([type=hidden]), button, a')]"
        ".filter((e) => !(e.textContent.trim() || e.labels?.length || e.ariaLabel)).length"
    )
    assert unnamed == 0


def test_without_javascript(browser: Browser, address: str) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.set_default_timeout(60_000)
    page.goto(address)
    page.get_by_role("button", name="Try the sample").click()
    page.wait_for_url("**/documents/*")
    for _load in range(120):
        if page.locator(".analysis[data-done]").count() == 6:
            break
        page.wait_for_timeout(250)
        page.reload()
    page.get_by_label("Your question").fill("What is the total budget?")
    page.get_by_role("button", name="Ask").click()
    expect(page.locator(".message.prism")).to_contain_text("1.76 million EUR")
    context.close()
