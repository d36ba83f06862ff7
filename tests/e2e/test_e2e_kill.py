"""kill -9 of anything: the truth is told, and nothing is left running."""

from __future__ import annotations

import json
import os
import signal
import socket
import time
import tomllib
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest

pytestmark = pytest.mark.timeout(900)
DEADLINE_S = 120.0
# What is killed here is no check of a bundle: Terraform finds no provider, and is skipped.
UNCHECKED = {"SEATRIAL_TERRAFORM_PLUGIN_DIR": "/nonexistent"}


def eventually(found: Callable[[], Any], what: str) -> Any:
    """Poll until `found` is true."""
    end = time.monotonic() + DEADLINE_S
    while time.monotonic() < end:
        value = found()
        if value:
            return value
        time.sleep(0.05)
    pytest.fail(f"never: {what}")


def left_over(app: Path) -> list[str]:
    """Living processes that run from the app's state folder or listen for it."""
    found = []
    for process in psutil.process_iter(["pid", "cmdline", "status"]):
        line = " ".join(process.info["cmdline"] or ())
        if str(app) in line and process.info["status"] != psutil.STATUS_ZOMBIE:
            found.append(line)
    return found


def status(cli: Any) -> dict[str, Any]:
    told = cli.run("status", str(cli.app), "--json")
    assert told.code in {0, 1}
    return dict(json.loads(told.out))


def pid_of(told: dict[str, Any], role: str) -> int:
    return next(int(p["pid"]) for p in told["processes"] if p["role"] == role)


def answers(told: dict[str, Any]) -> bool:
    with urllib.request.urlopen(told["url"], timeout=60) as answer:
        return bool(answer.status == 200)


def comes_back(cli: Any, role: str) -> None:
    """Kill one process of a role; the engine starts it again and the app answers."""
    pid = pid_of(status(cli), role)
    os.kill(pid, signal.SIGKILL)

    def mended() -> bool:
        told = status(cli)
        of_role = [p for p in told["processes"] if p["role"] == role]
        return bool(told["healthy"]) and any(p["restarts"] == 1 for p in of_role)

    eventually(mended, f"the {role} is back")
    told = status(cli)
    assert pid not in [p["pid"] for p in told["processes"]]
    assert answers(told)


def states(told: dict[str, Any]) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for process in told["processes"]:
        found.setdefault(process["role"], set()).add(process["state"])
    return found


def test_kill_9_of_anything_that_ship_left_up(kept: Any) -> None:
    port = tomllib.loads((kept.app / "seatrial.toml").read_text())["deploy"]["port"]
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", port))
        taken.listen()
        done = kept.run("ship", str(kept.app), "--keep", "--json", **UNCHECKED)
    assert done.code == 0, done.err
    assert f"port {port} is taken" in done.err
    comes_back(kept, "replica")
    comes_back(kept, "proxy")
    os.kill(pid_of(status(kept), "engine"), signal.SIGKILL)
    told = eventually(
        lambda: next((t for t in [status(kept)] if states(t)["engine"] == {"dead"}), None),
        "the engine is told dead",
    )
    assert told["serving"]
    assert states(told)["replica"] == {"ready"}
    assert answers(told)
    assert kept.run("stop", str(kept.app)).code == 0
    assert left_over(kept.app) == []
    assert kept.run("status", str(kept.app)).out.strip() == "nothing is deployed"


@pytest.mark.parametrize("step", ["proxy is ready", "load at"])
def test_a_killed_ship_is_cleaned_up(kept: Any, step: str) -> None:
    running = kept.start("ship", str(kept.app), "--keep", **UNCHECKED)
    try:
        assert running.stderr is not None
        for line in running.stderr:
            if line.startswith(step):
                break
        running.kill()
    finally:
        running.wait(timeout=30)
    told = status(kept)
    assert told["processes"]
    assert kept.run("stop", str(kept.app)).code == 0
    assert left_over(kept.app) == []
    assert kept.run("status", str(kept.app)).out.strip() == "nothing is deployed"
