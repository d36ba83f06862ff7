import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

from harness import Running, start
from redis_server import redis_server

CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")
# Without a graphics card, drawing as if there were one costs a quarter more.
CHROMIUM_FLAGS = ["--no-sandbox", "--disable-gpu"]
LONG_MS = 60_000  # A browser's patience.
needs_browser = pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium")
# A busy machine is no failure: neither a slow example nor slow making of them.
settings.register_profile("runtime", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("runtime")
Start = Callable[..., Running]


@pytest.fixture
def run(tmp_path: Path) -> Iterator[Start]:
    """Starts the command; whatever a test started is gone when it ends."""
    started: list[Running] = []

    def begin(target: str = "sample:app", *options: str, **more: Any) -> Running:
        folder = tmp_path / str(len(started))
        folder.mkdir()
        started.append(start(folder, target, *options, **more))
        return started[-1]

    yield begin
    for running in started:
        running.end()


@pytest.fixture
def redis_url() -> Iterator[str]:
    """A real server, empty."""
    with redis_server() as server:
        yield f"redis://{server.host}:{server.port}/0"


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    playwright = pytest.importorskip("playwright.sync_api")
    with playwright.sync_playwright() as driver:
        opened = driver.chromium.launch(executable_path=CHROMIUM, args=CHROMIUM_FLAGS)
        yield opened
        opened.close()


@pytest.fixture
def page(browser: Any) -> Iterator[Any]:
    """A fresh browser's page, on which no script may fail."""
    context = browser.new_context(accept_downloads=True)
    opened = context.new_page()
    opened.set_default_timeout(LONG_MS)
    problems: list[str] = []
    opened.on("pageerror", lambda error: problems.append(str(error)))
    yield opened
    context.close()
    assert problems == []
