"""Requirements as they are written: PEP 508, addresses, paths, and for which machine."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import urlsplit

from packaging.markers import InvalidMarker, Marker, UndefinedEnvironmentName
from packaging.requirements import InvalidRequirement, Requirement
from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.utils import InvalidWheelFilename, canonicalize_name, parse_wheel_filename

from seatrial.kernel.workload import Dependency, Proof
from seatrial.profiler.dependencies.reading import Reading

CPU_INDEX = "/whl/cpu"
"""In the address of the index that has PyTorch's CPU builds."""

HIDDEN = "@ address"
# The servers an app is deployed to run Linux on x86-64 or Arm; markers are read for them.
_TARGET = {
    "sys_platform": "linux", "os_name": "posix", "platform_system": "Linux",
    "platform_machine": "x86_64", "implementation_name": "cpython",
    "platform_python_implementation": "CPython", "extra": "", "platform_release": "",
    "platform_version": "",
}  # fmt: skip
# The order in which the images' Python is chosen.
_PREFERRED = ("3.12", "3.13", "3.11", "3.14", "3.10", "3.9", "3.8", "3.7", "3.6", "2.7")
_VCS = re.compile(r"(?:git|hg|svn|bzr)\+|git://|.*\.git(?:@|#|$)")


def requirement(reading: Reading, text: str, file: str, line: int) -> Dependency | None:
    """One requirement; none, and told, when it is not read or not for Linux."""
    try:
        asked = Requirement(text)
        wanted = applies(reading, asked.marker)
    except (InvalidRequirement, UndefinedEnvironmentName, RecursionError, ValueError):
        found = address(text, file, line)
        if found is None:
            _unread(reading, text, file, line)
        return found
    if not wanted:
        reading.tell("dependencies.not-here", asked.name, "its marker leaves Linux out", file, line)
        return None
    reading.cpu |= CPU_INDEX in (asked.url or "") or "+cpu" in str(asked.specifier)
    specifier = _address(asked.url) if asked.url else str(asked.specifier)
    return made(asked.name, specifier, file, line, tuple(sorted(asked.extras)))


def made(
    name: str, specifier: str, file: str, line: int, extras: tuple[str, ...] = ()
) -> Dependency:
    """A dependency; its specifier begins with its extras: `[binary]==3.2`."""
    asked = f"[{','.join(extras)}]" if extras else ""
    return Dependency(
        name=canonicalize_name(name),
        specifier=f"{asked} {specifier}" if asked and specifier[:1] == "@" else asked + specifier,
        proof=Proof(kind="source", rule="dependencies.declared", file=file, line=line),
    )


def extras(dependency: Dependency) -> frozenset[str]:
    """The extras that a dependency asks for."""
    found = re.match(r"\[([^\]]*)\]", dependency.specifier)
    return frozenset(found[1].split(",")) if found else frozenset()


def version(dependency: Dependency) -> str:
    """The exact version that a dependency asks for; '' when it leaves one open."""
    asked = re.sub(r"^\[[^\]]*\]", "", dependency.specifier)
    found = re.fullmatch(r"={2,3}\s*([^\s,*]+)", asked)
    return found[1] if found else ""


def applies(reading: Reading, marker: Marker | str | None, extra: str = "") -> bool:
    """Whether a marker holds on a Linux server with the app's Python."""
    if marker is None or marker == "":
        return True
    environment = {
        **_TARGET, "extra": extra, "python_version": reading.python,
        "python_full_version": f"{reading.python}.0",
    }  # fmt: skip
    try:
        return (Marker(marker) if isinstance(marker, str) else marker).evaluate(environment)
    except (InvalidMarker, UndefinedEnvironmentName, RecursionError, ValueError):
        return True


def preferred(specifier: str) -> str:
    """The Python that is taken where a specifier allows several."""
    try:
        allowed = SpecifierSet(specifier)
    except InvalidSpecifier:
        return "3.12"
    fit = [one for one in _PREFERRED if any(f"{one}.{patch}" in allowed for patch in range(30))]
    return fit[0] if fit else "3.12"


def address(text: str, file: str, line: int) -> Dependency | None:
    """A requirement that is an address only: a wheel, or a repository that says its egg."""
    text = text.strip()
    if "://" not in text:
        return None
    egg = re.search(r"[#&]egg=([A-Za-z0-9][\w.\-]*)", text)
    try:
        path = urlsplit(text).path
        name = egg[1] if egg else str(parse_wheel_filename(path.rpartition("/")[2])[0])
    except (InvalidWheelFilename, ValueError):
        return None
    plain = text.split("#")[0] if egg else text
    return made(name, _address(plain), file, line)


def git(value: dict[str, Any]) -> str:
    """The specifier of a repository as Poetry, Pipenv and uv write it; '' when it is none."""
    where = value.get("git")
    if not isinstance(where, str):
        return ""
    rev = next((value[key] for key in ("rev", "ref", "tag", "branch") if key in value), "")
    return _address(f"git+{where}" + (f"@{rev}" if isinstance(rev, str) and rev else ""))


def is_vcs(dependency: Dependency) -> bool:
    """Whether git is needed to install it."""
    _, _, where = dependency.specifier.partition("@ ")
    return bool(_VCS.match(where))


def _address(url: str) -> str:
    """The specifier of an address; without the address when that may hold a secret."""
    try:
        parts = urlsplit(url)
        secret = "@" in parts.netloc or bool(parts.query) or "$" in url or len(url) > 200
    except ValueError:
        secret = True
    return HIDDEN if secret or not parts.scheme or " " in url else f"@ {url}"


def _unread(reading: Reading, text: str, file: str, line: int) -> None:
    # An address may hold a token; only what is certainly a name or a path is repeated.
    plain = text[:80] if re.fullmatch(r"[\w.\-\[\]/=<>~!, ]+", text) else "an address"
    why = "not a requirement by name (PEP 508)"
    reading.tell("dependencies.unread", plain, why, file, line)
