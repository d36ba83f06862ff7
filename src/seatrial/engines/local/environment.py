"""The app's own environment and an immutable copy of its files with their build outputs.

Both are keyed by what they are made from and count only once their completion mark is written,
so a preparation that was cut short is made again and a finished one is used as it is.
"""

from __future__ import annotations

import contextlib
import email
import hashlib
import io
import os
import shutil
import sys
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path

import uv
from filelock import FileLock, Timeout
from packaging.requirements import Requirement
from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.version import Version

from seatrial.engines import commands, processes, runner
from seatrial.engines.engine import Progress
from seatrial.engines.local import sources
from seatrial.engines.local.layout import Layout, layout_of
from seatrial.files import write_atomic
from seatrial.kernel.errors import AppError, InputError, SeatrialError, TransientError
from seatrial.kernel.starting import started
from seatrial.kernel.values import Value
from seatrial.kernel.workload import Workload

_TIMEOUT_S = 15 * 60.0
_KEPT = 5
_COMPLETE = ".seatrial-complete"


class Prepared(Value):
    """Where a release runs from: its interpreter and its files."""

    python: Path
    source_dir: Path


def prepare(
    app_dir: Path,
    workload: Workload,
    runtime_wheel: tuple[str, bytes],
    root: Path,
    progress: Progress,
) -> Prepared:
    """Make, or find, the environment and the built copy of an app.

    `runtime_wheel` is the file name and content of the runtime's wheel. Raises ToolError with
    the end of the output when installing or building fails, AppError for files that cannot be
    used, StorageError, and TransientError when another command prepares for too long.
    """
    layout = layout_of(root)
    layout.create()
    runner.open_log(layout.log("prepare")).close()
    interpreter, version = _interpreter(layout, workload)
    requirements = sources.requirements(app_dir, workload)
    web = [part for part in workload.components if part.kind == "web"]
    serves = any(started(part).subcommand != "command" for part in web)
    key = _digest(
        *requirements.texts, version.encode(), runtime_wheel[1], runtime_wheel[0].encode(),
        b"servers" if serves else b"",
    )  # fmt: skip
    files = sources.listing(app_dir, progress)
    parts = [workload.source_digest, key, repr(workload.build), repr(files.fingerprint)]
    name = f"{workload.source_digest}-{_digest(*(part.encode() for part in parts))[:8]}"
    source_dir = layout.root / "releases" / name
    if requirements.local:
        # The app, or something in its folder, is itself installed: one environment a release.
        key = _digest(key.encode(), name.encode())
    environment = layout.root / "env" / key
    with _locked(layout, f"release-{name}", progress):
        fresh = not (source_dir / _COMPLETE).exists()
        if fresh:
            progress("Copying the app")
            sources.copy(files, app_dir, source_dir)
        with _locked(layout, f"env-{key}", progress):
            install_from = source_dir / requirements.file if requirements.file else None
            python = _environment(
                layout, environment, interpreter, install_from, requirements.text,
                runtime_wheel, serves, progress,
            )  # fmt: skip
        if fresh:
            _build(layout, workload, python, source_dir, progress)
            write_atomic(source_dir / _COMPLETE, b"")
        for path in (source_dir, environment):
            with contextlib.suppress(OSError):
                os.utime(path)  # The newest are kept.
    _prune(layout, keep=(source_dir, environment))
    return Prepared(python=python, source_dir=source_dir)


def _interpreter(layout: Layout, workload: Workload) -> tuple[str, str]:
    """The interpreter the app asks for, and its version: this one where it fits."""
    chosen = sys.executable
    wanted = workload.python_requires.strip()
    try:
        fits = not wanted or SpecifierSet(wanted).contains(
            Version(".".join(str(part) for part in sys.version_info[:3]))
        )
    except InvalidSpecifier as error:
        raise AppError(
            f"{wanted!r} is not a Python version specifier",
            fix="correct requires-python in pyproject.toml, for example >=3.11",
        ) from error
    if not fits:
        argv = commands.find_interpreter(uv.find_uv_bin(), wanted)
        lines = _run(layout, argv, layout.root, _tool_env(), "").splitlines()
        chosen = lines[-1].strip() if lines else chosen
    argv = commands.interpreter_version(chosen)
    return chosen, _run(layout, argv, layout.root, commands.minimal_env(os.environ), "").strip()


def _environment(
    layout: Layout,
    directory: Path,
    interpreter: str,
    requirements: Path | None,
    text: str,
    wheel: tuple[str, bytes],
    serves: bool,
    progress: Progress,
) -> Path:
    python = directory / "bin" / "python"
    if (directory / _COMPLETE).exists() and _starts(layout, python):
        return python
    # A virtual environment does not survive a rename, so it is made where it will stay.
    shutil.rmtree(directory, ignore_errors=True)
    name, content = wheel
    if Path(name).name != name or not name.endswith(".whl"):
        raise InputError(f"{name!r} is not the name of a wheel")
    binary = uv.find_uv_bin()
    try:
        directory.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        argv = commands.create_environment(binary, interpreter, directory)
        _run(layout, argv, layout.root, _tool_env(), "")
        wheel_path = directory / "seatrial" / name
        write_atomic(wheel_path, content)
        if requirements is None:
            requirements = directory / "seatrial" / "requirements.txt"
            write_atomic(requirements, text.encode())
        progress("Installing the app's dependencies")
        steps = [
            commands.install_requirements(binary, python, requirements),
            commands.install_runtime(binary, python, wheel_path, _unpinned(content)),
        ]
        if serves:
            overrides = directory / "seatrial" / "overrides.txt"
            write_atomic(overrides, _pins(content))
            steps = [commands.install(binary, python, requirements, wheel_path, overrides)]
        for argv in steps:
            # In the folder of the requirements, which may name others relative to it.
            _run(layout, argv, requirements.parent, _tool_env(), "installing", progress)
        write_atomic(directory / _COMPLETE, b"")
    except OSError as error:
        runner.storage_error(directory, error)
    return python


