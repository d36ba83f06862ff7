"""Settings files: what stands in the YAML, TOML, INI, JSON and .env files beside the code.

They are read line by line: a key, a value, and the variable that stands in for it, written
`${NAME}`, `${NAME:default}`, `${NAME:-default}`, `${oc.env:NAME,default}` or `{{ NAME }}`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import PurePosixPath

from seatrial.kernel.values import Value
from seatrial.profiler.detectors.index import indexes
from seatrial.profiler.part import Part
from seatrial.profiler.source import Source

BYTES_MAX = 256 * 1024
FILES_MAX = 200
LINE_MAX = 2_000
_SUFFIXES = (".yaml", ".yml", ".toml", ".ini", ".cfg", ".conf", ".json", ".properties")
_NAMES = re.compile(r"(config|settings|application|app|conf|secrets|default|base|prod|local|dev)")
_NOT = frozenset(
    {"tests", "test", "docs", "doc", "node_modules", "fixtures", "examples", ".github"}
)
_LINE = re.compile(r"""\s*(?:-\s+|export\s+)?["']?([A-Za-z_][\w.-]*)["']?\s*[:=]\s*(.*)""")
_PLACEHOLDER = re.compile(
    r"\$\{(?:oc\.env:|env:|ENV:)?([A-Za-z_]\w*)(?:(:-|:\?|[:,?-])([^{}]*))?\}"
    r"|\{\{\s*(?:env\.|env_var\(|getenv\(|env\()?['\"]?([A-Z][A-Z0-9_]+)['\"]?\)?\s*\}\}"
)
_IMAGE = re.compile(r"\s+image:\s*[\"']?([^\s\"'#]+)")


class Setting(Value):
    """One line of a settings file.

    `env` is the variable that its value comes from, '' when it is written out; `default` what
    stands in for the variable, `required` whether nothing does.
    """

    file: str
    line: int
    key: str
    value: str
    env: str = ""
    default: str = ""
    required: bool = False


def parse(file: str, text: str) -> Iterator[Setting]:
    """The settings in a text, one a line; other lines say nothing."""
    for number, line in enumerate(text.splitlines(), 1):
        if len(line) > LINE_MAX or line.lstrip().startswith(("#", "//", ";")):
            continue
        found = _LINE.match(line)
        if found is None:
            continue
        key, value = found[1], found[2].strip().rstrip(",").strip("\"'")
        places = list(_PLACEHOLDER.finditer(value))
        if not places:
            # A comment after a value, not a `#` inside it.
            yield Setting(file=file, line=number, key=key, value=value.split(" #")[0].strip("\"' "))
        for place in places:
            default = place[3] or ""
            yield Setting(
                file=file, line=number, key=key, value=value, env=place[1] or place[4],
                default="" if place[2] in (":?", "?") else default,
                required=place[2] is None or place[2] in (":?", "?"),
            )  # fmt: skip


def loaded(part: Part) -> tuple[Setting, ...]:
    """The settings in files that the component's code names."""
    memo = part.source.memo.setdefault("settings_files.loaded", {})
    if part not in memo:
        files = _candidates(part.source)
        named = _named(part) if files else ""
        memo[part] = tuple(
            setting
            for path in files
            if _is_named(path, named)
            for setting in parse(path, part.source.read_text(path) or "")
        )
    result: tuple[Setting, ...] = memo[part]
    return result


def examples(source: Source) -> Iterator[Setting]:
    """What .env files, their examples and compose files give the app's variables."""
    for path in _candidates(source):
        name = PurePosixPath(path).name
        if is_env_file(name) or is_compose(name):
            for setting in parse(path, source.read_text(path) or ""):
                if setting.key.isupper():
                    yield setting


def images(source: Source) -> Iterator[tuple[str, str, int]]:
    """The images that compose files run beside the app: name without tag, file and line."""
    for path in _candidates(source):
        if not is_compose(PurePosixPath(path).name):
            continue
        for number, line in enumerate((source.read_text(path) or "").splitlines(), 1):
            found = _IMAGE.match(line[:LINE_MAX])
            if found:
                yield found[1].split("@")[0].rpartition("/")[2].split(":")[0], path, number


def is_env_file(name: str) -> bool:
    """`.env`, `.env.example`, `prod.env`, `env.sample`."""
    return name.startswith(".env") or name.endswith(".env") or name.startswith("env.")


def is_compose(name: str) -> bool:
    """`docker-compose.prod.yml`, `compose.yaml`."""
    return name.startswith(("docker-compose", "compose")) and name.endswith((".yml", ".yaml"))


def _candidates(source: Source) -> list[str]:
    """The settings files of a source, each small enough to be read."""
    memo = source.memo.setdefault("settings_files", {})
    if "files" not in memo:
        found = []
        for file in source.files:
            path = file.path
            known = path.endswith(_SUFFIXES) or is_env_file(file.name)
            if not known or file.size_bytes > BYTES_MAX or _NOT & set(path.split("/")[:-1]):
                continue
            lock = file.name in ("package.json", "package-lock.json", "tsconfig.json")
            if not lock and not path.endswith("lock.yaml"):
                found.append(path)
        memo["files"] = found[:FILES_MAX]
    result: list[str] = memo["files"]
    return result


def _named(part: Part) -> str:
    """The texts of the code that may be names of files, one a line."""
    texts: list[str] = []
    for index in indexes(part):
        for node in index.strings:
            text = str(node.value)
            if len(text) < 200 and "." in text:
                texts.append(text)
        if "dynaconf" in index.packages:
            texts += ["settings.toml", "settings.yaml", "settings.yml", ".secrets.toml"]
    return "\n".join(texts)


def _is_named(path: str, named: str) -> bool:
    pure = PurePosixPath(path)
    if is_env_file(pure.name) or is_compose(pure.name):
        return False
    if pure.name in named:
        return True
    # f"config/{name}.yaml": the suffix alone, for a file that is called like settings.
    return f"\n{pure.suffix}" in f"\n{named}" and bool(_NAMES.match(pure.stem))
