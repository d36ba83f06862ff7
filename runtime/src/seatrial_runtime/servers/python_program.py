"""Whether a command line is a Python program of this very environment, and how to run it here."""

import os
import re
import runpy
import shutil
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

_SHEBANG = re.compile(rb"#!\s*(\S+)(?:[ \t]+(\S+))?")
# What pip writes where the path is too long for the kernel.
_LONG_SHEBANG = re.compile(rb"#!/bin/sh\n'''exec' \"?([^\"\n]+?)\"? \"\$0\"")
_HEAD_BYTES = 2048


@dataclass(frozen=True)
class PythonProgram:
    """A script or, if `module` says so, the name of a module, and `argv` as it will see it."""

    target: str
    module: bool
    argv: tuple[str, ...]

    @property
    def name(self) -> str:
        """What it is called: celery, rq, or the name of a script."""
        return Path(self.target).stem.partition(".")[0] if not self.module else self.target

    def run(self) -> None:
        """Run it as the main program; SystemExit is its end."""
        sys.argv = list(self.argv)
        if self.module:
            sys.path.insert(0, os.getcwd())
            runpy.run_module(self.target, run_name="__main__", alter_sys=True)
        else:
            sys.path.insert(0, str(Path(self.target).resolve().parent))
            runpy.run_path(self.target, run_name="__main__")


def python_program(words: Sequence[str]) -> PythonProgram | None:
    """The program, or None for any other: it has to be started by `exec`."""
    path = shutil.which(words[0])
    if path is None:
        return None
    if _is_this_python(path):
        return _of_python(words[1:])
    if _is_this_python(_interpreter(path)):
        return PythonProgram(path, False, (path, *words[1:]))
    return None


def _of_python(words: Sequence[str]) -> PythonProgram | None:
    words = words[1:] if words[:1] == ["-u"] or words[:1] == ("-u",) else words
    if len(words) >= 2 and words[0] == "-m":
        return PythonProgram(words[1], True, (words[1], *words[2:]))
    # Other options of the interpreter, -c and - are left to an interpreter of their own.
    if words and not words[0].startswith("-") and Path(words[0]).is_file():
        return PythonProgram(words[0], False, tuple(words))
    return None


def _interpreter(script: str) -> str:
    """What the kernel would run the script with; empty for a binary."""
    try:
        with open(script, "rb") as file:
            head = file.read(_HEAD_BYTES)
    except OSError:
        return ""
    long = _LONG_SHEBANG.match(head)
    if long:
        return os.fsdecode(long[1])
    match = _SHEBANG.match(head)
    if not match:
        return ""
    if match[2] and Path(os.fsdecode(match[1])).name == "env":
        return shutil.which(os.fsdecode(match[2])) or ""
    # An option of the interpreter would be lost here.
    return os.fsdecode(match[1]) if not match[2] else ""


def _is_this_python(path: str) -> bool:
    """By the folder, not by where a link leads: environments share one binary."""
    if not re.fullmatch(r"python(\d+(\.\d+)?)?", Path(path).name):
        return False
    here, there = Path(sys.executable), Path(path)
    if sys.prefix == sys.base_prefix:
        return here.resolve() == there.resolve()
    return here.parent.resolve() == there.parent.resolve()
