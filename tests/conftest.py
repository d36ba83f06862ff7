"""Shared by all tests: golden files, written anew by `make golden`, and compiled kernels."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[1] / "src/seatrial"


def pytest_configure(config: pytest.Config) -> None:
    # Prices that somebody fetched on this machine must not decide a test.
    os.environ["SEATRIAL_PRICES_DIR"] = str(Path(__file__).parent / "no-fetched-prices")
    # The simulator's machine code is kept for all workers, the commands they start and later runs.
    # Numba looks at the file of a function only, not at those of the functions that it calls.
    kernels = [*sorted((SOURCE / "assessor/simulate").glob("*.py")), SOURCE / "kernel/policies.py"]
    digest = hashlib.sha256(b"".join(path.read_bytes() for path in kernels)).hexdigest()
    if config.pluginmanager.hasplugin("cacheprovider"):
        folder = config.cache.mkdir(f"kernels-{digest[:12]}")
        os.environ.setdefault("NUMBA_CACHE_DIR", str(folder))


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
