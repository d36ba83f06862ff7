"""gunicorn.conf.py, read as a syntax tree: which settings it makes, and to what."""

from __future__ import annotations

import ast

from seatrial.kernel.values import Value
from seatrial.profiler.reach import dotted
from seatrial.profiler.source import Source

NAMES = (
    "gunicorn.conf.py",
    "gunicorn_conf.py",
    "gunicorn_config.py",
    "gunicorn-conf.py",
    "gunicorn.py",
)
KNOWN = frozenset({
    "wsgi_app", "bind", "workers", "worker_class", "threads", "timeout", "graceful_timeout",
    "keepalive", "max_requests", "preload_app", "reload", "chdir", "pythonpath",
    "forwarded_allow_ips", "user", "worker_connections", "worker_tmp_dir", "limit_request_line",
})  # fmt: skip
_READERS = ("getenv", "get", "environ")


class Setting(Value):
    """`value` is the constant, with `$NAME` or `${NAME:-default}` for what the environment
    gives; else the expression as it is written."""

    name: str
    value: str
    line: int
    constant: bool = True


def read(source: Source, path: str) -> tuple[Setting, ...]:
    """The settings that a configuration file makes at its top level, as far as they are known."""
    tree = source.tree(path)
    if tree is None:
        return ()
    known: dict[str, ast.expr] = {}
    found: dict[str, Setting] = {}
    for node in tree.body:
        target = value = None
        if isinstance(node, ast.Assign) and len(node.targets) == 1:
            target, value = node.targets[0], node.value
        elif isinstance(node, ast.AnnAssign) and node.value is not None:
            target, value = node.target, node.value
        if not isinstance(target, ast.Name) or value is None:
            continue
        known[target.id] = value
        if target.id in KNOWN:
            text = _text(value, known, 0)
            found[target.id] = Setting(
                name=target.id, value=(_written(value) if text is None else text)[:300],
                line=node.lineno, constant=text is not None,
            )  # fmt: skip
    return tuple(found.values())


def _written(node: ast.expr) -> str:
    try:
        return ast.unparse(node)
    except (RecursionError, ValueError):
        return ""


def _text(node: ast.expr, known: dict[str, ast.expr], depth: int) -> str | None:
    """A value as text; none when it is more than a constant or a variable of the environment."""
    if depth > 6:
        return None
    if isinstance(node, ast.Constant):
        return None if node.value is None else str(node.value)
    if isinstance(node, ast.Name):
        inner = known.get(node.id)
        return None if inner is None else _text(inner, known, depth + 1)
    if isinstance(node, ast.List | ast.Tuple) and node.elts:
        return _text(node.elts[0], known, depth + 1)
    if isinstance(node, ast.JoinedStr):
        parts = [
            _text(one.value if isinstance(one, ast.FormattedValue) else one, known, depth + 1)
            for one in node.values
        ]
        return None if any(part is None for part in parts) else "".join(filter(None, parts))
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        left, right = _text(node.left, known, depth + 1), _text(node.right, known, depth + 1)
        both_text = left is not None and right is not None and not (left + right).isdigit()
        return f"{left}{right}" if both_text else None
    if isinstance(node, ast.BoolOp) and isinstance(node.op, ast.Or):
        texts = [_text(one, known, depth + 1) for one in node.values]
        if texts[0] and texts[0].startswith("$") and texts[-1] is not None:
            return _with_default(texts[0], texts[-1])
        return None
    return _call(node, known, depth)


def _call(node: ast.expr, known: dict[str, ast.expr], depth: int) -> str | None:
    if isinstance(node, ast.Subscript) and dotted(node.value).endswith("environ"):
        name = _text(node.slice, known, depth + 1)
        return f"${{{name}}}" if name else None
    if not isinstance(node, ast.Call) or not node.args:
        return None
    called = dotted(node.func)
    last = called.rpartition(".")[2]
    if last in ("int", "str", "float", "bool") and called == last:
        return _text(node.args[0], known, depth + 1)
    if last == "getenv" or called.endswith("environ.get"):
        name = _text(node.args[0], known, depth + 1)
        if not name:
            return None
        if len(node.args) < 2:
            return f"${{{name}}}"
        default = _text(node.args[1], known, depth + 1)
        return None if default is None else f"${{{name}:-{default}}}"
    return None


def _with_default(reference: str, default: str) -> str:
    return f"{reference[:-1]}:-{default}}}" if reference.endswith("}") else reference
