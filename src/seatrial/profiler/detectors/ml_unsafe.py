"""Pickles that come from outside: from a visitor's upload, or over the network."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.version import Version

from seatrial.kernel.workload import Fact
from seatrial.profiler.detectors import ml_calls
from seatrial.profiler.detectors.index import Index, indexes
from seatrial.profiler.part import Part
from seatrial.profiler.reach import FunctionNode, dotted, keyword, last
from seatrial.profiler.rules import fact

# torch.load takes weights only, unless told otherwise, since this version:
# https://docs.pytorch.org/docs/stable/generated/torch.load.html
_TORCH_SAFE = Version("2.6")
_REQUEST = frozenset({"files", "FILES", "data", "body", "get_data", "stream", "get_json", "json",
                      "form", "POST"})  # fmt: skip
_FETCHES = ("requests.get", "requests.post", "httpx.get", "httpx.post", "urllib.request.urlopen",
            "urllib.request.urlretrieve", "wget.download", "gdown.download")  # fmt: skip
_WIDGETS = frozenset({"file_uploader", "UploadFile", "FileStorage", "file_input"})
_ROUNDS = 3


def detect(part: Part) -> Iterator[Fact]:
    """Loads of a pickle whose content a visitor or another machine chose."""
    for index in indexes(part):
        loads = [
            (call, called)
            for call in index.of(ast.Call)
            if (called := index.foreign(call.func)) in ml_calls.table()["pickles"]
            and not _is_safe(part, call, called)
        ]
        for call, called in loads:
            function = index.function(call)
            tainted = _tainted(index, function)
            if any(_comes_from(index, given, tainted) for given in call.args):
                where = f"in {function.name}()" if function is not None else ""
                yield fact("model.unsafe-load", called, where, file=index.path, line=call.lineno)


def _is_safe(part: Part, call: ast.Call, called: str) -> bool:
    if called == "numpy.load":
        allowed = keyword(call, "allow_pickle")
        return not (isinstance(allowed, ast.Constant) and allowed.value is True)
    if called != "torch.load":
        return False
    only = keyword(call, "weights_only")
    if only is not None:
        return not (isinstance(only, ast.Constant) and only.value is False)
    asked = part.dependencies.get("torch")
    try:
        specifier = SpecifierSet(asked.specifier if asked else "")
    except InvalidSpecifier:
        return True
    # Only a pin to an older version makes the old default sure.
    return not any(
        one.operator in ("==", "<", "<=", "~=")
        and Version(one.version.removesuffix(".*")) < _TORCH_SAFE
        for one in specifier
    )


def _tainted(index: Index, function: FunctionNode | None) -> set[str]:
    """The names in a function that hold what came from outside."""
    found: set[str] = set()
    if function is not None:
        for given in (*function.args.args, *function.args.kwonlyargs):
            note = given.annotation
            if note is not None and any(last(n) in _WIDGETS for n in ast.walk(note)):
                found.add(given.arg)
    scope: list[ast.AST] = list(ast.walk(function)) if function else list(index.nodes)
    for _ in range(_ROUNDS):
        before = len(found)
        for node in scope:
            if isinstance(node, ast.Assign) and _comes_from(index, node.value, found):
                for target in node.targets:
                    found |= {n.id for n in ast.walk(target) if isinstance(n, ast.Name)}
            elif isinstance(node, ast.withitem) and node.optional_vars is not None:
                if _comes_from(index, node.context_expr, found):
                    found |= {last(node.optional_vars)}
            elif isinstance(node, ast.Call) and last(node.func) in ("save", "write", "urlretrieve"):
                found |= _written(index, node, found)
        if len(found) == before:
            break
    return found - {""}


def _written(index: Index, call: ast.Call, tainted: set[str]) -> set[str]:
    """`upload.save(path)`, `file.write(upload.read())`: the path, the file."""
    if not isinstance(call.func, ast.Attribute) or not call.args:
        return set()
    if call.func.attr == "save" and _comes_from(index, call.func.value, tainted):
        return {n.id for n in ast.walk(call.args[0]) if isinstance(n, ast.Name)}
    if call.func.attr == "urlretrieve" and len(call.args) > 1:
        return {last(call.args[1])}
    if call.func.attr == "write" and _comes_from(index, call.args[0], tainted):
        held = last(call.func.value)
        opened = {
            n.id
            for item in index.of(ast.With)
            for one in item.items
            if one.optional_vars is not None and last(one.optional_vars) == held
            for n in ast.walk(one.context_expr)
            if isinstance(n, ast.Name) and n.id not in ("open", "os", "tempfile")
        }
        return opened | {held}
    return set()


def _comes_from(index: Index, value: ast.AST, tainted: set[str]) -> bool:
    for node in ast.walk(value):
        if isinstance(node, ast.Name) and node.id in tainted:
            return True
        if isinstance(node, ast.Attribute) and node.attr in _REQUEST:
            root = dotted(node.value)
            if root.rpartition(".")[2] in ("request", "req") or root == "flask.request":
                return True
        if isinstance(node, ast.Call) and (
            last(node.func) in _WIDGETS or index.foreign(node.func) in _FETCHES
        ):
            return True
    return False
