"""One small Flask app in a real environment with the real runtime, shared by all engine tests."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
import pytest
from msgspec.structs import replace

from seatrial.engines import processes, runner
from seatrial.engines.engine import Release
from seatrial.engines.local.engine import LocalEngine
from seatrial.engines.local.environment import Prepared, prepare
from seatrial.engines.local.layout import layout_of
from seatrial.engines.ports import free_ports
from seatrial.kernel.errors import SeatrialError
from seatrial.kernel.workload import Component, Workload

RUNTIME = Path(__file__).parents[2] / "runtime"
APP = """
import os, time
from flask import Flask, request
app = Flask(__name__)
sleeping = []

@app.get("/")
def index():
    return {"pid": os.getpid(), "role": os.environ["SEATRIAL_ROLE"]}

@app.get("/env")
def env():
    return dict(os.environ)

@app.get("/slow")
def slow():
    sleeping.append(1)
    time.sleep(float(request.args["s"]))
    sleeping.pop()
    return {"pid": os.getpid()}

@app.get("/burn")
def burn():
    until = time.thread_time() + float(request.args["s"])
    while time.thread_time() < until:
        pass
    return {"pid": os.getpid()}

@app.get("/sleeping")
def how_many():
    return {"count": len(sleeping)}

@app.post("/echo")
def echo():
    return {"bytes": len(request.get_data()), "headers": dict(request.headers)}

@app.get("/broken")
def broken():
    return "sorry", 500

never = Flask("never")

@never.get("/")
def not_yet():
    return "the model is not loaded", 503

def factory():
    return app
"""


@dataclass
class Bench:
    """One root, its engine, and ways to look at it and hurt it."""

    root: Path
    release: Release
    lines: list[str] = field(default_factory=list)

    @property
    def engine(self) -> LocalEngine:
        return LocalEngine(self.root)

    def deploy(self, **changes: Any) -> Any:
        return self.engine.deploy(replace(self.release, **changes), progress=self.lines.append)

    def stop(self) -> Any:
        return self.engine.stop(progress=self.lines.append)

    def get(self, path: str = "/", timeout_s: float = 60.0) -> Any:
        status, body = runner.http_get(f"http://127.0.0.1:{self.release.port}{path}", timeout_s)
        assert status == 200, body
        return json.loads(body)

    def process(self, name: str) -> Any:
        found = self.engine.status()
        assert found is not None
        return next(item for item in found.processes if item.name == name)

    def kill(self, name: str) -> int:
        pid = self.process(name).pid
        assert isinstance(pid, int)
        psutil.Process(pid).kill()
        return pid

    def wait_until(self, check: Callable[[], bool], timeout_s: float = 120.0) -> None:
        deadline = time.monotonic() + timeout_s
        while not check():
            assert time.monotonic() < deadline, f"not within {timeout_s} s: {self.engine.status()}"
            time.sleep(0.05)

    def healthy(self) -> bool:
        found = self.engine.status()
        return found is not None and found.healthy

    def assert_nothing_left(self) -> None:
        """No process by mark, working directory or command line, no port, no run-time file."""
        runner.reap()
        layout = layout_of(self.root)
        assert processes.marked(layout.mark, owned=True) == ()
        for process in psutil.process_iter():
            with contextlib.suppress(psutil.Error):
                if process.status() != psutil.STATUS_ZOMBIE and process.pid != psutil.Process().pid:
                    assert str(layout.root) + "/" not in " ".join(process.cmdline())
        assert runner.is_free(self.release.port)
        left = {path.name for path in layout.root.iterdir()} if layout.root.exists() else set()
        assert left <= {"logs", "steps.jsonl", "env", "releases", "data"}
        assert not layout.sockets.exists()
        assert self.engine.status() is None


class Traffic:
    """GET requests from several threads until the `with` block ends; counts what failed."""

    def __init__(self, port: int, threads: int = 6, path: str = "/slow?s=0.02") -> None:
        self.answered = 0
        self.failed: list[str] = []
        self._url = f"http://127.0.0.1:{port}{path}"
        self._lock = threading.Lock()
        self._over = threading.Event()
        self._threads = [threading.Thread(target=self._send) for _ in range(threads)]

    def _send(self) -> None:
        while not self._over.is_set():
            try:
                status, body = runner.http_get(self._url, 20.0)
                problem = "" if status == 200 else f"{status} {body[:80]!r}"
            except SeatrialError as error:
                problem = str(error)
            with self._lock:
                self.answered += not problem
                if problem:
                    self.failed.append(problem)

    def __enter__(self) -> Traffic:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join()


@pytest.fixture(scope="session")
def runtime_wheel(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, bytes]:
    """The runtime as it is in this tree."""
    out = tmp_path_factory.mktemp("wheel")
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(out)],
        cwd=RUNTIME,
        check=True,
        capture_output=True,
    )
    path = next(out.glob("*.whl"))
    return path.name, path.read_bytes()


def workload_of(**changes: Any) -> Workload:
    web = Component(
        name="web",
        kind="web",
        framework="flask",
        interface="wsgi",
        entry="web:app",
        command=("web",),
        port=8080,
    )
    values: dict[str, Any] = {
        "app": "small",
        "source_digest": "0123456789abcdef",
        "requirements_file": "requirements.txt",
        "components": (web,),
    }
    return Workload(**(values | changes))


@pytest.fixture(scope="session")
def make_workload() -> Callable[..., Workload]:
    return workload_of


@pytest.fixture(scope="session")
def prepared(
    tmp_path_factory: pytest.TempPathFactory, runtime_wheel: tuple[str, bytes]
) -> Prepared:
    """The app's environment and copy, made the way the product makes them."""
    app_dir = tmp_path_factory.mktemp("small")
    (app_dir / "web.py").write_text(APP)
    (app_dir / "bad.py").write_text("raise RuntimeError('no licence: ' + __import__('os').environ"
                                    ".get('LICENCE', 'none'))\n")  # fmt: skip
    (app_dir / "requirements.txt").write_text("flask==3.1.3\n")
    root = tmp_path_factory.mktemp("prepared")
    return prepare(app_dir, workload_of(), runtime_wheel, root, lambda line: None)


@pytest.fixture(scope="session")
def make_release(prepared: Prepared) -> Callable[..., Release]:
    def make(**changes: Any) -> Release:
        values: dict[str, Any] = {
            "app": "small",
            "entry": "web:app",
            "python": str(prepared.python),
            "source_dir": str(prepared.source_dir),
            "port": free_ports(1)[0],
            "graceful_timeout_s": 5,
            "start_timeout_s": 60.0,
            "threads": 4,
        }
        return Release(**(values | changes))

    return make


@pytest.fixture
def bench(tmp_path: Path, make_release: Callable[..., Release]) -> Iterator[Bench]:
    """An engine with nothing deployed; whatever a test leaves is ended after it."""
    made = Bench(root=tmp_path / "root", release=make_release())
    yield made
    made.stop()
    made.assert_nothing_left()


@pytest.fixture(scope="session")
def traffic() -> type[Traffic]:
    return Traffic


@pytest.fixture(scope="session")
def python_path() -> str:
    """The import path of this process, for programs that tests start."""
    return ":".join(path for path in sys.path if path)
