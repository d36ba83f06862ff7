"""The packaged catalogue, read once for all refreshes: each would read it anew."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from seatrial.catalog.load import load
from seatrial.catalog.refresh import run


@pytest.fixture(scope="session", autouse=True)
def packaged_once() -> Iterator[None]:
    known = load()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(run, "load", lambda: known)
        yield
