"""The proxy's configuration: valid, closed to the outside, and what it does to requests."""

from __future__ import annotations

import http.client
import json
import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seatrial.engines import commands, runner
from seatrial.engines.engine import Release
from seatrial.engines.local import envoy, launch
from seatrial.engines.local.engine import LocalEngine
from seatrial.engines.local.layout import layout_of
from seatrial.engines.ports import free_ports
from seatrial.kernel.errors import ToolError


@pytest.fixture(scope="module")
def served(
    tmp_path_factory: pytest.TempPathFactory, make_release: Callable[..., Release]
) -> Iterator[tuple[Release, Path]]:
    root = tmp_path_factory.mktemp("served")
    release = make_release()
    engine = LocalEngine(root)
    engine.deploy(release, progress=lambda line: None)
    yield release, root
    engine.stop(progress=lambda line: None)


def ask(
    port: int, method: str, path: str, body: Any = None, headers: dict[str, str] | None = None
) -> tuple[int, bytes, dict[str, str]]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    try:
        connection.request(method, path, body, headers or {})
        answer = connection.getresponse()
        return answer.status, answer.read(), {k.lower(): v for k, v in answer.getheaders()}
    finally:
        connection.close()


@pytest.mark.parametrize("sticky", [False, True])
def test_envoy_accepts_the_configuration(tmp_path: Path, sticky: bool) -> None:
    config = tmp_path / "proxy.json"
    config.write_bytes(
        envoy.bootstrap(
            port=free_ports(1)[0],
            admin=tmp_path / "admin.sock",
            endpoints_file=tmp_path / "endpoints" / "replicas.json",
            access_log=tmp_path / "access.log",
            name="test",
            sticky=sticky,
        )
    )
    (tmp_path / "endpoints").mkdir()
    (tmp_path / "endpoints" / "replicas.json").write_bytes(envoy.endpoints(()))
    done = subprocess.run(
        [*commands.proxy(launch.proxy_binary(), config), "--mode", "validate"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "deprecated" not in done.stderr.lower()
    assert "[warning]" not in done.stderr


def test_visitors_come_back_to_their_replica(
    tmp_path: Path, make_release: Callable[..., Release]
) -> None:
    release = make_release(sticky=True, replicas=2)
    engine = LocalEngine(tmp_path)
    engine.deploy(release, progress=lambda line: None)
    try:
        first_pids = set()
        for _ in range(12):
            _, body, headers = ask(release.port, "GET", "/")
            first = json.loads(body)["pid"]
            first_pids.add(first)
            cookie = {"Cookie": headers["set-cookie"].partition(";")[0]}
            again = [ask(release.port, "GET", "/", headers=cookie)[1] for _ in range(4)]
            assert {json.loads(body)["pid"] for body in again} == {first}
        assert len(first_pids) == 2, "new visitors were to be spread"
    finally:
        engine.stop(progress=lambda line: None)


ports = st.integers(1, 65535)


@given(st.lists(st.tuples(ports, ports), max_size=8))
def test_every_replica_is_listed_with_its_probe(replicas: list[tuple[int, int]]) -> None:
    given_ = tuple(envoy.Endpoint(port=a, management_port=b) for a, b in replicas)
    resources = json.loads(envoy.endpoints(given_))["resources"]
    hosts = resources[0]["endpoints"][0]["lb_endpoints"]
    found = [
        (
            host["endpoint"]["address"]["socket_address"]["port_value"],
            host["endpoint"]["health_check_config"]["port_value"],
        )
        for host in hosts
    ]
    assert found == replicas


def test_it_listens_on_loopback_only_and_has_no_tcp_administration(
    served: tuple[Release, Path],
) -> None:
    release, root = served
    found = LocalEngine(root).status()
    assert found is not None
    pid = next(item.pid for item in found.processes if item.role == "proxy")
    listening = {
        (item.laddr.ip, item.laddr.port)
        for item in psutil.Process(pid).net_connections("tcp")
        if item.status == psutil.CONN_LISTEN
    }
    assert listening == {("127.0.0.1", release.port)}
    admin = layout_of(root).admin
    assert admin.stat().st_mode & 0o077 == 0
    assert runner.http_unix(admin, "GET", "/ready", 5)[0] == 200


def test_headers_that_would_deceive_the_app_are_removed(served: tuple[Release, Path]) -> None:
    release, _ = served
    forged = {
        "X-Forwarded-Host": "evil.example",
        "X-Forwarded-Proto": "https",
        "X_Forwarded_For": "6.6.6.6",
        "X-Forwarded-For": "6.6.6.6, 10.0.0.1",
        "X-Real-IP": "6.6.6.6",
        "Forwarded": "for=6.6.6.6",
        "Proxy": "http://evil.example",
        "X-Envoy-Retry-On": "5xx",
        "X-Envoy-Upstream-Rq-Timeout-Ms": "1",
    }
    status, body, headers = ask(release.port, "POST", "/echo", b"x", forged)
    assert status == 200
    seen = {name.lower(): value for name, value in json.loads(body)["headers"].items()}
    assert "evil.example" not in str(seen)
    assert "6.6.6.6" not in str(seen)
    assert not [name for name in seen if name.startswith("x-envoy-") and "retry" in name]
    assert seen["x-forwarded-proto"] == "http"
    assert seen["x-forwarded-for"] == "127.0.0.1"
    assert headers["x-request-id"] == seen["x-request-id"]
    assert not [name for name in headers if name.startswith("x-envoy")]


@pytest.mark.parametrize("chunked", [False, True])
def test_bodies_are_limited(served: tuple[Release, Path], chunked: bool) -> None:
    release, _ = served

    def body(size: int) -> Any:
        data = b"x" * size
        parts = [data[at : at + 65536] for at in range(0, size, 65536)]
        return iter(parts) if chunked else data

    status, answer, _ = ask(release.port, "POST", "/echo", body(envoy.MAX_BODY_BYTES - 1))
    assert (status, json.loads(answer)["bytes"]) == (200, envoy.MAX_BODY_BYTES - 1)
    try:
        status, _, _ = ask(release.port, "POST", "/echo", body(envoy.MAX_BODY_BYTES + 65536))
    except (BrokenPipeError, ConnectionResetError):
        status = 413  # The proxy answered and closed before everything was sent.
    assert status == 413
    assert ask(release.port, "GET", "/")[0] == 200


def test_an_app_error_ejects_no_replica(served: tuple[Release, Path]) -> None:
    release, root = served
    assert {ask(release.port, "GET", "/broken")[0] for _ in range(30)} == {500}
    assert len({ask(release.port, "GET", "/")[1] for _ in range(8)}) == 2
    found = LocalEngine(root).status()
    assert found is not None and found.healthy


def test_the_access_log_has_no_query_strings(served: tuple[Release, Path]) -> None:
    release, root = served
    assert ask(release.port, "GET", "/?token=t0p-s3cret")[0] == 200
    log = layout_of(root).log("access")
    launch_lines: list[dict[str, Any]] = []
    for _ in range(600):
        text = log.read_text()
        launch_lines = [json.loads(line) for line in text.splitlines() if line.endswith("}")]
        if any(line["user_agent"] is None and line["path"] == "/" for line in launch_lines):
            break
        psutil.Process().cpu_percent(0.05)
    assert launch_lines and "t0p-s3cret" not in log.read_text()
    assert log.stat().st_mode & 0o077 == 0


def test_the_binary_can_be_chosen(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    packaged = launch.proxy_binary()
    assert os.access(packaged, os.X_OK)
    chosen = tmp_path / "envoy"
    monkeypatch.setenv(launch.BINARY_VARIABLE, str(chosen))
    with pytest.raises(ToolError, match="not an Envoy binary"):
        launch.proxy_binary()
    chosen.symlink_to(packaged)
    assert launch.proxy_binary() == str(chosen)


def test_roots_with_long_paths_work(tmp_path: Path) -> None:
    layout = layout_of(tmp_path / ("a" * 120))
    layout.create()
    layout.create_run()
    assert len(os.fsencode(layout.admin)) < 104
    assert layout.sockets.stat().st_mode & 0o077 == 0
    layout.sockets.rmdir()


def test_logs_are_bounded(tmp_path: Path) -> None:
    log = tmp_path / "replica-0.log"
    with log.open("ab", buffering=0) as writer:
        writer.write(b"a" * 1000)
        launch.rotate(log, 1000)
        assert log.stat().st_size == 1000
        writer.write(b"b" * 500)
        launch.rotate(log, 1000)
        assert log.stat().st_size == 0
        assert (tmp_path / "replica-0.log.1").read_bytes() == b"a" * 500 + b"b" * 500
        writer.write(b"c")
    assert log.read_bytes() == b"c"
