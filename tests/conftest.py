"""Shared by all tests: their order, golden files (written anew by `make golden`), kernels."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

# A busy machine is no failure: neither a slow example nor slow making of them.
settings.register_profile("seatrial", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("seatrial")
TESTS = Path(__file__).parent

LONGEST = (
    "e2e/test_e2e_furlong.py",
    # Compiles the simulator's kernels while the first one still measures its app.
    "cli/test_cli_plan.py",
    "engines/test_engines_measured.py",
    "e2e/test_e2e_kill.py",
    "house/test_house_seed_decisions.py",
    "engines/test_engines_local_faults.py",
    "planner/test_planner_search.py",
    "trials/test_trials_load.py",
    "profiler/test_profiler_source.py",
    "bundler/test_bundler_terraform.py",
    "planner/test_planner_plan.py",
    "bundler/test_bundler_verify.py",
    "engines/test_engines_local_scaling.py",
    "e2e/test_e2e_errors.py",
)
"""The files that take longest begin: no worker is left with one when the others are done."""


def pytest_configure(config: pytest.Config) -> None:
    # Prices that somebody fetched on this machine must not decide a test.
    os.environ["SEATRIAL_PRICES_DIR"] = str(TESTS / "no-fetched-prices")
    # The simulator's machine code is kept for all workers, the commands they start and later runs.
    if config.pluginmanager.hasplugin("cacheprovider"):
        folder = config.cache.mkdir("kernels")
        os.environ.setdefault("SEATRIAL_KERNELS_DIR", str(folder))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    places = {TESTS / name: place for place, name in enumerate(LONGEST)}
    items.sort(key=lambda item: places.get(item.path, len(places)))


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
