"""The house's budgets: sizes, cycles and layers, names that stay out."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = [ROOT / "src/seatrial", ROOT / "runtime/src/seatrial_runtime"]
SOURCES = sorted(path for package in PACKAGES for path in package.rglob("*.py"))
FILE_LINES_MAX = 400
FILE_LINES_MEAN = 150
FUNCTION_LINES_MAX = 60


def tracked() -> list[Path]:
    """The files of the project: what git knows, or all but the built ones without git."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    )  # fmt: skip
    return [ROOT / line for line in listed.stdout.splitlines() if (ROOT / line).is_file()]


def test_files_are_short() -> None:
    lengths = {path: len(path.read_text().splitlines()) for path in SOURCES}
    long = {str(path): n for path, n in lengths.items() if n > FILE_LINES_MAX}
    assert not long
    assert sum(lengths.values()) / len(lengths) <= FILE_LINES_MEAN


@pytest.mark.parametrize("path", SOURCES, ids=lambda p: str(p.relative_to(ROOT)))
def test_functions_are_short_and_imports_on_top(path: Path) -> None:
    lines = path.read_text().splitlines()
    for node in ast.walk(ast.parse("\n".join(lines))):
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        length = (node.end_lineno or 0) - node.lineno + 1
        assert length <= FUNCTION_LINES_MAX, f"{node.name} has {length} lines"
        for inner in ast.walk(node):
            if isinstance(inner, ast.Import | ast.ImportFrom):
                near = "\n".join(lines[max(0, inner.lineno - 3) : inner.lineno])
                assert "#" in near, f"line {inner.lineno}: say why this import is not on top"


def test_layers_hold() -> None:
    done = subprocess.run(
        [Path(sys.executable).parent / "lint-imports", "--no-cache"],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr


def test_pipeline_reads_as_a_list() -> None:
    assert len((ROOT / "src/seatrial/pipeline.py").read_text().splitlines()) < 200


def test_the_project_speaks_of_itself_alone() -> None:
    forbidden = re.compile(r"(?<![\w.-])/(work|root|opt)/|pythonhosted|\bhelper-\d", re.IGNORECASE)
    for path in tracked():
        if path.suffix in {".png", ".svg"} or path == Path(__file__):
            continue
        found = forbidden.search(path.read_text(errors="replace"))
        assert found is None, f"{path}: {found.group() if found else ''}"


IMPORTED = re.compile(r"from seatrial_runtime import (\w+(?:, \w+)*)")
INSTALLED = re.compile(r"seatrial-runtime==[\d.]+")


def opt_in_names() -> set[str]:
    """The names that apps may import by choice, as the runtime's own table says."""
    tree = ast.parse((ROOT / "runtime/src/seatrial_runtime/__init__.py").read_text())
    for node in tree.body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "_HOMES":
            return {name for names in ast.literal_eval(node.value).values() for name in names}
    raise AssertionError("the runtime has no table of its names")


def test_examples_do_not_know_seatrial() -> None:
    """Only prism does, which opts in to the runtime's chain of models: by name, and as a
    requirement."""
    for path in tracked():
        inside = path.relative_to(ROOT).parts
        if inside[0] != "examples" or path.suffix not in {".py", ".html", ".txt"}:
            continue
        for line in path.read_text(errors="replace").splitlines():
            if "seatrial" not in line.lower():
                continue
            assert inside[1] == "prism", f"{path}: {line}"
            imported = IMPORTED.fullmatch(line) if path.suffix == ".py" else None
            installed = path.name == "requirements.txt" and INSTALLED.fullmatch(line)
            assert imported or installed, f"{path}: {line}"
            if imported:
                assert set(imported[1].split(", ")) <= opt_in_names(), f"{path}: {line}"
