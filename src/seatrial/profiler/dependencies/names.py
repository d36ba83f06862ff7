"""Which distribution an import name means, and whether it gets installed."""

from __future__ import annotations

import re
import tomllib
from functools import cache, cached_property
from importlib.resources import files
from typing import Any

from packaging.utils import canonicalize_name

from seatrial.profiler.dependencies.reading import Install
from seatrial.profiler.dependencies.wheels import wheel, wheels
from seatrial.profiler.part import Part

# Brought so often that a distribution that is not known may well bring them.
_COMMON = frozenset({
    "requests", "httpx", "numpy", "pandas", "pydantic", "yaml", "attr", "attrs", "six", "click",
    "jinja2", "markupsafe", "typing_extensions", "packaging", "dateutil", "pytz", "urllib3",
    "certifi", "cryptography", "PIL", "tqdm", "aiohttp", "anyio", "starlette", "werkzeug",
    "itsdangerous", "sqlalchemy", "google", "grpc", "rich", "pkg_resources", "setuptools",
    "langchain_core", "pydantic_core", "botocore", "websockets", "tenacity", "scipy", "torch",
    "huggingface_hub", "tokenizers", "safetensors", "lxml", "bs4", "orjson", "dotenv", "jwt",
})  # fmt: skip
CERTAIN, LIKELY = 0.9, 0.7


@cache
def _file() -> dict[str, Any]:
    text = (files("seatrial.profiler") / "data" / "imports.toml").read_text(encoding="utf-8")
    return tomllib.loads(text)


@cache
def development() -> frozenset[str]:
    """The tools of developers."""
    return frozenset(_file()["development"]["names"])


@cache
def _tables() -> tuple[dict[str, tuple[str, ...]], frozenset[str]]:
    """Import names with the distributions that may bring them, and what needs none."""
    tables = _file()
    found = {name: list(names) for name, names in tables["imports"].items()}
    for name, row in wheels().items():
        for imported in row.imports:
            distribution = name.partition("+")[0]
            known = found.setdefault(imported, [])
            known += [distribution] if distribution not in known else []
    return {k: tuple(v) for k, v in found.items()}, frozenset(tables["provided"]["names"])


@cache
def _needed() -> frozenset[str]:
    """The distributions that some other one in the table of wheels needs."""
    return frozenset(one for row in wheels().values() for one in row.requires)


def distributions(name: str) -> tuple[str, ...]:
    """The distributions that an import may be of, by the longest name that is known."""
    table, _ = _tables()
    parts = name.split(".")
    for length in range(len(parts), 0, -1):
        known = table.get(".".join(parts[:length]))
        if known:
            return known
    return ()


class Provided:
    """What a component's dependencies bring."""

    def __init__(self, part: Part, install: Install) -> None:
        self.part, self.install = part, install
        self.direct = frozenset(part.dependencies)
        self._known: dict[tuple[str, bool], str] = {}
        self.all = frozenset(one.name for one in install.packages) | self.direct

    def directly(self, name: str) -> bool:
        """Whether a dependency that the app itself asks for brings an import."""
        _, nothing_needed = _tables()
        if name.split(".")[0] in nothing_needed or name in nothing_needed:
            return True
        if (name, True) not in self._known:
            self._known[name, True] = self._among(name, self.direct)
        return self._known[name, True] != ""

    def through(self, name: str) -> str:
        """The package that brings an import although nobody asked for it."""
        if (name, False) not in self._known:
            self._known[name, False] = self._among(name, self.all)
        return self._known[name, False]

    def optional(self, name: str) -> str:
        """The group or extra that asks for what an import needs."""
        found = self._among(name, frozenset(self.install.optional))
        return self.install.optional.get(found, "")

    def likely(self, top: str) -> str:
        """What to install for an import."""
        known = distributions(top)
        return known[0] if known else canonicalize_name(top)

    def certainty(self, top: str) -> float:
        """How sure it is that nothing brings an import; 0 for too little to speak of it."""
        known = bool(distributions(top))
        if not known and self._unclaimed:
            return 0.0  # One of these may be imported under that name.
        if self.install.unknown and not self._alone(top):
            return 0.0  # What one of these needs in turn may bring it.
        return LIKELY if self.install.unknown or not known else CERTAIN

    def _alone(self, top: str) -> bool:
        """Whether hardly any distribution needs what an import is of: apps ask for it."""
        names = distributions(top)
        measured = any(wheel(name) is not None for name in names)
        return measured and top not in _COMMON and _needed().isdisjoint(names)

    def _among(self, name: str, names: frozenset[str]) -> str:
        top = name.split(".")[0]
        for one in (*distributions(name), canonicalize_name(top)):
            if one in names:
                return one
        return self._alike(name, top, names)

    def _alike(self, name: str, top: str, names: frozenset[str]) -> str:
        """A package whose name speaks of the import: `google-cloud-storage`, `python-foo`."""
        dashed = re.sub(r"[-_.]+", "-", name).lower()
        plain = canonicalize_name(top)
        bare = re.sub(r"[^a-z0-9]", "", plain)
        for one in sorted(names):
            if one == dashed or dashed.startswith(f"{one}-"):
                return one
            words = one.split("-")
            if plain in words or one.startswith(f"{plain}-") or f"-{plain}-" in f"-{one}-":
                return one
            same = re.sub(r"[^a-z0-9]", "", one)
            if same == bare or same in (f"python{bare}", f"py{bare}", f"{bare}python", f"{bare}py"):
                return one
        return ""

    @cached_property
    def _unclaimed(self) -> bool:
        """Whether a dependency is there of which nobody knows how it is imported."""
        imported = {canonicalize_name(name) for name in self.part.packages}
        known = {one for names in _tables()[0].values() for one in names}
        return any(
            name not in known and name not in imported and wheel(name) is None
            for name in self.direct
        )
