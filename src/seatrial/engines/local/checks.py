"""Whether a release can run at all, before anything of it is started."""

from __future__ import annotations

import os
from pathlib import Path

from seatrial.engines.engine import SCALING, Release
from seatrial.kernel.errors import InputError
from seatrial.kernel.simulation import Policy


def check(release: Release) -> None:
    """Raise InputError for a release that cannot run, before anything is started."""
    problems = {
        "replicas": (1 <= release.replicas <= 64, "from 1 to 64"),
        "replicas_max": (
            release.replicas_max == 0 or release.replicas <= release.replicas_max <= 64,
            "from replicas to 64, or 0 for as many as replicas",
        ),
        "workers": (1 <= release.workers <= 512, "from 1 to 512"),
        "threads": (1 <= release.threads <= 1024, "from 1 to 1024"),
        "port": (1 <= release.port <= 65535, "from 1 to 65535"),
        "graceful_timeout_s": (1 <= release.graceful_timeout_s <= 3600, "from 1 to 3600"),
    }
    for name, (good, allowed) in problems.items():
        if not good:
            value = getattr(release, name)
            raise InputError(f"{name} is {value}", where=name, fix=f"use a number {allowed}")
    if release.replicas_max > release.replicas:
        _check_scaling(release.scaling)
    for name, value in release.env.items():
        if not name or "=" in name or "\0" in name + value:
            raise InputError(f"{name!r} cannot be set for a process", where="[app.env]")
    if not os.access(release.python, os.X_OK):
        raise InputError("is not a Python interpreter", where=release.python)
    if not Path(release.source_dir, release.app_dir).is_dir():
        raise InputError("is not the app's folder", where=release.source_dir)


def _check_scaling(policy: Policy) -> None:
    checks = (
        ("kind", policy.kind in SCALING, f"one of {', '.join(SCALING)}"),
        ("metric", policy.metric == "cpu", "cpu, which is what can be measured here"),
        ("target", 0 < policy.target <= 1, "above 0, at most 1"),
        ("period_s", 0.05 <= policy.period_s <= 3600, "from 0.05 to 3600"),
        ("cooldown_out_s", 0 <= policy.cooldown_out_s <= 86_400, "from 0 to 86400"),
        ("cooldown_in_s", 0 <= policy.cooldown_in_s <= 86_400, "from 0 to 86400"),
    )
    for name, good, wanted in checks:
        if not good:
            value = getattr(policy, name)
            raise InputError(f"{name} is {value}", where=f"scaling.{name}", fix=f"use {wanted}")
