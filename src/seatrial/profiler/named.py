"""Files of the app that no import leads to, because a framework is told their names as text.

Django's settings, its installed apps and urls; `app.config.from_object("config.Production")`;
the pages of Streamlit and Dash. What only a worker is told is left to its component.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence

from seatrial.profiler.modules import find, join, parent
from seatrial.profiler.reach import (
    REACH_FILES_MAX,
    dotted,
    literal,
    reachable,
)
from seatrial.profiler.scopes import File
from seatrial.profiler.source import Source
from seatrial.profiler.symbols import Symbols

_LOADERS = frozenset({
    "from_object", "from_pyfile", "import_module", "import_string", "include", "url", "path",
    "re_path", "setdefault", "run", "Page", "page_link", "switch_page", "Dash",
})  # fmt: skip
_SETTINGS = frozenset({
    "INSTALLED_APPS", "ROOT_URLCONF", "MIDDLEWARE", "ASGI_APPLICATION", "WSGI_APPLICATION",
    "AUTHENTICATION_BACKENDS", "DJANGO_APPS", "LOCAL_APPS", "PROJECT_APPS", "MIDDLEWARE_CLASSES",
    "DJANGO_SETTINGS_MODULE", "CHANNEL_ROUTING",
})  # fmt: skip
# What Django looks for in each installed app.
_OF_APP = ("apps", "models", "admin", "signals")
_NAMES_MAX = 400


def widened(symbols: Symbols, paths: Sequence[str], framework: str, entry: str) -> tuple[str, ...]:
    """`paths` with all files that they name, and what those import, sorted."""
    source = symbols.source
    found = set(paths)
    waiting = list(paths)

    left = source.reach_bytes_max - sum(source.size_bytes(path) for path in paths)

    def add(path: str) -> None:
        nonlocal left
        for one in reachable(source, path) if path not in found else ():
            if one not in found and left > 0 and len(found) < REACH_FILES_MAX:
                left -= source.size_bytes(one)
                found.add(one)
                waiting.append(one)

    for page in _pages(source, parent(entry)) if framework == "streamlit" else ():
        add(page)
    for path in waiting:  # grows while it is gone through
        for named in _named(source, symbols.file(path)):
            add(named)
    return tuple(sorted(found))


def _named(source: Source, file: File) -> Iterator[str]:
    """The files that one file names."""
    names, path = 0, file.path
    for call in file.calls(_LOADERS):
        func = call.func
        last = func.attr if isinstance(func, ast.Attribute) else getattr(func, "id", "")
        if last == "Dash" and any(k.arg == "use_pages" for k in call.keywords):
            yield from _pages(source, parent(path))
        for text in _texts([*call.args[:3], *(k.value for k in call.keywords[:8])]):
            names += 1
            if names <= _NAMES_MAX:
                yield from _file(source, text, path, False)
    for node in file.of(ast.Assign):
        for target in node.targets:
            name = dotted(target) or (
                literal(target.slice) if isinstance(target, ast.Subscript) else ""
            )
            if name in _SETTINGS:
                for text in _texts([node.value]):
                    names += 1
                    if names <= _NAMES_MAX:
                        yield from _file(source, text, path, name.endswith("APPS"))
    for one in file.of(ast.FunctionDef):
        # `def create_app(config="shop.config.Production")`
        for text in _texts(one.args.defaults) if one.args.defaults else ():
            if "." in text:
                yield from _file(source, text, path, False)
    for node in file.of(ast.AugAssign):
        if dotted(node.target) in _SETTINGS:
            for text in _texts([node.value]):
                yield from _file(source, text, path, dotted(node.target).endswith("APPS"))


def _texts(nodes: Sequence[ast.expr]) -> Iterator[str]:
    waiting = list(nodes)
    for node in waiting:
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value
        elif isinstance(node, ast.List | ast.Tuple):
            waiting += node.elts
        elif isinstance(node, ast.BinOp):
            waiting += [node.left, node.right]
        elif isinstance(node, ast.Call):
            waiting += node.args[:2]  # os.environ.get("X", "config.Production")


def _file(source: Source, text: str, path: str, whole_app: bool) -> Iterator[str]:
    """What `site.settings`, `config.Production`, `shop.apps.ShopConfig` or `page.py` mean."""
    if text.endswith(".py"):
        for folder in (parent(path), "."):
            if join(folder, text.removeprefix("./")) in source:
                yield join(folder, text.removeprefix("./"))
                return
        return
    module = text.partition(":")[0]
    if not module or len(module) > 200 or not all(part.isidentifier() for part in
                                                  module.split(".")):  # fmt: skip
        return
    for name in (module, module.rpartition(".")[0], module.rpartition(".")[0].rpartition(".")[0]):
        located = find(source, name, path) if name else None
        if located is None:
            continue
        if located.path:
            yield located.path
        if whole_app or located.path.endswith(("/apps.py", "__init__.py")):
            for inner in _OF_APP if whole_app else ():
                for one in (f"{inner}.py", f"{inner}/__init__.py"):
                    if join(located.folder, one) in source:
                        yield join(located.folder, one)
        return


def _pages(source: Source, folder: str) -> list[str]:
    """The files of the folder `pages` beside an app."""
    pages = join(folder, "pages") + "/"
    return [path for path in source.python_files if path.startswith(pages)]
