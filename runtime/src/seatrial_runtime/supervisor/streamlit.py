"""How a Streamlit script is run, by the version that is installed."""

import dataclasses
import re
import sys

from seatrial_runtime.settings.settings import Settings, SettingsError

_HAS_APP = (1, 58)  # The first with `App`, an ASGI app of a script.
HEALTH_PATH, HEALTH_BODY = "/_stcore/health", b"ok"
"""Streamlit's own endpoint. Its older server answers 200 to any path, so the body counts."""

MISSING = (
    "Streamlit before 1.58 serves by itself: its own health endpoint, restarts and the drain are "
    "there; request logs and metrics, ids, rate limits, body limits, time-outs and security "
    "headers are not"
)


def adapted(settings: Settings, installed: str | None = None) -> Settings:
    """The settings for the Streamlit that is installed: an app of ours, or a program.

    SettingsError when there is none, or when a program cannot listen where it should.
    """
    # Twenty milliseconds to import, which other apps need not wait for.
    from importlib.metadata import PackageNotFoundError, version

    try:
        found = installed or version("streamlit")
    except PackageNotFoundError:
        fix = "install it in the environment of seatrial-run"
        raise SettingsError(f"Streamlit is not there: {fix}") from None
    path = HEALTH_PATH if settings.ready_path == "/" else settings.ready_path
    numbers = tuple(int(part) for part in re.findall(r"\d+", found)[:2])
    if numbers >= _HAS_APP:
        return dataclasses.replace(settings, ready_path=path)
    if not settings.bind.port:
        reason = f"Streamlit {found} listens on HOST:PORT only; 1.58 or later takes a UNIX socket"
        raise SettingsError(f"--bind {settings.bind}: {reason}")
    words = (
        *(sys.executable, "-m", "streamlit", "run", settings.target, "--server.headless", "true"),
        *("--server.address", settings.bind.host, "--server.port", str(settings.bind.port)),
        *("--browser.gatherUsageStats", "false"),
    )
    return dataclasses.replace(
        settings,
        command="command",
        interface="command",
        argv=words,
        cwd=settings.app_dir,
        ready_path=path,
        stream_timeout_s=0.0,
    )
