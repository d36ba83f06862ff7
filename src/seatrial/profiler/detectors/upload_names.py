"""Paths made from the name that a visitor gave a file."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence

from seatrial.kernel.workload import Fact
from seatrial.profiler.detectors.index import index
from seatrial.profiler.detectors.origins import in_order, origin_of, own
from seatrial.profiler.detectors.sites import calls_in, serving
from seatrial.profiler.part import Part
from seatrial.profiler.reach import FunctionNode, last
from seatrial.profiler.rules import fact
from seatrial.profiler.scopes import Def

# What makes a name harmless, or something else than a name.
_CLEANERS = frozenset({
    "secure_filename", "basename", "get_valid_filename", "sanitize_filename", "slugify", "uuid4",
    "sanitize", "safe_filename", "secure_name", "clean_filename", "splitext", "guess_type", "len",
    "split", "rsplit", "rpartition", "partition", "endswith", "startswith", "lower_ext", "sha256",
    "md5", "hexdigest", "safe_join", "generate_filename", "get_available_name", "allowed_file",
    "sub", "hash", "quote",
})  # fmt: skip
_HARMLESS_ATTRIBUTES = frozenset({"suffix", "suffixes", "name", "stem"})
_WRITERS = frozenset({"open", "save", "write_bytes", "write_text", "copyfileobj", "move", "copy",
                      "copyfile", "upload_from_filename", "rename", "extractall"})  # fmt: skip
_STREAMLIT = ("streamlit.file_uploader()", "streamlit.sidebar.file_uploader()")


def unsafe_names(part: Part, uploads: Sequence[str]) -> Iterator[Fact]:
    """Files opened or saved under a path that holds the visitor's file name as it came."""
    served = serving(part)
    named: set[tuple[str, Def | None]] = set()
    for path in {one.path for one in served}:
        file = part.code.file(path)
        named.update(
            (path, file.at(node)) for node in index(part.source, path).of(ast.Attribute)
            if node.attr in ("filename", "name")
        )  # fmt: skip
    told: set[tuple[str, int]] = set()
    for one in sorted(served, key=lambda one: (one.path, one.line)):
        inside = None if isinstance(one.node, ast.Module) else one
        for call in _written(part, one, uploads) if (one.path, inside) in named else ():
            if (one.path, call.lineno) not in told:
                told.add((one.path, call.lineno))
                name = f"{one.name}()" if one.name else "the script"
                yield fact("upload.filename", ast.unparse(call.func)[:80], f"in {name}",
                           file=one.path, line=call.lineno)  # fmt: skip


def _written(part: Part, one: Def, uploads: Sequence[str]) -> Iterator[ast.Call]:
    if not any(last(call.func) in _WRITERS for call in calls_in(part, one)):
        return
    nodes = list(_nodes(one))
    tainted: set[str] = set()
    for node in in_order(iter(nodes)):
        if isinstance(node, ast.Assign):
            dirty = _is_dirty(part, one, node.value, tainted, uploads)
            for target in node.targets:
                if isinstance(target, ast.Name):
                    (tainted.add if dirty else tainted.discard)(target.id)
        elif isinstance(node, ast.Call) and last(node.func) in _WRITERS:
            given: list[ast.AST] = list(node.args[:2])
            if isinstance(node.func, ast.Attribute):
                # Path(folder, name).write_bytes(data), but not upload.save(path).
                given.append(node.func.value)
            paths = [value for value in given if not _is_upload(part, one, value, uploads)]
            if any(_is_dirty(part, one, value, tainted, uploads) for value in paths):
                yield node


def _nodes(one: Def) -> Iterator[ast.AST]:
    if isinstance(one.node, ast.Module):
        return own(one.node)
    return (node for statement in one.node.body for node in own(statement))


def _is_dirty(
    part: Part, one: Def, node: ast.AST, tainted: set[str], uploads: Sequence[str]
) -> bool:
    """Whether a visitor's file name is in an expression, and has not been made harmless."""
    waiting = [node]
    while waiting:
        inner = waiting.pop()
        if isinstance(inner, ast.Name) and inner.id in tainted:
            return True
        if isinstance(inner, ast.Attribute):
            if inner.attr == "filename" and _is_upload(part, one, inner.value, uploads):
                return True
            if inner.attr == "name" and _is_upload(part, one, inner.value, _STREAMLIT):
                return True
            if inner.attr in _HARMLESS_ATTRIBUTES:
                continue
        if isinstance(inner, ast.Call) and last(inner.func) in _CLEANERS:
            continue
        if isinstance(inner, ast.Compare | FunctionNode | ast.Lambda | ast.Subscript):
            continue
        waiting.extend(ast.iter_child_nodes(inner))
    return False


def _is_upload(part: Part, one: Def, node: ast.AST, uploads: Sequence[str]) -> bool:
    if not isinstance(node, ast.Name | ast.Attribute | ast.Subscript | ast.Call):
        return False
    origin = origin_of(part.code, one.path, node)
    if origin.endswith((".filename", ".name")):
        return False
    return bool(origin) and (origin in uploads or origin.startswith(
        tuple(name for name in uploads if not name.endswith("()"))
    ))  # fmt: skip
