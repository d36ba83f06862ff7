"""The command itself: help, version, unknown words, completion, pipes."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from seatrial import __version__
from seatrial.cli.main import VERBS

SEATRIAL = Path(sys.executable).parent / "seatrial"


def run(*arguments: str, **env: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [SEATRIAL, *arguments],
        capture_output=True,
        text=True,
        env={**os.environ, "COLUMNS": "80", **env},
        check=False,
    )


@pytest.mark.parametrize("arguments", [(), ("-h",), ("--help",)])
def test_help_teaches_every_verb_in_80_columns(arguments: tuple[str, ...]) -> None:
    done = run(*arguments)
    assert done.returncode == 0
    assert all(f"  {verb} " in done.stdout for verb in VERBS)
    assert "Exit codes" in done.stdout
    assert max(map(len, done.stdout.splitlines())) <= 80


@pytest.mark.parametrize("verb", VERBS)
def test_each_verb_has_help(verb: str, seatrial: Callable[..., Any]) -> None:
    done = seatrial(verb, "--help")
    assert done.returncode == 0
    assert f"seatrial {verb}" in done.stdout
    assert max(map(len, done.stdout.splitlines())) <= 80
    if verb != "trial":
        assert "--json" in done.stdout


def test_version() -> None:
    assert run("--version").stdout == f"seatrial {__version__}\n"


def test_an_unknown_verb_names_the_nearest() -> None:
    done = run("plam")
    assert done.returncode == 2
    assert done.stdout == ""
    assert "`plan`" in done.stderr


def test_an_unknown_option_is_refused() -> None:
    assert run("plan", "--frobnicate").returncode == 2


def test_completion_knows_the_verbs() -> None:
    done = run(_SEATRIAL_COMPLETE="complete_bash", COMP_WORDS="seatrial st", COMP_CWORD="1")
    assert set(done.stdout.split()) == {"status", "stop"}


def test_help_needs_no_library() -> None:
    code = "import sys; from seatrial.cli.main import help_text; help_text(); print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not {"typer", "rich", "msgspec", "numpy"} & set(done.stdout.split())


def test_a_closed_pipe_is_no_error() -> None:
    done = subprocess.run(
        ["bash", "-c", f"{SEATRIAL} --help | head -1; exit ${{PIPESTATUS[0]}}"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0
    assert "Traceback" not in done.stderr
