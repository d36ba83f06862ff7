"""Small apps, written out as the test names them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from seatrial.profiler.source import Source

collect_ignore_glob = ["apps/*"]  # the apps have tests of their own

Files = dict[str, str | bytes]


@pytest.fixture
def app(tmp_path: Path) -> Callable[[Files], Source]:
    """Write files into a folder of their own and open it."""

    def write(files: Files) -> Source:
        root = tmp_path / "shop"
        for name, content in files.items():
            path = root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content.encode() if isinstance(content, str) else content)
        return Source.open(root)

    return write
