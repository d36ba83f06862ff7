"""Every command line and environment the engines use, as values. Nothing here runs anything."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from seatrial.engines.engine import Release
from seatrial.kernel.starting import started

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


# No telemetry, no browser, no questions: each is the framework's own variable.
_QUIET = {
    "STREAMLIT_SERVER_HEADLESS": "true",
    "STREAMLIT_BROWSER_GATHER_USAGE_STATS": "false",
    "GRADIO_ANALYTICS_ENABLED": "False",
    "DO_NOT_TRACK": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
}


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
    return environment_env(environ, Path(release.python)) | _own_env(release) | dict(marked)


def _own_env(release: Release) -> dict[str, str]:
    """What the app was given, where its data is, and what its start says by variables."""
    how = started(release)
    data = {release.data_env: release.data_dir} if release.data_env else {}
    return {**dict(how.env), **release.env, **data}


def measured_env(
    release: Release, environ: Mapping[str, str], scratch: Path, *, offline: bool, cut: bool
) -> dict[str, str]:
    """The environment of a replica that is measured: nothing of the user's but the language.

    `offline` says that the app is to stay off the network, `cut` that it cannot reach it anyway;
    where it could, clients that honour proxies are led to a port where nobody listens.
    """
    known = environment_env(environ, Path(release.python))
    kept = {"PATH", "VIRTUAL_ENV", "LANG", "LANGUAGE", "TZ"}
    if not offline:
        kept |= {
            name for name in known if "PROXY" in name.upper() or "CERT" in name or "CA_" in name
        }
    env = {name: known[name] for name in known if name in kept or name.startswith("LC_")}
    env |= {"HOME": str(scratch / "home"), "TMPDIR": str(scratch / "tmp")}
    env |= _QUIET
    if offline:
        env |= {"HF_HUB_OFFLINE": "1", "TRANSFORMERS_OFFLINE": "1"}
    if offline and not cut:
        env |= dict.fromkeys(("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"), "http://127.0.0.1:9")
        env |= dict.fromkeys(("http_proxy", "https_proxy", "all_proxy"), "http://127.0.0.1:9")
        env |= dict.fromkeys(("NO_PROXY", "no_proxy"), "localhost,127.0.0.1,::1")
    return env | _own_env(release)


def replica(release: Release, port: int, management_port: int) -> tuple[str, ...]:
    """One replica under the runtime.

    Start it in a folder without Python files: `-m` puts the working directory on `sys.path`,
    where the app's own `gunicorn.py` would shadow the real one.
    """
    how = started(release)
    shared = (
        *("--bind", f"127.0.0.1:{port}"),
        *("--management", f"127.0.0.1:{management_port}"),
        *("--graceful-timeout-s", str(release.graceful_timeout_s)),
        *("--start-timeout-s", f"{release.start_timeout_s:g}"),
        *("--ready-path", release.ready_path),
        *("--app-dir", str(Path(release.source_dir, release.app_dir))),
    )
    start = (release.python, "-m", "seatrial_runtime", how.subcommand)
    if how.subcommand == "web":
        shape = ("--workers", str(release.workers), "--threads", str(release.threads))
        return (*start, *how.target, *shared, *shape)
    if how.subcommand == "streamlit":
        return (*start, str(Path(release.source_dir, *how.target)), *shared)
    told = ("--port-env", ",".join(release.port_env)) if release.port_env else ()
    return (*start, *shared, "--cwd", release.source_dir, *told, "--", *how.target)


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


def install(
    uv: str, python: Path, requirements: Path, wheel: Path, overrides: Path
) -> tuple[str, ...]:
    """The app's requirements and the runtime in one resolution, so that conflicts show.

    `overrides` are the versions of the servers that the runtime was proved with: an app that pins
    another gunicorn or uvicorn is served by the runtime's all the same.
    """
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
        "--overrides",
        str(overrides),
        str(wheel),
    )


def install_requirements(uv: str, python: Path, requirements: Path) -> tuple[str, ...]:
    """The requirements of an app that brings its own server, as it pins it."""
    start = (uv, "pip", "install", "--no-progress", "--no-python-downloads")
    return (*start, "--python", str(python), "--requirements", str(requirements))


TELLING = ("orjson", "prometheus-client", "python-dotenv", "tomli")
"""What the runtime needs under a program: it reads settings, writes logs and counts."""


def install_runtime(uv: str, python: Path, wheel: Path, needs: tuple[str, ...]) -> tuple[str, ...]:
    """The runtime and `needs`: a program keeps the servers that it pins itself."""
    start = (uv, "pip", "install", "--no-progress", "--no-python-downloads", "--no-deps")
    return (*start, "--python", str(python), *needs, str(wheel))


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
