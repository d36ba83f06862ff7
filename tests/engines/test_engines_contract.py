"""What every engine keeps. A new engine adds itself to `ENGINES` and passes this file."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from msgspec.structs import replace

from seatrial.engines import runner
from seatrial.engines.engine import Engine, Release, StopReport
from seatrial.engines.local.engine import LocalEngine
from seatrial.kernel.errors import DeployError, InputError, PortInUseError

ENGINES: dict[str, Callable[[Path], Engine]] = {"local": LocalEngine}


def quiet(line: str) -> None:
    """Progress that nobody reads."""


@pytest.fixture(params=ENGINES)
def engine(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Engine]:
    made = ENGINES[request.param](tmp_path / "root")
    yield made
    made.stop(progress=quiet)
    assert made.status() is None


@pytest.fixture
def release(make_release: Callable[..., Release], tmp_path: Path) -> Release:
    data = tmp_path / "data"
    return make_release(data_env="SMALL_DATA", data_dir=str(data), env={"LICENCE": "s3cr3t-value"})


def test_nothing_deployed(engine: Engine) -> None:
    assert engine.status() is None
    assert engine.stop(progress=quiet) == StopReport()


def test_a_release_serves_from_all_replicas_until_it_is_stopped(
    engine: Engine, release: Release, tmp_path: Path
) -> None:
    lines: list[str] = []
    deployed = engine.deploy(release, progress=lines.append)
    assert lines
    assert deployed.healthy and deployed.serving
    assert deployed.url == f"http://127.0.0.1:{release.port}"
    assert {item.state for item in deployed.processes} == {"ready"}
    bodies = {runner.http_get(deployed.url + "/", 10)[1] for _ in range(12)}
    assert len(bodies) == release.replicas
    assert engine.status() == deployed
    env = runner.http_get(deployed.url + "/env", 10)[1].decode()
    assert "s3cr3t-value" in env and str(tmp_path / "data") in env

    with pytest.raises(DeployError, match="already running at"):
        engine.deploy(release, progress=quiet)
    assert engine.status() == deployed

    (tmp_path / "data" / "kept.txt").write_text("kept")
    report = engine.stop(progress=quiet)
    assert {item.pid for item in deployed.processes} <= {item.pid for item in report.ended}
    assert engine.status() is None
    assert runner.is_free(release.port)
    assert engine.stop(progress=quiet) == StopReport()
    assert (tmp_path / "data" / "kept.txt").read_text() == "kept"
    for path in (tmp_path / "root").rglob("*"):
        if path.is_file():
            assert b"s3cr3t-value" not in path.read_bytes(), path


def test_requests_in_flight_survive_a_stop(engine: Engine, release: Release) -> None:
    deployed = engine.deploy(replace(release, replicas=1), progress=quiet)
    answers: list[int] = []
    slow = f"{deployed.url}/slow?s=1.5"
    thread = threading.Thread(target=lambda: answers.append(runner.http_get(slow, 30)[0]))
    thread.start()
    deadline = time.monotonic() + 30
    while b'"count":1' not in runner.http_get(deployed.url + "/sleeping", 10)[1]:
        assert time.monotonic() < deadline
    engine.stop(progress=quiet)
    thread.join()
    assert answers == [200]


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"entry": "bad:app"}, "no licence"),
        ({"entry": "web:nothing"}, "nothing"),
        ({"entry": "no_such_module:app"}, "no_such_module"),
        ({"entry": "web:never", "start_timeout_s": 6.0}, "503"),
    ],
)
def test_an_app_that_does_not_start_leaves_nothing(
    engine: Engine, release: Release, changes: dict[str, object], told: str
) -> None:
    with pytest.raises(DeployError, match=told) as caught:
        engine.deploy(replace(release, **changes), progress=quiet)
    assert "s3cr3t-value" not in str(caught.value)
    assert engine.status() is None
    assert runner.is_free(release.port)


def test_a_port_in_use_is_told_before_anything_starts(engine: Engine, release: Release) -> None:
    with socket.create_server(("127.0.0.1", release.port)):
        with pytest.raises(PortInUseError, match=str(release.port)) as caught:
            engine.deploy(release, progress=quiet)
        assert "--port" in caught.value.fix
        assert "python" in str(caught.value) or "pytest" in str(caught.value)
    assert engine.status() is None


@pytest.mark.parametrize(
    "changes",
    [
        {"replicas": 0},
        {"port": 0},
        {"port": 70000},
        {"workers": 0},
        {"python": "/nonexistent/python"},
        {"source_dir": "/nonexistent"},
        {"env": {"A=B": "x"}},
        {"env": {"A": "x\0"}},
    ],
)
def test_a_release_that_cannot_run_is_refused(
    engine: Engine, release: Release, changes: dict[str, object]
) -> None:
    with pytest.raises(InputError):
        engine.deploy(replace(release, **changes), progress=quiet)
    assert engine.status() is None
