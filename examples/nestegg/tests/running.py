"""The app as users have it: `streamlit run` on a free port, and Chromium in front of it."""

from __future__ import annotations

import secrets
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from playwright.sync_api import Browser, Page, sync_playwright

FOLDER = Path(__file__).parents[1]
START_S = 60
#: Chromium may be slow on a busy machine.
WAIT_MS = 60_000
# Without a graphics card, drawing as if there were one costs a quarter more.
CHROMIUM_FLAGS = ["--no-sandbox", "--disable-gpu"]


def chromium() -> str | None:
    """Where a Chromium is, if there is one."""
    names = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
    return next((found for name in names if (found := shutil.which(name))), None)


def free_port() -> int:
    """A port that was free a moment ago, below those that the system gives to whoever asks."""
    while True:
        port = 12_000 + secrets.randbelow(20_000)
        with socket.socket() as listener, suppress(OSError):
            listener.bind(("127.0.0.1", port))
            return port


def healthy(url: str) -> bool:
    """Whether Streamlit itself answers there (any other path answers 200, too)."""
    try:
        with urllib.request.urlopen(f"{url}/_stcore/health", timeout=2) as answer:
            return bool(answer.read() == b"ok")
    except (urllib.error.URLError, OSError):
        return False


@contextmanager
def app(log: Path) -> Iterator[str]:
    """The address of the running app; it is ended afterwards."""
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    command = [sys.executable, "-m", "streamlit", "run", "app.py", "--server.headless", "true",
               "--server.address", "127.0.0.1", "--server.port", str(port)]  # fmt: skip
    with log.open("wb") as output:
        process = subprocess.Popen(command, cwd=FOLDER, stdout=output, stderr=output)
        try:
            deadline = time.monotonic() + START_S
            while not healthy(url):
                if process.poll() is not None or time.monotonic() > deadline:
                    raise RuntimeError(f"streamlit did not start: {log.read_text()}")
                time.sleep(0.1)
            yield url
        finally:
            process.terminate()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


@contextmanager
def browser(path: str) -> Iterator[Browser]:
    """A headless Chromium."""
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=path, args=CHROMIUM_FLAGS)
        try:
            yield started
        finally:
            started.close()


def wait_for_result(page: Page) -> None:
    """Until the first chart is drawn and Streamlit is idle."""
    page.wait_for_selector("[data-testid=stVegaLiteChart] :is(svg, canvas)", timeout=WAIT_MS)
    idle(page)


def idle(page: Page) -> None:
    """Until no rerun of the script is under way."""
    page.wait_for_selector(
        "[data-testid=stApp][data-test-script-state=notRunning]", state="attached", timeout=WAIT_MS
    )
