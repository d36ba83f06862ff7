"""What the image is built from: the base image, the requirements, the build steps, the entry."""

from __future__ import annotations

import re
from pathlib import PurePosixPath

from packaging.requirements import InvalidRequirement, Requirement
from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.utils import InvalidWheelFilename, parse_wheel_filename

from seatrial.kernel.errors import AppError, InputError
from seatrial.kernel.starting import started
from seatrial.kernel.values import Value
from seatrial.kernel.workload import Component, Dependency, Workload

PYTHONS = ("3.12", "3.13", "3.11", "3.14", "3.10")
"""Tried in this order. 3.12 first: nearly every package has wheels for it, and it gets fixes
until 2028-10 (PEP 693). Older than 3.10 the runtime does not go."""

SURE = 0.9
"""Packages that only a part of the app may need would make every image larger."""

_PATCHES = 60  # No release line of Python has had as many patch releases.
_SAFE_PATH = re.compile(r"[A-Za-z0-9._/+-]+")
_DEBIAN = re.compile(r"[a-z0-9][a-z0-9.+-]+")
_ENTRY = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)*:[^\W\d]\w*")


class Image(Value):
    """How the image is built.

    `requirements` is a file of the app; empty when the requirements are `generated` from the
    dependencies. `python_path` is the app's folder inside the image, `env` what its start says by
    variables.
    """

    python: str
    wheel: str
    requirements: str
    generated: tuple[str, ...]
    system_packages: tuple[str, ...]
    build: tuple[tuple[str, ...], ...]
    command: tuple[str, ...]
    env: tuple[tuple[str, str], ...]
    python_path: str


def read_image(workload: Workload, wheel: str) -> Image:
    """What the workload says about its image; raises `AppError` for what cannot be built."""
    web = workload.web
    lines = tuple(_requirement(dependency) for dependency in workload.dependencies)
    in_file = workload.requirements_file.endswith(".txt")
    return Image(
        python=python_tag(workload.python_requires),
        wheel=_wheel(wheel),
        requirements=_path(workload.requirements_file, "requirements file") if in_file else "",
        generated=() if in_file else tuple(sorted(set(lines))),
        system_packages=_system_packages(workload),
        build=tuple(_argv(argv) for argv in workload.build),
        command=_command(web),
        env=started(web).env,
        python_path=str(PurePosixPath("/app") / _path(web.app_dir, "folder of the app")),
    )


def python_tag(python_requires: str) -> str:
    """The tag of the Python image: a minor version, or a patch release where only that is allowed.

    Raises `AppError` when no supported version is allowed.
    """
    try:
        allowed = SpecifierSet(python_requires)
    except InvalidSpecifier as error:
        raise AppError(
            f"{python_requires!a} is not a version specifier",
            where="requires-python",
            fix='write it as in PEP 440, for instance ">=3.10"',
        ) from error
    for minor in PYTHONS:
        patches = [patch for patch in range(_PATCHES) if f"{minor}.{patch}" in allowed]
        if patches:
            return minor if patches[-1] == _PATCHES - 1 else f"{minor}.{patches[-1]}"
    raise AppError(
        f"the app asks for Python {python_requires!a}; images are built for {', '.join(PYTHONS)}",
        where="requires-python",
        fix="widen requires-python",
    )


def _requirement(dependency: Dependency) -> str:
    text = dependency.name + dependency.specifier
    try:
        return str(Requirement(text))
    except InvalidRequirement as error:
        raise AppError(
            f"{text!a} is not a requirement",
            where=str(dependency.proof) or "dependencies",
            fix="write it as in PEP 508, for instance flask==3.1.3",
        ) from error


def _system_packages(workload: Workload) -> tuple[str, ...]:
    """The Debian packages that the app needs when it runs, as far as the profiler is sure."""
    facts = (fact for component in workload.components for fact in component.facts)
    found = {
        fact.subject
        for fact in facts
        if fact.rule == "system.package" and fact.confidence >= SURE
        and fact.value.startswith("at run time") and _DEBIAN.fullmatch(fact.subject)
    }  # fmt: skip
    return tuple(sorted(found))


def _wheel(filename: str) -> str:
    try:
        name, *_ = parse_wheel_filename(filename)
    except InvalidWheelFilename as error:
        raise InputError(
            f"{filename!a} is not the name of a wheel", fix="build the runtime wheel again"
        ) from error
    if name != "seatrial-runtime" or not _SAFE_PATH.fullmatch(filename) or "/" in filename:
        raise InputError(
            f"{filename!a} is not the runtime's wheel", fix="build the runtime wheel again"
        )
    return filename


def _path(path: str, what: str) -> str:
    pure = PurePosixPath(path)
    if not _SAFE_PATH.fullmatch(path) or pure.is_absolute() or ".." in pure.parts:
        raise AppError(
            f"the {what} {path!a} cannot be named in a Dockerfile",
            where=path,
            fix="use a relative path of letters, digits, dot, dash and underscore",
        )
    return str(pure)


def _argv(argv: tuple[str, ...]) -> tuple[str, ...]:
    if not argv or not argv[0] or not all(word.isprintable() for word in argv):
        raise AppError(
            f"the build command {list(argv)!a} cannot run in an image",
            where="build",
            fix="give a program and printable arguments",
        )
    return argv


def _command(web: Component) -> tuple[str, ...]:
    how = started(web)
    if how.subcommand == "command":
        return ("seatrial-run", "command", "--port-env", "PORT", "--", *_argv(how.target))
    if how.subcommand == "web" and not _ENTRY.fullmatch(web.entry):
        raise AppError(
            f"the entry {web.entry!a} is not MODULE:ATTRIBUTE",
            where=f"component {web.name!a}",
            fix="set app.entry in seatrial.toml, for instance wsgi:app",
        )
    return ("seatrial-run", how.subcommand, *_argv(how.target))
