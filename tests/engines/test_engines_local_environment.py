"""Preparing an app: what is copied, installed, built, kept, and what a failure leaves."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from seatrial.engines.local import environment, sources
from seatrial.engines.local.environment import Prepared, prepare
from seatrial.engines.local.layout import layout_of
from seatrial.kernel.errors import AppError, StorageError, ToolError
from seatrial.kernel.values import to_json
from seatrial.kernel.workload import Dependency, Proof

PROOF = Proof(kind="declared", rule="test")


@pytest.fixture
def app_dir(tmp_path: Path) -> Path:
    made = tmp_path / "app"
    made.mkdir()
    (made / "web.py").write_text("app = None\n")
    (made / "requirements.txt").write_text("# nothing but the runtime\n")
    return made


@pytest.fixture
def run(
    app_dir: Path,
    tmp_path: Path,
    runtime_wheel: tuple[str, bytes],
    make_workload: Callable[..., Any],
) -> Callable[..., Prepared]:
    def call(**changes: Any) -> Prepared:
        lines = changes.pop("lines", [])
        workload = make_workload(**changes)
        return prepare(app_dir, workload, runtime_wheel, tmp_path / "root", lines.append)

    return call


def test_what_belongs_to_a_release(app_dir: Path, run: Callable[..., Prepared]) -> None:
    (app_dir / "data").mkdir()
    (app_dir / "data" / "model.bin").write_bytes(os.urandom(3 << 20))
    (app_dir / "link").symlink_to("data/model.bin")
    (app_dir / "absolute").symlink_to(app_dir / "data")
    (app_dir / "secrets").symlink_to("/etc")
    (app_dir / "loop").symlink_to(".")
    (app_dir / "start.sh").write_text("#!/bin/sh\n")
    (app_dir / "start.sh").chmod(0o755)
    os.mkfifo(app_dir / "pipe")
    for folder in (".git", "__pycache__", "instance", ".seatrial", "my-env"):
        (app_dir / folder).mkdir()
        (app_dir / folder / "x").write_text("x")
    (app_dir / "my-env" / "pyvenv.cfg").write_text("")
    lines: list[str] = []
    source = run(lines=lines).source_dir
    found = {str(path.relative_to(source)) for path in source.rglob("*") if not path.is_symlink()}
    assert found == {
        "web.py", "requirements.txt", "start.sh", "data", "data/model.bin", ".seatrial-complete"
    }  # fmt: skip
    assert (source / "link").read_bytes() == (app_dir / "data" / "model.bin").read_bytes()
    assert (source / "absolute").resolve() == source / "data"
    assert os.access(source / "start.sh", os.X_OK)
    told = "\n".join(lines)
    assert "secrets is a link out of" in told and "pipe is neither" in told


def test_the_same_app_is_prepared_once_and_a_changed_one_anew(
    app_dir: Path, run: Callable[..., Prepared]
) -> None:
    build = ((sys.executable, "-c", "open('count', 'a').write('x')"),)
    first = run(build=build)
    assert run(build=build) == first
    assert (first.source_dir / "count").read_text() == "x"
    (app_dir / "web.py").write_text("app = 1\n")
    second = run(build=build)
    assert second.python == first.python and second.source_dir != first.source_dir
    (app_dir / "web.py").write_text("app = None\n")
    assert run(build=build) == first


def test_a_build_sees_the_app_environment_and_nothing_of_ours(
    run: Callable[..., Prepared], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "hush")
    monkeypatch.setenv("PYTHONPATH", "/somewhere")
    code = (
        "import json, os, sys, seatrial_runtime; "
        "json.dump([sys.executable, dict(os.environ)], open('seen.json', 'w'))"
    )
    made = run(build=(("python", "-c", code),))
    text = (made.source_dir / "seen.json").read_text()
    assert str(made.python.parent) in text
    assert "hush" not in text and "PYTHONPATH" not in text


@pytest.mark.parametrize("told", ["model does not fit", "no-such-tool"])
def test_a_failed_build_leaves_no_release(
    run: Callable[..., Prepared], tmp_path: Path, told: str
) -> None:
    failing = {
        "model does not fit": ("python", "-c", "raise SystemExit('model does not fit')"),
        "no-such-tool": ("no-such-tool", "--train"),
    }[told]
    with pytest.raises(ToolError, match=told):
        run(build=(failing,))
    assert list((tmp_path / "root" / "releases").iterdir()) == []
    assert not list((tmp_path / "root").glob("*.tmp"))
    assert run(build=(("python", "-c", "pass"),)).source_dir.is_dir()


def test_requirements_that_cannot_be_installed(app_dir: Path, run: Callable[..., Prepared]) -> None:
    (app_dir / "requirements.txt").write_text("./missing-package\n")
    with pytest.raises(ToolError, match="missing-package"):
        run()
    (app_dir / "requirements.txt").write_text("# fine\n")
    assert run().python.exists()


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("-r ../outside.txt", AppError),
        ("-r /etc/passwd", AppError),
        ("--constraint=../../c.txt", AppError),
        ("-r missing.txt", StorageError),
    ],
)
def test_requirement_files_stay_inside_the_app(
    app_dir: Path, make_workload: Callable[..., Any], text: str, error: type[Exception]
) -> None:
    (app_dir / "requirements.txt").write_text(text + "\n")
    with pytest.raises(error):
        sources.requirements(app_dir, make_workload())


def test_nested_and_local_requirements(app_dir: Path, make_workload: Callable[..., Any]) -> None:
    (app_dir / "base.txt").write_text("flask==3.1.3\n-r requirements.txt\n")
    (app_dir / "requirements.txt").write_text("-r base.txt\n")
    found = sources.requirements(app_dir, make_workload())
    assert len(found.texts) == 2 and not found.local
    (app_dir / "base.txt").write_text("-e .\n")
    assert sources.requirements(app_dir, make_workload()).local
    declared = make_workload(
        requirements_file="",
        dependencies=(Dependency(name="flask", specifier="==3.1.3", proof=PROOF),),
    )
    assert sources.requirements(app_dir, declared).text == "flask==3.1.3\n"
    (app_dir / "pyproject.toml").write_text("[project]\nname = 'x'\n")
    standard = make_workload(requirements_file="pyproject.toml")
    assert sources.requirements(app_dir, standard).file == "pyproject.toml"


def test_an_unfinished_environment_is_made_anew(run: Callable[..., Prepared]) -> None:
    first = run()
    folder = first.python.parents[1]
    (folder / ".seatrial-complete").unlink()
    shutil.rmtree(folder / "lib")
    assert run() == first
    assert (folder / "lib").is_dir()
    # Its base interpreter was removed.
    first.python.unlink()
    first.python.symlink_to("/nonexistent/python")
    assert run() == first
    assert first.python.exists()


def test_a_python_that_is_not_here(run: Callable[..., Prepared]) -> None:
    with pytest.raises(ToolError):
        run(python_requires="==3.5.*")
    with pytest.raises(AppError, match="not a Python version"):
        run(python_requires="about three")


def test_two_at_once_make_it_once(
    app_dir: Path,
    tmp_path: Path,
    runtime_wheel: tuple[str, bytes],
    make_workload: Callable[..., Any],
    python_path: str,
) -> None:
    wheel = tmp_path / runtime_wheel[0]
    wheel.write_bytes(runtime_wheel[1])
    program = (
        "import sys; from pathlib import Path\n"
        "from seatrial.engines.local.environment import prepare\n"
        "from seatrial.kernel.values import from_json\n"
        "from seatrial.kernel.workload import Workload\n"
        "app, workload, wheel, root = map(Path, sys.argv[1:])\n"
        "prepare(app, from_json(workload.read_bytes(), Workload),\n"
        "        (wheel.name, wheel.read_bytes()), root, print)\n"
    )
    build = (("python", "-c", "open('count', 'a').write('x')"),)
    (tmp_path / "workload.json").write_bytes(to_json(make_workload(build=build)))
    argv = [sys.executable, "-c", program]
    argv += [str(app_dir), str(tmp_path / "workload.json"), str(wheel), str(tmp_path / "root")]
    started = [
        subprocess.Popen(argv, env={**os.environ, "PYTHONPATH": python_path}) for _ in range(3)
    ]
    assert [child.wait(240) for child in started] == [0, 0, 0]
    (release,) = (tmp_path / "root" / "releases").iterdir()
    assert (release / "count").read_text() == "x"
    assert not list((tmp_path / "root").glob("*.lock"))


def test_the_newest_releases_are_kept(app_dir: Path, run: Callable[..., Prepared]) -> None:
    made = []
    for number in range(7):
        (app_dir / "web.py").write_text(f"app = {number}\n")
        made.append(run().source_dir)
        os.utime(made[-1], (number, number))
    folder = made[0].parent
    left = set(folder.iterdir())
    assert made[-1] in left and len(left) == environment._KEPT
    assert made[0] not in left


def test_a_release_in_use_is_kept(
    app_dir: Path, run: Callable[..., Prepared], tmp_path: Path
) -> None:
    first = run()
    mark = layout_of(tmp_path / "root").mark
    user = subprocess.Popen(
        [sys.executable, "-c", "import time; print(1, flush=True); time.sleep(300)"],
        cwd=first.source_dir,
        env={"SEATRIAL_DEPLOYMENT": mark + "x"},
        stdout=subprocess.PIPE,
    )
    try:
        assert user.stdout is not None and user.stdout.readline()
        os.utime(first.source_dir, (0, 0))
        for number in range(6):
            (app_dir / "web.py").write_text(f"app = {number}\n")
            run()
        assert first.source_dir.is_dir()
    finally:
        user.kill()
        user.wait()
        if user.stdout:
            user.stdout.close()
