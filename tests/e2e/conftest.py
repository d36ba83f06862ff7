"""The installed command, on copies of apps, in an empty home."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from seatrial.engines.ports import free_ports

ROOT = Path(__file__).parents[2]
SEATRIAL = Path(sys.executable).parent / "seatrial"

APP = '''
"""A small shop."""
import os
from flask import Flask, jsonify

app = Flask(__name__)


@app.get("/")
def index():
    return "<a href='/items/1'>first</a>"


@app.get("/items/<int:item_id>")
def item(item_id):
    return jsonify(id=item_id, square=sum(i * i for i in range(2000)))
'''


class Done(NamedTuple):
    """What a command came to."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


class Cli(NamedTuple):
    """The command with an environment of its own."""

    home: Path
    app: Path

    def run(
        self, *arguments: str, timeout: float = 600, before: tuple[str, ...] = (), **env: str
    ) -> Done:
        done = subprocess.run(
            [*before, SEATRIAL, *arguments], capture_output=True, text=True, timeout=timeout,
            env={**self.env(), **env}, cwd=self.home, check=False,
        )  # fmt: skip
        return Done(done.returncode, done.stdout, done.stderr)

    def start(self, *arguments: str, **env: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [SEATRIAL, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            env={**self.env(), **env}, cwd=self.home,
        )  # fmt: skip

    def env(self) -> dict[str, str]:
        # The caches of package indexes stay: the tests are about Seatrial, not about downloads.
        cache = os.environ.get("UV_CACHE_DIR", str(Path.home() / ".cache/uv"))
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("SEATRIAL_", "COLUMNS"))}
        # So do Terraform's providers and the simulator's machine code.
        names = ("SEATRIAL_TERRAFORM_PLUGIN_DIR", "SEATRIAL_KERNELS_DIR")
        extra = {name: os.environ[name] for name in names if os.environ.get(name)}
        return {**kept, **extra, "HOME": str(self.home), "UV_CACHE_DIR": cache, "COLUMNS": "80"}


def end(cli: Cli) -> None:
    """Stop whatever a test left running; without a state folder nothing ever ran."""
    if (cli.app / ".seatrial").exists():
        cli.run("stop", str(cli.app))


def shop(root: Path) -> Iterator[Cli]:
    """A small app, not yet profiled, for which one platform is looked at."""
    home, app = root / "home", root / "shop"
    home.mkdir()
    app.mkdir()
    (app / "app.py").write_text(APP)
    (app / "requirements.txt").write_text("flask==3.1.3\n")
    (app / "seatrial.toml").write_text(
        "[demand]\nrequests_per_day = 400000\n"
        f"[deploy]\nport = {free_ports(1)[0]}\n"
        '[plan]\nplatforms = ["aws-fargate"]\n'
    )
    cli = Cli(home, app)
    yield cli
    end(cli)


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Cli]:
    """A small app of one test's own."""
    yield from shop(tmp_path)


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cli]:
    """A small app that all tests of a file ship, with what an earlier one installed."""
    yield from shop(tmp_path_factory.mktemp("kept"))


@pytest.fixture(scope="session")
def furlong(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Cli, Done]]:
    """examples/furlong, shipped once and kept up."""
    root = tmp_path_factory.mktemp("furlong")
    home, app = root / "home", root / "furlong"
    home.mkdir()
    shutil.copytree(
        ROOT / "examples/furlong", app,
        ignore=shutil.ignore_patterns(".seatrial", "model", "instance", "__pycache__", ".*_cache"),
    )  # fmt: skip
    cli = Cli(home, app)
    written = (app / "seatrial.toml").read_text()
    # A sixth of the races: how long the example trains is nothing to the loop.
    trained = written.replace('furlong.train"', 'furlong.train --races 6000"')
    assert trained != written
    (app / "seatrial.toml").write_text(f"{trained}\n[deploy]\nport = {free_ports(1)[0]}\n")
    try:
        # The bundle is checked once, by `seatrial bundle`: here Terraform finds no provider.
        unchecked = {"SEATRIAL_TERRAFORM_PLUGIN_DIR": "/nonexistent"}
        yield cli, cli.run("ship", str(app), "--keep", timeout=800, **unchecked)
    finally:
        end(cli)
