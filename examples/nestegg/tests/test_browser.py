"""Chromium in front of the running app."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pypdfium2 as pdfium
import pytest
from playwright.sync_api import Browser, BrowserContext, Page, WebSocket, expect

from tests.running import WAIT_MS, app, browser, chromium, idle, wait_for_result

expect.set_options(timeout=WAIT_MS)
METRIC = "[data-testid=stMetric]"


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with app(tmp_path_factory.mktemp("app") / "log") as address:
        yield address


@pytest.fixture(scope="module")
def started() -> Iterator[Browser]:
    path = chromium()
    if path is None:
        pytest.skip("Chromium is not installed")
    with browser(path) as it:
        yield it


@pytest.fixture(scope="module")
def context(started: Browser) -> Iterator[BrowserContext]:
    """One for all tests: Streamlit's own scripts are fetched and compiled once."""
    made = started.new_context(accept_downloads=True)
    made.set_default_timeout(WAIT_MS)
    yield made
    made.close()


@pytest.fixture
def page(context: BrowserContext) -> Iterator[Page]:
    """A page of its own, without what an earlier one left."""
    page = context.new_page()
    page.set_viewport_size({"width": 1280, "height": 900})
    yield page
    page.close()
    context.clear_cookies()


def lasts(page: Page) -> str:
    return page.locator(METRIC).first.inner_text()


def test_the_page_works_over_its_websocket(page: Page, url: str) -> None:
    sockets: list[WebSocket] = []
    frames: list[object] = []
    problems: list[str] = []

    def opened(websocket: WebSocket) -> None:
        sockets.append(websocket)
        websocket.on("framereceived", lambda frame: frames.append(frame))

    page.on("websocket", opened)
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.on("console", lambda m: problems.append(m.text) if m.type == "error" else None)
    page.goto(url)
    wait_for_result(page)
    expect(page.locator(METRIC).first).to_contain_text(re.compile(r"\d+(\.\d)?\s%"))
    before = len(frames)

    years = page.get_by_label("Years to plan for")
    years.fill("50")
    years.press("Enter")
    expect(page.get_by_text(re.compile("The money lasts 50 years in"))).to_be_visible()
    assert len(sockets) == 1 and sockets[0].url.endswith("/_stcore/stream")
    assert not sockets[0].is_closed() and len(frames) > before
    assert parse_qs(urlsplit(page.url).query) == {"years": ["50"]}
    assert problems == []


def test_the_charts_are_drawn(page: Page, url: str) -> None:
    page.goto(url)
    wait_for_result(page)
    for tab in ("Balance", "Spending", "End value", "Lasting"):
        page.get_by_role("tab", name=tab).click()
        chart = page.locator("[data-testid=stVegaLiteChart]:visible")
        expect(chart).to_have_count(1)
        expect(chart.locator("svg, canvas").first).to_be_visible()
        box = chart.locator("svg, canvas").first.bounding_box()
        assert box is not None and box["width"] > 300 and box["height"] > 200
        page.mouse.move(1, 1)
        shot = chart.screenshot()
        assert len(shot) > 3_000  # an empty rectangle of this size compresses to less


def test_a_link_opens_the_plan(page: Page, url: str) -> None:
    page.goto(f"{url}/?portfolio_usd=2000000&spending_usd=90000&strategy=guardrails")
    wait_for_result(page)
    expect(page.get_by_label("Portfolio today ($)")).to_have_value("2000000")
    expect(page.get_by_text("Guyton-Klinger (2006)").first).to_be_visible()
    query = parse_qs(urlsplit(page.url).query)
    assert query == {
        "portfolio_usd": ["2000000"], "spending_usd": ["90000"], "strategy": ["guardrails"],
    }  # fmt: skip


def test_a_bad_link_says_so(page: Page, url: str) -> None:
    page.goto(f"{url}/?portfolio_usd=5&years=1e999")
    wait_for_result(page)
    expect(page.get_by_text("enter an amount from $1,000 to $100,000,000, not $5.")).to_be_visible()
    expect(page.get_by_text("Years to plan for: enter a number from 1 to 100.")).to_be_visible()
    expect(page.get_by_label("Portfolio today ($)")).to_have_value("1000000")


def test_the_pdf_downloads(page: Page, url: str, tmp_path: Path) -> None:
    page.goto(f"{url}/?spending_usd=45000")
    wait_for_result(page)
    shown = lasts(page)
    with page.expect_download() as download:
        page.get_by_role("button", name="Download as PDF").click()
    download.value.save_as(tmp_path / download.value.suggested_filename)
    document = pdfium.PdfDocument(tmp_path / "nestegg.pdf")
    text = " ".join(document[0].get_textpage().get_text_bounded().split())
    assert "$45,000" in text
    share = re.search(r"[\d.]+", shown)
    assert share is not None and share.group() in text


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390])
def test_the_page_fits_its_width(page: Page, url: str, width: int, scheme: str) -> None:
    page.set_viewport_size({"width": width, "height": 844})
    page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
    page.goto(url)
    wait_for_result(page)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    main = page.locator("[data-testid=stMain]")
    assert main.evaluate("element => element.scrollWidth <= element.clientWidth")
    background = page.locator("[data-testid=stApp]").evaluate(
        "element => getComputedStyle(element).backgroundColor"
    )
    assert background == ("rgb(16, 25, 26)" if scheme == "dark" else "rgb(251, 250, 247)")


def test_everything_can_be_reached_by_its_name(page: Page, url: str) -> None:
    page.goto(f"{url}/?model=own")
    wait_for_result(page)
    page.get_by_text("Fees, inflation, scenarios").click()
    idle(page)
    unnamed = page.evaluate(
        """() => [...document.querySelectorAll('input, button, [role=slider], [role=tab]')]
            .filter(e => e.offsetParent !== null)
            .filter(e => !(e.getAttribute('aria-label') || e.getAttribute('aria-labelledby')
                || e.labels?.length || e.innerText.trim() || e.title))
            .map(e => e.outerHTML.slice(0, 200))"""
    )
    assert unnamed == []
    charts = page.locator("[data-testid=stVegaLiteChart]:visible")
    expect(charts.first).to_be_visible()
    assert "Fan chart of the balance" in page.content()
