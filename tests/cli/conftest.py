"""The command in this process: a process of its own takes a second or two to start."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest
from typer.testing import CliRunner

from seatrial.cli import common
from seatrial.cli.verbs import app


class Done(NamedTuple):
    """What a command came to."""

    returncode: int
    stdout: str
    stderr: str


@pytest.fixture
def seatrial(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Done]:
    """`seatrial ARGUMENTS`, piped, 80 columns wide unless COLUMNS says otherwise."""

    def run(*arguments: str, cwd: Path | None = None, **env: str | None) -> Done:
        given = {"COLUMNS": "80", **env}
        for console in (common.out, common.err):
            # Made when they were imported, so they know an older width.
            monkeypatch.setattr(console, "_width", int(given["COLUMNS"] or 80))
        with contextlib.chdir(cwd or Path.cwd()):
            made = CliRunner().invoke(app, arguments, prog_name="seatrial", env=given)
        assert made.exception is None or isinstance(made.exception, SystemExit), made.exception
        return Done(made.exit_code, made.stdout, made.stderr)

    return run
