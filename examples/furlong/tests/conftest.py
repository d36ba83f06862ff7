"""A small model, trained once, and applications on databases of their own."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient

from furlong import create_app
from furlong.model import Model, load_model
from furlong.train import build


def postgres_binaries() -> Path | None:
    """Where initdb is: on the path, or where Debian keeps it."""
    found = shutil.which("initdb")
    places = [Path(found)] if found else sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    return places[-1].parent if places else None


@pytest.fixture(scope="session")
def model_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("model")
    model, report = build(seed=3, races=2400)
    model.save(folder / "furlong.safetensors")
    (folder / "evaluation.json").write_text(json.dumps(report))
    return folder


@pytest.fixture(scope="session")
def model(model_dir: Path) -> Model:
    return load_model(model_dir / "furlong.safetensors")


@pytest.fixture(scope="session")
def app(model_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Flask:
    data = tmp_path_factory.mktemp("data")
    url = f"sqlite:///{data / 'test.sqlite3'}"
    return create_app({"MODEL_DIR": str(model_dir), "DATABASE_URL": url})


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    return app.test_client()


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """URL of a throw-away PostgreSQL on a unix socket; skips only if it is not installed."""
    bins = postgres_binaries()
    if bins is None:
        pytest.skip("PostgreSQL is not installed")
    home = Path(tempfile.mkdtemp(prefix="furlong-pg-"))
    as_user: list[str] = []
    if os.geteuid() == 0:  # PostgreSQL refuses to be root
        shutil.chown(home, "postgres")
        as_user = ["runuser", "-u", "postgres", "--"]
    data = home / "data"
    start = f"-c listen_addresses='' -c unix_socket_directories={home} -c fsync=off"
    initdb = [str(bins / "initdb"), "-D", str(data), "-U", "furlong", "-A", "trust"]
    pg_ctl = [str(bins / "pg_ctl"), "-D", str(data), "-w", "-l", str(home / "log")]
    try:
        subprocess.run([*as_user, *initdb], check=True, capture_output=True, cwd="/")
        subprocess.run(
            [*as_user, *pg_ctl, "-o", start, "start"],
            check=True,
            cwd="/",
            stdout=subprocess.DEVNULL,
        )
        try:
            yield f"postgres://furlong@/postgres?host={home}"
        finally:
            subprocess.run(
                [*as_user, *pg_ctl, "-m", "immediate", "stop"], cwd="/", stdout=subprocess.DEVNULL
            )
    finally:
        shutil.rmtree(home, ignore_errors=True)
