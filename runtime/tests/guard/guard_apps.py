"""Apps as their authors would write them, and what runs them behind the guard in plain servers."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from harness import PATIENCE_S, wait_for, written

HERE = Path(__file__).parent


class Server:
    """One server process group; its lines are in `log`."""

    def __init__(self, folder: Path, kind: str, app: str, flags: dict[str, str], workers: int = 1):
        self.listener = socket.socket()
        self.listener.bind(("127.0.0.1", 0))
        self.listener.listen(512)
        self.port = self.listener.getsockname()[1]
        self.address = f"127.0.0.1:{self.port}"
        self.kind, self.workers = kind, workers
        self.folder, self.log = folder, folder / "log"
        words = [kind, app, str(self.listener.fileno()), str(workers), json.dumps(flags)]
        self.out = self.log.open("wb")
        self.process = subprocess.Popen(
            [sys.executable, str(HERE / "guard_server.py"), *words],
            stdout=self.out,
            stderr=self.out,
            pass_fds=[self.listener.fileno()],
            start_new_session=True,
            env={
                **os.environ,
                "GUARD_FOLDER": str(folder),
                "PYTHONPATH": os.pathsep.join(sys.path),
            },
        )
        self.listener.close()

    def started(self) -> bool:
        """Whether all workers are ready, or it has ended."""
        ready = self.log.read_text().count("guard_server ready")
        return ready >= self.workers or self.process.poll() is not None

    def end(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        self.out.close()

    def connection(self, timeout_s: float = PATIENCE_S) -> http.client.HTTPConnection:
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout_s)

    def raw(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.port), PATIENCE_S)

    def ask(self, path: str = "/", method: str = "GET", body: Any = None, **headers: str) -> Answer:
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        with contextlib.closing(self.connection()) as connection:
            connection.request(method, path, body, sent)
            return Answer(connection.getresponse())

    def events(self, name: str) -> list[dict[str, Any]]:
        lines = [line for line in written(self.log).splitlines() if line[:1] == "{"]
        return [one for one in map(json.loads, lines) if one["event"] == name]

    def requests(self, path: str, count: int = 1) -> list[dict[str, Any]]:
        def found() -> list[dict[str, Any]] | None:
            lines = [one for one in self.events("request") if one["path"] == path]
            return lines if len(lines) >= count else None

        lines: list[dict[str, Any]] = wait_for(found, f"{count} lines of {path}")
        return lines


class Answer:
    def __init__(self, response: http.client.HTTPResponse) -> None:
        self.status = response.status
        self.body = response.read()
        self.headers = response.headers

    def json(self) -> Any:
        return json.loads(self.body)


@contextlib.contextmanager
def serving(
    folder: Path, kind: str, app: str, flags: dict[str, str] | None = None, workers: int = 1
) -> Iterator[Server]:
    """The app of `guard_samples` behind the guard; `kind` is wsgi (gunicorn) or asgi (uvicorn)."""
    server = Server(folder, kind, app, flags or {}, workers)
    try:
        wait_for(server.started, f"server: {server.log}")
        assert server.process.poll() is None, server.log.read_text()
        yield server
    finally:
        server.end()


def server_of(flags: dict[str, str]) -> Any:
    """A fixture: both kinds in turn, each one server for all tests of a module."""

    @pytest.fixture(scope="module", params=["wsgi", "asgi"])
    def server(
        request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
    ) -> Iterator[Server]:
        folder = tmp_path_factory.mktemp("server")
        with serving(folder, request.param, "plain_" + request.param, flags) as running:
            yield running

    return server
