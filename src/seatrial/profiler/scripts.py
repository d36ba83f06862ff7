"""Files that are run: Streamlit, Gradio and the like, and plain scripts."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Sequence
from pathlib import PurePosixPath

from seatrial.kernel.values import Value
from seatrial.profiler.frameworks import Framework, frameworks
from seatrial.profiler.modules import beside
from seatrial.profiler.reach import aliases, dotted, full_name
from seatrial.profiler.source import Source

# Not an app: what tools and packaging run.
_NOT_APPS = frozenset({
    "setup.py", "conftest.py", "noxfile.py", "fabfile.py", "versioneer.py", "tasks.py",
    "gunicorn.conf.py", "gunicorn_config.py", "gunicorn_conf.py", "__init__.py", "settings.py",
    "config.py", "conf.py", "dodo.py", "wscript.py", "hatch_build.py", "build.py",
})  # fmt: skip


_IMPORT = re.compile(
    r"^[ \t]{0,40}(?:from[ \t]+([\w.]{1,200})[ \t]+)?import[ \t]+([^\n]{1,300})", re.MULTILINE
)
_NAME = re.compile(r"[\w.]+")


PLAIN_MAX = 300
"""Files that are looked at as plain scripts, those nearest to the root first."""


class Script(Value):
    """A file that is run, with what makes it one.

    `framework` is '' for a plain script; `main` says that it has an
    `if __name__ == "__main__"`, `acts` that its top level does more than define things,
    `imported` that another file imports it, `attr` a function a framework is told the name of.
    """

    framework: str
    path: str
    line: int
    main: bool
    acts: bool
    imported: bool
    attr: str = ""


def framework_files(source: Source) -> tuple[Script, ...]:
    """The files that a framework runs, in the order of their paths."""
    kinds = [one for one in frameworks().values() if one.uses]
    words = frozenset(package for one in kinds for package in one.imports)
    used: list[tuple[str, str, int, str]] = []
    for path in source.python_files:
        if beside(path) or not source.mentions(path, words):
            continue
        names = aliases(source, path)
        for one in kinds:
            use = _use(source, path, one, names)
            if use is not None:
                used.append((path, one.id, *use))
                break
    imported = _imported(source, [one[0] for one in used])
    return (*(_script(source, *one, imported) for one in used), *_agents(source))


def plain(source: Source) -> tuple[Script, ...]:
    """Every file that can be run by itself; one that cannot be parsed may be one too."""
    near = [
        path
        for path in source.python_files
        if not beside(path) and PurePosixPath(path).name not in _NOT_APPS and path.count("/") <= 4
    ]
    near.sort(key=lambda path: (path.count("/"), path))
    near = near[:PLAIN_MAX]
    imported = _imported(source, near)
    found = [_script(source, path, "", 0, "", imported) for path in near]
    return tuple(one for one in found if one.main or one.acts or source.tree(one.path) is None)


def _use(
    source: Source, path: str, framework: Framework, names: dict[str, str]
) -> tuple[int, str] | None:
    """The line, and the decorated function, where a file uses a framework as its apps do."""
    if not any(name.startswith(framework.imports) for name in names.values()):
        return None
    first: tuple[int, str] | None = None
    for node in source.nodes(path):
        called = ""
        if isinstance(node, ast.Call):
            called = full_name(node.func, names)
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            for decorator in node.decorator_list:
                used = full_name(
                    decorator.func if isinstance(decorator, ast.Call) else decorator, names
                )
                if used.startswith(framework.uses):
                    return node.lineno, node.name
        elif isinstance(node, ast.ClassDef):
            called = next((full_name(base, names) for base in node.bases), "")
        if called and any(_is(called, use) for use in framework.uses):
            line = int(getattr(node, "lineno", 0))
            first = min(first or (line, ""), (line, ""))
    return first


def _is(called: str, use: str) -> bool:
    return called.startswith(use) if use.endswith(".") else called == use


def _script(
    source: Source, path: str, framework: str, line: int, attr: str, imported: frozenset[str]
) -> Script:
    tree = source.tree(path)
    body = tree.body if tree is not None else []
    main = any(isinstance(one, ast.If) and is_main(one.test) for one in body)
    return Script(
        framework=framework, path=path, line=line, main=main,
        acts=any(_acts(one) for one in body), imported=path in imported, attr=attr,
    )  # fmt: skip


def is_main(test: ast.expr) -> bool:
    """`__name__ == "__main__"`."""
    return isinstance(test, ast.Compare) and any(
        isinstance(node, ast.Name) and node.id == "__name__" for node in ast.walk(test)
    )


def _acts(statement: ast.stmt) -> bool:
    """Whether a top-level statement does something: a call, a loop, a `with`."""
    if isinstance(statement, ast.Expr):
        return isinstance(statement.value, ast.Call | ast.Await)
    if isinstance(statement, ast.Try):
        return any(_acts(one) for one in statement.body)
    if isinstance(statement, ast.If):
        return not is_main(statement.test) and any(_acts(one) for one in statement.body)
    return isinstance(statement, ast.For | ast.While | ast.With)


def _imported(source: Source, paths: Sequence[str]) -> frozenset[str]:
    """Those of the files that another file seems to import, by its module's name.

    Import lines are looked for in the text: most files of a large app are not parsed for this.
    """
    modules = {path: "." + path.removesuffix(".py").replace("/", ".") for path in paths}
    words = frozenset(PurePosixPath(path).stem for path in paths)
    found: set[str] = set()
    for path in source.python_files if paths else ():
        if beside(path) or not source.mentions(path, words):
            continue
        for above, names in _IMPORT.findall(source.read_text(path) or ""):
            asked = [f"{above}.{name}" for name in _NAME.findall(names)] + [above]
            ends = tuple("." + name.strip(".") for name in asked if name.strip("."))
            found.update(o for o, module in modules.items() if module.endswith(ends) and o != path)
    return frozenset(found)


def _agents(source: Source) -> Iterator[Script]:
    """Google ADK agents: a folder whose agent.py has a `root_agent`."""
    for path in source.python_files:
        if path.rpartition("/")[2] != "agent.py" or beside(path):
            continue
        for node in source.nodes_of(path, ast.Assign):
            if any(dotted(target) == "root_agent" for target in node.targets):
                yield _script(source, path, "google-adk", node.lineno, "", frozenset())


def run_name(path: str) -> tuple[str, str]:
    """The entry and folder of a file that is run: a file, or `-m package` for a package."""
    if path.endswith("/__main__.py"):
        above, _, name = path.removesuffix("/__main__.py").rpartition("/")
        return f"-m {name}", above or "."
    return path, "."
