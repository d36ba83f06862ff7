"""Runs a few lines of Python in a process of their own, with telemetry started in it."""

import json
import os
import subprocess
import sys
import textwrap
from dataclasses import dataclass
from pathlib import Path
from typing import Any

PATIENCE_S = 60.0
_PRELUDE = """
import logging, os, sys, threading
from seatrial_runtime.telemetry import logs, metrics, requests, start
from seatrial_runtime.telemetry.context import RequestContext, current, running
start.start(environment="staging", log_level=os.environ.get("LEVEL", "DEBUG"),
            metrics_dir=os.environ.get("METRICS", ""), out_fd=int(os.environ["OUT"]),
            err_fd=int(os.environ["ERR"]), service="shop")
def request(id="id-1", route="/a/<x>", status=200, **more):
    made = RequestContext(id, "GET", "/a/b")
    made.route, made.status = route, status
    for name, value in more.items():
        setattr(made, name, value)
    return made
"""


@dataclass
class Ran:
    """What a process wrote as events, and what it wrote past our capture."""

    code: int
    out: str
    err: str
    raw: bytes

    @property
    def events(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in (self.out + self.err).splitlines()]

    def named(self, event: str) -> list[dict[str, Any]]:
        return [one for one in self.events if one["event"] == event]

    @property
    def everything(self) -> str:
        return self.out + self.err + self.raw.decode("utf-8", "replace")


def environment(folder: Path, **more: str) -> dict[str, str]:
    here = Path(__file__).parents[2] / "src"
    path = os.pathsep.join([str(here), os.environ.get("PYTHONPATH", "")])
    return {**os.environ, "PYTHONPATH": path, **more}


def start_code(
    folder: Path, code: str, fds: tuple[int, int], **env: str
) -> "subprocess.Popen[bytes]":
    """The process, running; its raw output is on a pipe."""
    numbers = {"OUT": str(fds[0]), "ERR": str(fds[1])}
    return subprocess.Popen(
        [sys.executable, "-c", _PRELUDE + textwrap.dedent(code)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        cwd=folder,
        env=environment(folder, **numbers, **env),
        pass_fds=fds,
    )


def run_code(folder: Path, code: str, **env: str) -> Ran:
    """Run to the end and read what it wrote."""
    with (folder / "out").open("w+b") as out, (folder / "err").open("w+b") as err:
        process = start_code(folder, code, (out.fileno(), err.fileno()), **env)
        raw, _ = process.communicate(timeout=PATIENCE_S)
    out_text, err_text = ((folder / name).read_text() for name in ("out", "err"))
    return Ran(process.returncode, out_text, err_text, raw)
