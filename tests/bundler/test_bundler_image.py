"""The Dockerfile, the scripts and the proxy: passed by their own tools, true to the workload."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from seatrial.bundler.bundle import bundle
from seatrial.bundler.files import BundleFiles
from seatrial.bundler.image import python_tag
from seatrial.bundler.write import write
from seatrial.kernel.demand import AppSettings, Settings
from seatrial.kernel.errors import AppError, InputError
from seatrial.kernel.workload import Component, Dependency, Fact, Workload
from seatrial_runtime.settings.options import OPTIONS

BESIDE_PYTHON = Path(sys.executable).parent


def tool(name: str) -> str:
    path = shutil.which(name, path=str(BESIDE_PYTHON)) or shutil.which(name)
    if path is None:
        pytest.skip(f"{name} is not installed")
    return path


def text(files: BundleFiles, path: str) -> str:
    return next(file.content.decode() for file in files.files if file.path == path)


def test_linted(all_cases: dict[str, BundleFiles], tmp_path: Path) -> None:
    hadolint = tool("hadolint")
    dockerfiles = []
    for name, files in all_cases.items():
        path = tmp_path / f"{name}.Dockerfile"
        path.write_text(text(files, "Dockerfile"))
        dockerfiles.append(str(path))
    done = subprocess.run(
        [hadolint, "--no-color", *dockerfiles],
        capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout


def test_scripts_linted(all_cases: dict[str, BundleFiles], tmp_path: Path) -> None:
    shellcheck = tool("shellcheck")
    scripts = {text(f, "build-and-push.sh") for n, f in all_cases.items() if "machine" not in n}
    for index, script in enumerate(sorted(scripts)):
        (tmp_path / f"{index}.sh").write_text(script)
    done = subprocess.run(
        [shellcheck, *sorted(map(str, tmp_path.glob("*.sh")))],
        capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout


def test_proxy_accepts_its_configuration(
    make_files: Callable[..., BundleFiles], tmp_path: Path
) -> None:
    envoy = tool("envoy")
    made = write(make_files("this-machine"), tmp_path / "bundle")
    done = subprocess.run(
        [envoy, "--mode", "validate", "--config-path", f"{made.directory}/envoy.yaml",
         "--reject-unknown-dynamic-fields"],
        capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr


def test_dockerfile_follows_the_workload(
    make_workload: Callable[..., Workload],
    make_design: Callable[..., Any],
    wheel: tuple[str, bytes],
) -> None:
    proof = make_workload().dependencies[0].proof
    web = Component(
        name="web", kind="web", framework="flask", interface="wsgi",
        entry="shop.wsgi:create_app", factory=True,
        app_dir="src", command=("x",), port=8000,
        facts=tuple(
            Fact(rule="system.package", subject=name, value=when, confidence=sure, proof=proof)
            for name, when, sure in (
                ("libpq5", "at run time, for psycopg2", 0.9),
                ("libpq-dev", "to build, for psycopg2", 0.9),
                ("ffmpeg", "at run time, for pydub", 0.6),
                ("x; rm -rf /", "at run time, for nothing", 1.0),
            )
        ),
    )  # fmt: skip
    changed = make_workload(
        components=(web,),
        python_requires=">=3.13",
        build=(("python", "-c", "print('<<EOF', \"$HOME\")"),),
        dependencies=(Dependency(name="psycopg2", proof=proof),),
    )
    made = bundle(changed, Settings(), make_design("aws-fargate", workers=3, threads=2), wheel)
    dockerfile = text(made, "Dockerfile")
    assert "FROM python:3.13 AS builder" in dockerfile
    assert "FROM python:3.13-slim" in dockerfile
    assert 'RUN ["python", "-c", "print(\'\\u003c\\u003cEOF\', \\"$HOME\\")"]' in dockerfile
    entry = 'CMD ["web", "shop.wsgi:create_app", "--interface", "wsgi", "--factory"]'
    assert entry in dockerfile
    assert "PYTHONPATH=/app/src" in dockerfile and "SEATRIAL_APP_DIR=/app/src" in dockerfile
    assert "SEATRIAL_ENVIRONMENT=production" in dockerfile
    assert "SEATRIAL_WORKERS=3" in dockerfile and "SEATRIAL_THREADS=2" in dockerfile
    assert "--no-install-recommends libpq5 " in dockerfile and "ffmpeg" not in dockerfile
    assert "\nUSER 10001:10001\n" in dockerfile
    assert "curl" not in dockerfile
    assert f"runtime/{wheel[0]}" in dockerfile
    assert dict((f.path, f.content) for f in made.files)[f"runtime/{wheel[0]}"] == wheel[1]


@pytest.mark.parametrize(
    ("command", "told"),
    [
        (
            ("streamlit", "run", "app.py", "--server.port", "{port}", "--theme.base=dark"),
            ('CMD ["streamlit", "app.py"]', "\n    STREAMLIT_THEME_BASE=dark\n"),
        ),
        (
            ("streamlit", "run", "app.py", "--", "--of-its-own"),
            ('"--port-env", "PORT", "--", "streamlit", "run", "app.py", "--", "--of-its-own"]',),
        ),
        (("chainlit", "run", "app.py"), ('"PORT", "--", "chainlit", "run", "app.py"]',)),
    ],
)
def test_what_runs_by_itself_is_run_as_a_command_and_a_page_as_a_page(
    make_workload: Callable[..., Workload],
    make_design: Callable[..., Any],
    wheel: tuple[str, bytes],
    command: tuple[str, ...],
    told: tuple[str, ...],
) -> None:
    web = Component(
        name="web", kind="web", framework="any", entry="app.py", port=8501, command=command
    )
    made = bundle(make_workload(components=(web,)), Settings(), make_design("aws-fargate"), wheel)
    for line in told:
        assert line in text(made, "Dockerfile")


def test_requirements_come_from_the_dependencies_when_there_is_no_file(
    make_workload: Callable[..., Workload],
    make_design: Callable[..., Any],
    wheel: tuple[str, bytes],
) -> None:
    made = bundle(
        make_workload(requirements_file="pyproject.toml"),
        Settings(),
        make_design("aws-fargate"),
        wheel,
    )
    assert text(made, "requirements.txt").splitlines()[1:] == ["flask==3.1.3"]
    assert "/build/requirements.txt" in text(made, "Dockerfile")


@pytest.mark.parametrize(
    ("requires", "tag"),
    [
        ("", "3.12"),
        (">=3.10", "3.12"),
        (">=3.12.3", "3.12"),
        (">=3.10,<3.12", "3.11"),
        (">=3.13", "3.13"),
        ("==3.11.4", "3.11.4"),
        ("~=3.10.2", "3.10"),
    ],
)
def test_python(requires: str, tag: str) -> None:
    assert python_tag(requires) == tag


@pytest.mark.parametrize("requires", ["<3.10", "==2.7", "three"])
def test_python_that_cannot_be_had(requires: str) -> None:
    with pytest.raises(AppError, match="requires-python"):
        python_tag(requires)


@pytest.mark.parametrize(
    "changes",
    [
        {"requirements_file": "../../etc/passwd.txt"},
        {"requirements_file": "a b\nRUN evil.txt"},
        {"build": (("python", "a\nRUN evil"),)},
        {"build": ((),)},
        {"dependencies": "flask\n--index-url=http://evil"},
        {"components": "wsgi:app\nUSER 0"},
        {"components": "--help"},
    ],
)
def test_hostile_workloads_are_refused(
    changes: dict[str, Any],
    make_workload: Callable[..., Workload],
    make_design: Callable[..., Any],
    wheel: tuple[str, bytes],
) -> None:
    base = make_workload()
    if isinstance(changes.get("dependencies"), str):
        proof = base.dependencies[0].proof
        changes = {"dependencies": (Dependency(name=changes["dependencies"], proof=proof),)}
    if isinstance(changes.get("components"), str):
        web = Component(name="web", kind="web", framework="flask", interface="wsgi",
        entry=changes["components"],
                        command=("x",), port=1)  # fmt: skip
        changes = {"components": (web,)}
    with pytest.raises(AppError) as caught:
        bundle(make_workload(**changes), Settings(), make_design("aws-fargate"), wheel)
    assert caught.value.fix


@pytest.mark.parametrize("name", ["../x.whl", "other-1.0-py3-none-any.whl", "x", "a b.whl"])
def test_foreign_wheels_are_refused(
    name: str, make_workload: Callable[..., Workload], make_design: Callable[..., Any]
) -> None:
    with pytest.raises(InputError):
        bundle(make_workload(), Settings(), make_design("aws-fargate"), (name, b""))


def test_app_names_cannot_break_out(
    make_workload: Callable[..., Workload],
    make_design: Callable[..., Any],
    wheel: tuple[str, bytes],
) -> None:
    name = 'x"\n}\nresource "evil" {`$(rm -rf /)`'
    made = bundle(
        make_workload(), Settings(app=AppSettings(name=name)), make_design("aws-fargate"), wheel
    )
    for file in made.files:
        assert b"rm -rf /)" not in file.content or file.path == "README.md"
    assert text(made, "README.md").splitlines()[0].startswith("# `x")


def test_the_runtime_takes_every_variable_it_is_given(
    all_cases: dict[str, BundleFiles],
) -> None:
    """What the bundle sets, the runtime that lies in it reads."""
    known = {option.variable for option in OPTIONS}
    given = set()
    for files in all_cases.values():
        for file in files.files:
            given |= set(re.findall(r"SEATRIAL_[A-Z_]+", file.content.decode("utf-8", "replace")))
    assert {"SEATRIAL_BIND", "SEATRIAL_MANAGEMENT", "SEATRIAL_READY_PATH"} <= given <= known
