"""Shared by all tests: golden files, written anew by `make golden`."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest


def pytest_configure() -> None:
    # Prices that somebody fetched on this machine must not decide a test.
    os.environ["SEATRIAL_PRICES_DIR"] = str(Path(__file__).parent / "no-fetched-prices")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--update-golden", action="store_true", help="write the golden files anew")


@pytest.fixture
def golden(request: pytest.FixtureRequest) -> Callable[[Path, str], None]:
    """Compare a text with a golden file, or write it with --update-golden."""

    def compare(path: Path, text: str) -> None:
        if request.config.getoption("--update-golden"):
            path.write_text(text)
        assert path.read_text() == text, f"{path} differs; `make golden` writes it anew"

    return compare