def _pins(wheel: bytes) -> bytes:
    """The requirements of a wheel that name one version, one a line: its servers."""
    pinned = [one for one in _needs(wheel) if any(s.operator == "==" for s in one.specifier)]
    return "".join(f"{one}\n" for one in pinned).encode()


def _unpinned(wheel: bytes) -> tuple[str, ...]:
    """Its other requirements, of which a program needs what tells of it, and none a server."""
    return tuple(str(one) for one in _needs(wheel) if one.name in commands.TELLING)


def _needs(wheel: bytes) -> list[Requirement]:
    with zipfile.ZipFile(io.BytesIO(wheel)) as archive:
        name = next(one for one in archive.namelist() if one.endswith(".dist-info/METADATA"))
        told = email.message_from_bytes(archive.read(name)).get_all("Requires-Dist") or []
    return [Requirement(one) for one in told]


def _starts(layout: Layout, python: Path) -> bool:
    """Whether an environment still works: its base interpreter may have been removed."""
    try:
        _run(layout, commands.interpreter_version(str(python)), layout.root, {}, "")
    except SeatrialError:
        return False
    return True


def _build(
    layout: Layout, workload: Workload, python: Path, source_dir: Path, progress: Progress
) -> None:
    for command in workload.build:
        if not command:
            continue
        shown = commands.display(command)
        progress(f"Building: {shown}")
        env = commands.environment_env(os.environ, python) | _marks(layout)
        try:
            _run(layout, command, source_dir, env, shown, progress)
        except BaseException:
            shutil.rmtree(source_dir, ignore_errors=True)
            raise


def _run(
    layout: Layout,
    argv: tuple[str, ...],
    cwd: Path,
    env: dict[str, str],
    what: str,
    progress: Progress = lambda line: None,
) -> str:
    def on_wait(seconds: float, line: str) -> None:
        progress(f"Still {what}, {seconds:.0f} s: {line[:100]}")

    return runner.run(
        argv,
        cwd=cwd,
        env=env | _marks(layout),
        timeout_s=_TIMEOUT_S,
        log=layout.log("prepare"),
        steps=layout.steps,
        on_wait=on_wait,
    ).output


def _marks(layout: Layout) -> dict[str, str]:
    return commands.marks(layout.mark + "prepare", "prepare", owner=str(processes.me()))


def _tool_env() -> dict[str, str]:
    """For uv itself, which takes its registry and cache settings from its own variables."""
    own = {name: value for name, value in os.environ.items() if name.startswith("UV_")}
    own.pop("UV_PROJECT_ENVIRONMENT", None)
    return commands.minimal_env(os.environ) | own


@contextlib.contextmanager
def _locked(layout: Layout, name: str, progress: Progress) -> Iterator[None]:
    """One process at a time makes one thing; the others wait, then find it made."""
    lock = FileLock(layout.root / f"{name}.lock")
    deadline = time.monotonic() + 2 * _TIMEOUT_S
    told = False
    while True:
        try:
            lock.acquire(timeout=1.0)
            break
        except Timeout as error:
            if not told:
                progress("Waiting for another command that prepares the same app")
                told = True
            if time.monotonic() > deadline:
                raise TransientError(
                    "another command has been preparing this app for half an hour",
                    where=str(lock.lock_file),
                    fix="end that command, then try again",
                ) from error
        except OSError as error:
            runner.storage_error(layout.root, error)
    try:
        yield
        with contextlib.suppress(OSError):
            # Safe while held: whoever waits notices that the file it opened is gone.
            os.unlink(lock.lock_file)
    finally:
        lock.release()


def _prune(layout: Layout, keep: tuple[Path, ...]) -> None:
    """Remove all but the newest releases and environments, never one that a process uses."""
    used = [
        place
        for item in processes.marked(layout.mark, owned=True)
        for place in (Path(item.cwd), *(Path(word) for word in item.arguments))
    ]
    for folder in (layout.root / "releases", layout.root / "env"):
        with contextlib.suppress(OSError):
            found = sorted(folder.iterdir(), key=lambda path: path.stat().st_mtime, reverse=True)
            for path in found[_KEPT:]:
                in_use = any(place.is_relative_to(path) for place in used)
                if path not in keep and not in_use:
                    shutil.rmtree(path, ignore_errors=True)


def _digest(*parts: bytes) -> str:
    whole = hashlib.sha256()
    for part in parts:
        whole.update(len(part).to_bytes(8, "big") + part)
    return whole.hexdigest()[:16]
