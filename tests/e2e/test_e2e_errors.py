"""Wrong input: what, where and how to fix it; exit 2; nothing half-written."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
from pathlib import Path
from typing import Any

import pytest


def refused(done: Any, *words: str) -> None:
    """A clear error on stderr, nothing on stdout, exit 2."""
    assert done.code == 2, done.out + done.err
    assert done.out == ""
    assert "error:" in done.err
    assert "fix:" in done.err
    assert "Traceback" not in done.err
    for word in words:
        assert word in done.err


def test_a_folder_that_is_no_app(small: Any, tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    for verb in ("profile", "plan", "ship"):
        refused(small.run(verb, str(empty)), "empty")
    assert list(empty.iterdir()) == []
    refused(small.run("profile", str(tmp_path / "nowhere")), "nowhere")
    (empty / "tool.py").write_text("hello = 1\n")
    refused(small.run("profile", str(empty)), "entry")
    (empty / "tool.py").write_text("print('hello')\n")
    refused(small.run("plan", str(empty)), "answers no requests")


def test_a_file_that_cannot_be_read(small: Any) -> None:
    if os.geteuid() == 0:
        # Root reads everything; a folder in the file's place cannot be read by anybody.
        (small.app / "seatrial.toml").unlink()
        (small.app / "seatrial.toml").mkdir()
    else:
        (small.app / "seatrial.toml").chmod(0)
    refused(small.run("profile", str(small.app)), "seatrial.toml")


def test_an_unknown_key_names_the_nearest(small: Any) -> None:
    with (small.app / "seatrial.toml").open("a") as file:
        file.write("[slo]\nlatency_p95 = 3\n")
    refused(small.run("plan", str(small.app)), "seatrial.toml:8", "latency_p95", "latency_ms_p95")


def test_json_errors_are_json(small: Any) -> None:
    done = small.run("plan", str(small.home / "nowhere"), "--json")
    assert done.code == 2
    told = json.loads(done.out)
    assert told["exit_code"] == 2
    assert set(told["error"]) == {"what", "where", "fix"}


def test_a_port_in_use(small: Any) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        refused(small.run("deploy", str(small.app), "--port", port), port)
    assert small.run("status", str(small.app)).out.strip() == "nothing is deployed"


def test_a_verb_before_its_turn(small: Any) -> None:
    refused(small.run("trial", "load", str(small.app)), "seatrial deploy")


def test_a_missing_proxy_is_told(small: Any) -> None:
    done = small.run("deploy", str(small.app), SEATRIAL_ENVOY="/nonexistent/envoy")
    refused(done, "/nonexistent/envoy")


FULL_DISK = """
set -e
disk=$1 left=$2
shift 2
mount -t tmpfs -o size=64k tmpfs "$disk"
code=0
"$@" || code=$?
cp -r "$disk/." "$left"
exit $code
"""


def test_a_full_disk_leaves_nothing_half_written(small: Any, tmp_path: Path) -> None:
    """The disk is mounted in a name space of its own, so that it goes with the process."""
    disk, left = tmp_path / "disk", tmp_path / "left"
    disk.mkdir()
    left.mkdir()
    apart = ("unshare", "--mount", *(() if os.geteuid() == 0 else ("--map-root-user",)))
    mount = (*apart, "mount", "-t", "tmpfs", "tmpfs", disk)
    if shutil.which("unshare") is None or subprocess.run(mount, check=False).returncode:
        pytest.skip("a file system cannot be mounted here")
    before = (*apart, "sh", "-c", FULL_DISK, "sh", str(disk), str(left))
    refused(small.run("plan", str(small.app), "--state-dir", str(disk), before=before), "space")
    assert list(disk.iterdir()) == []
    for path in left.rglob("*.json"):
        json.loads(path.read_text())
