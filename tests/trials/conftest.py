from __future__ import annotations

import json
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

SERVER = Path(__file__).with_name("trial_server.py")


class Server:
    """A misbehaving server in a process of its own, and what it has seen."""

    def __init__(self, host: str = "127.0.0.1") -> None:
        self.process = subprocess.Popen(
            (sys.executable, str(SERVER), host), stdout=subprocess.PIPE, text=True
        )
        assert self.process.stdout is not None
        self.port = int(self.process.stdout.readline())
        self.url = f"http://{f'[{host}]' if ':' in host else host}:{self.port}"

    def seen(self) -> dict[str, int]:
        with urllib.request.urlopen(f"{self.url}/seen", timeout=10) as answer:
            return dict(json.load(answer))

    def stop(self) -> None:
        self.process.kill()
        self.process.wait()
        assert self.process.stdout is not None
        self.process.stdout.close()


@pytest.fixture
def server() -> Iterator[Server]:
    started = Server()
    yield started
    started.stop()


@pytest.fixture
def ipv6_server() -> Iterator[Server]:
    started = Server("::1")
    yield started
    started.stop()
