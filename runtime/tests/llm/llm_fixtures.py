"""The provider that the tests of this folder ask."""

from collections.abc import Iterator

import pytest
from stand_in import StandIn


@pytest.fixture(scope="session", name="running")
def _running() -> Iterator[StandIn]:
    server = StandIn().start()
    yield server
    server.end()


@pytest.fixture(name="server")
def _server(running: StandIn, monkeypatch: pytest.MonkeyPatch) -> StandIn:
    """The stand-in, without what the test before told it; and credentials to sign with."""
    running.reset()
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret-example-key")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    return running
