"""What an import costs: run in a fresh interpreter of the environment that is measured.

Prints JSON: the memory of the interpreter before and after the statement in MiB (proportional
set size), and its growth split by the distribution whose module was being loaded; the standard
library's is under "".
"""

from __future__ import annotations

import importlib
import json
import os
import sys
import sysconfig
import warnings
from collections import defaultdict
from pathlib import Path

PAGE = os.sysconf("SC_PAGE_SIZE")
MIB = 2**20


def resident() -> int:
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * PAGE


def proportional() -> float:
    with open("/proc/self/smaps_rollup") as file:
        return next(int(line.split()[1]) for line in file if line.startswith("Pss:")) / 1024


def owners() -> dict[str, str]:
    """The distribution of every Python module that is installed, by its path."""
    found: dict[str, str] = {}
    for info in Path(sysconfig.get_path("purelib")).glob("*.dist-info"):
        name = info.name.partition("-")[0]
        for line in (info / "RECORD").read_text(errors="replace").splitlines():
            path = line.partition(",")[0]
            if path.endswith((".py", ".so")):
                found[f"{info.parent}/{path}"] = name
    return found


def main(statement: str) -> None:
    warnings.simplefilter("ignore")
    file_of = owners()
    own = importlib._bootstrap._find_and_load_unlocked  # type: ignore[attr-defined]
    stack: list[list[object]] = []
    grown: dict[str, int] = defaultdict(int)

    def load(name: str, import_: object) -> object:
        before = resident()
        stack.append([name, 0])
        try:
            return own(name, import_)
        finally:
            _, inner = stack.pop()
            whole = resident() - before
            grown[name] += whole - inner  # type: ignore[operator]
            if stack:
                stack[-1][1] += whole  # type: ignore[operator]

    importlib._bootstrap._find_and_load_unlocked = load  # type: ignore[attr-defined]
    base = proportional()
    exec(statement, {})
    after = proportional()
    split: dict[str, float] = defaultdict(float)
    for name, size in grown.items():
        place = getattr(sys.modules.get(name), "__file__", None) or ""
        split[file_of.get(place, "")] += size / MIB
    print(json.dumps({"base": base, "after": after, "split": split}))


main(sys.argv[1])
