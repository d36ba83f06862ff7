"""Every command line and environment the engines use, as values. Nothing here runs anything."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from seatrial.engines.engine import Release

MARK_DEPLOYMENT = "SEATRIAL_DEPLOYMENT"
MARK_ROLE = "SEATRIAL_ROLE"
MARK_OWNER = "SEATRIAL_OWNER"

# What a child may know of the machine it runs on. Everything else in the caller's environment
# (cloud keys, PYTHONPATH, LD_PRELOAD, an enclosing deployment's marks) stays out.
_PASSED_ON = frozenset(
    {
        *("PATH", "HOME", "USER", "LOGNAME", "SHELL", "LANG", "LANGUAGE", "TZ", "TMPDIR"),
        *("SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"),
        *("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"),
        *("http_proxy", "https_proxy", "all_proxy", "no_proxy"),
    }
)


def minimal_env(environ: Mapping[str, str]) -> dict[str, str]:
    """The part of `environ` that every child process gets."""
    return {
        name: value
        for name, value in environ.items()
        if name in _PASSED_ON or name.startswith("LC_")
    }


def marks(deployment: str, role: str, owner: str = "") -> dict[str, str]:
    """The variables by which a process is recognised after every record of it is lost.

    `owner` is `pid:create_time` of a command that ends the process itself; as long as that
    command lives, a stop leaves the process alone.
    """
    found = {MARK_DEPLOYMENT: deployment, MARK_ROLE: role}
    return found | {MARK_OWNER: owner} if owner else found


def environment_env(environ: Mapping[str, str], python: Path) -> dict[str, str]:
    """The minimal environment with the virtual environment of `python` active."""
    env = minimal_env(environ)
    binaries = python.parent
    env["PATH"] = f"{binaries}:{env.get('PATH', '/usr/local/bin:/usr/bin:/bin')}"
    env["VIRTUAL_ENV"] = str(binaries.parent)
    return env


def replica_env(
    release: Release, environ: Mapping[str, str], marked: Mapping[str, str]
) -> dict[str, str]:
    """The environment of one replica; the app's own settings win over all but the marks."""
    env = environment_env(environ, Path(release.python)) | release.env
    if release.data_env:
        env[release.data_env] = release.data_dir
    return env | dict(marked)


def replica(release: Release, port: int, management_port: int) -> tuple[str, ...]:
    """One replica under the runtime.

    Start it in a folder without Python files: `-m` puts the working directory on `sys.path`,
    where the app's own `gunicorn.py` would shadow the real one.
    """
    return (
        release.python,
        "-m",
        "seatrial_runtime",
        "web",
        release.entry,
        *(("--factory",) if release.factory else ()),
        "--bind",
        f"127.0.0.1:{port}",
        "--management",
        f"127.0.0.1:{management_port}",
        "--workers",
        str(release.workers),
        "--threads",
        str(release.threads),
        "--graceful-timeout-s",
        str(release.graceful_timeout_s),
        "--start-timeout-s",
        f"{release.start_timeout_s:g}",
        "--ready-path",
        release.ready_path,
        "--app-dir",
        str(Path(release.source_dir, release.app_dir)),
    )


def proxy(binary: str, bootstrap: Path) -> tuple[str, ...]:
    """Envoy. Without hot restart there is no shared memory, so any number can run side by side.

    One worker thread: at 27 us of processor time a request (measured 2026-11-21, Envoy 1.40) it
    carries more than a machine's worth of Python, and one thread means one round-robin order.
    """
    return (
        binary,
        "--config-path",
        str(bootstrap),
        "--disable-hot-restart",
        "--concurrency",
        "1",
        "--reject-unknown-dynamic-fields",
        "--log-level",
        "warning",
        "--file-flush-interval-msec",
        "1000",
    )


def engine(interpreter: str, root: Path) -> tuple[str, ...]:
    """The engine process; its launch order comes by stdin because it holds secrets."""
    return (interpreter, "-P", "-m", "seatrial.engines.local.supervisor", str(root))


def create_environment(uv: str, interpreter: str, directory: Path) -> tuple[str, ...]:
    """An empty virtual environment; never downloads an interpreter."""
    return (
        uv,
        "venv",
        "--quiet",
        "--no-project",
        "--no-python-downloads",
        "--python",
        interpreter,
        str(directory),
    )


def install(uv: str, python: Path, requirements: Path, wheel: Path) -> tuple[str, ...]:
    """The app's requirements and the runtime in one resolution, so that conflicts show."""
    return (
        uv,
        "pip",
        "install",
        "--no-progress",
        "--no-python-downloads",
        "--python",
        str(python),
        "--requirements",
        str(requirements),
        str(wheel),
    )


def interpreter_version(python: str) -> tuple[str, ...]:
    """Prints implementation, version and platform of an interpreter."""
    code = "import sys, sysconfig, platform as p; print(p.python_implementation(), "
    code += "p.python_version(), sysconfig.get_platform())"
    return (python, "-I", "-c", code)


def find_interpreter(uv: str, request: str) -> tuple[str, ...]:
    """Prints the path of an installed interpreter that satisfies `request` (like `>=3.12`)."""
    return (uv, "python", "find", "--no-project", "--no-python-downloads", request)


def display(argv: Sequence[str]) -> str:
    """A command line for people."""
    return " ".join(f"'{word}'" if " " in word else word for word in argv)
