"""What visitors send, run as code, as a shell's words or as SQL."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from seatrial.kernel.workload import Fact
from seatrial.profiler.detectors.origins import in_order, origin_of, own
from seatrial.profiler.detectors.sites import calls_in, handlers, sites
from seatrial.profiler.detectors.slow_calls import call_names, package_of
from seatrial.profiler.part import Part
from seatrial.profiler.reach import keyword, last, literal
from seatrial.profiler.rules import fact
from seatrial.profiler.scopes import Def, Klass

_REQUESTS = ("flask.request.", "quart.request.", "bottle.request.", "streamlit.text_input()",
             "streamlit.text_area()", "streamlit.chat_input()",
             "streamlit.query_params")  # fmt: skip
# Of a parameter called `request`: what holds data of the visitor.
_FIELDS = frozenset({"GET", "POST", "body", "query_params", "json", "form", "args", "match_info",
                     "path_params", "data", "query", "get_json", "get_argument", "text",
                     "post"})  # fmt: skip
_BY_PARAMETER = frozenset({"fastapi", "litestar", "gradio", "ninja"})
# What gives something else than the text that went in.
_HARMLESS = frozenset({"int", "float", "bool", "len", "abs", "round", "hash", "isinstance", "UUID",
                       "quote", "escape", "escape_string", "literal_eval", "sha256", "type",
                       "date", "strptime", "get_object_or_404"})  # fmt: skip
_PASSING = frozenset({"str", "format", "join", "strip", "lower", "upper", "get", "replace", "dict",
                      "text", "decode", "encode", "getlist", "split", "getvalue", "loads",
                      "get_json", "json", "form", "read", "model_dump", "b64decode", "title",
                      "body", "items", "values", "list", "sorted"})  # fmt: skip
_UNPICKLERS = ("pickle.loads", "pickle.load", "dill.loads", "marshal.loads", "cloudpickle.loads",
               "jsonpickle.decode")  # fmt: skip
_SHELLS = ("os.system", "os.popen", "subprocess.getoutput", "subprocess.getstatusoutput")
_SQL = re.compile(
    r"\s*(select|insert\s+into|update|delete\s+from|replace\s+into|drop|with)\s",
    re.IGNORECASE,
)
_SQL_SINKS = frozenset({"execute", "executemany", "executescript", "raw", "read_sql",
                        "read_sql_query", "text", "fetch", "fetchrow", "fetchval"})  # fmt: skip
_SINKS = _SQL_SINKS | {"eval", "exec", "system", "popen", "run", "call", "check_output", "Popen",
                       "check_call", "getoutput", "loads", "load", "decode",
                       "getstatusoutput", "create_subprocess_shell"}  # fmt: skip


def detect(part: Part) -> Iterator[Fact]:
    """Follows what a handler is sent inside that handler; other functions are not entered."""
    for one in handlers(part):
        yield from _handler(part, one)
    for site in sites(part):
        if site.name == "system" and site.origin == "os.system":
            yield fact("habit.os-system", "os.system", site.where, file=site.path, line=site.line)


def _handler(part: Part, one: Def) -> Iterator[Fact]:
    if not any(last(call.func) in _SINKS for call in calls_in(part, one)):
        return
    nodes = list(_nodes(one))
    known = _Known(part, one)
    for node in in_order(iter(nodes)):
        if isinstance(node, ast.Assign):
            known.assign(node.targets, node.value)
        elif isinstance(node, ast.AnnAssign) and node.value is not None:
            known.assign([node.target], node.value)
        elif isinstance(node, ast.AugAssign) and isinstance(node.target, ast.Name):
            if known.source(node.value):
                known.names[node.target.id] = known.source(node.value)
        elif isinstance(node, ast.Call) and last(node.func) in _SINKS and node.args:
            yield from _sink(part, one, node, known)


def _nodes(one: Def) -> Iterator[ast.AST]:
    if isinstance(one.node, ast.Module):
        return own(one.node)
    return (node for statement in one.node.body for node in own(statement))


class _Known:
    """The names of one handler that hold what somebody sent, with who that is."""

    def __init__(self, part: Part, one: Def) -> None:
        self.part = part
        self.one = one
        self.names: dict[str, str] = {}
        self.sql: dict[str, ast.expr] = {}
        if not isinstance(one.node, ast.Module):
            for argument in (*one.node.args.args, *one.node.args.kwonlyargs):
                if _is_sent(part, one, argument):
                    self.names[argument.arg] = "the request"

    def assign(self, targets: list[ast.expr], value: ast.expr) -> None:
        source = self.source(value)
        for target in targets:
            inner = target.elts if isinstance(target, ast.Tuple) else [target]
            for name in inner:
                if isinstance(name, ast.Name):
                    self.names.pop(name.id, None)
                    self.sql[name.id] = value
                    if source:
                        self.names[name.id] = source

    def source(self, node: ast.AST) -> str:
        """Who sent what is in an expression: `the request`, `a model`; '' for nobody."""
        waiting: list[ast.AST] = [node]
        while waiting:
            inner = waiting.pop()
            if isinstance(inner, ast.Name) and inner.id in self.names:
                return self.names[inner.id]
            if isinstance(inner, ast.Attribute | ast.Call) and self._starts(inner):
                return "the request"
            if isinstance(inner, ast.Call):
                name = last(inner.func)
                if name in call_names() and self._asks_model(inner):
                    return "a model"
                if name in _HARMLESS or name not in _PASSING:
                    continue
            if isinstance(inner, ast.Compare | ast.Lambda | ast.IfExp):
                continue
            waiting.extend(ast.iter_child_nodes(inner))
        return ""

    def _starts(self, node: ast.Attribute | ast.Call) -> bool:
        base = node.func if isinstance(node, ast.Call) else node
        if isinstance(base, ast.Attribute) and base.attr in _FIELDS:
            held = base.value
            arguments = () if isinstance(self.one.node, ast.Module) else self.one.node.args.args
            if isinstance(held, ast.Name) and held.id in ("request", "req"):
                if any(argument.arg == held.id for argument in arguments):
                    return True
            elif last(held) == "request" and isinstance(held, ast.Attribute):
                return last(held.value) == "self"
        return origin_of(self.part.code, self.one.path, node).startswith(_REQUESTS)

    def _asks_model(self, call: ast.Call) -> bool:
        return bool(package_of(origin_of(self.part.code, self.one.path, call.func), "llm"))


def _is_sent(part: Part, one: Def, argument: ast.arg) -> bool:
    """Whether a parameter is text that a visitor wrote."""
    assert not isinstance(one.node, ast.Module)
    if argument.arg in ("self", "cls", "request", "req", "db", "session"):
        return False
    written = "".join(
        literal(decorator.args[0]) or ""
        for decorator in one.node.decorator_list
        if isinstance(decorator, ast.Call) and decorator.args
    )
    if part.framework in ("flask", "quart", "bottle"):
        return f"<{argument.arg}>" in written or any(
            f"<{kind}:{argument.arg}>" in written for kind in ("string", "path")
        )
    if part.framework == "gradio":
        return argument.annotation is None or last(argument.annotation) == "str"
    if part.framework not in _BY_PARAMETER or argument.annotation is None:
        return False
    note = argument.annotation
    if isinstance(note, ast.Name) and note.id in ("str", "bytes", "dict"):
        return True
    found = part.code.resolve(one.path, note)
    return isinstance(found, Klass) and any(
        last(base) in ("BaseModel", "SQLModel", "Schema") for base in found.node.bases
    )


def _sink(part: Part, one: Def, call: ast.Call, known: _Known) -> Iterator[Fact]:
    name = last(call.func)
    source = known.source(call.args[0])
    if not source:
        return
    origin = origin_of(part.code, one.path, call.func)
    where = f"of {source}, in {one.name}()" if one.name else f"of {source}, in the script"
    if origin in ("eval", "exec") or origin in _UNPICKLERS:
        yield fact("habit.runs-request-data", origin, where, file=one.path, line=call.lineno)
    elif origin in _SHELLS or name == "create_subprocess_shell" or (
        origin.startswith("subprocess.") and _is_true(keyword(call, "shell"))
    ):  # fmt: skip
        yield fact("habit.shell-request-data", origin or name, where,
                   file=one.path, line=call.lineno)  # fmt: skip
    elif name in _SQL_SINKS and _is_sql_text(call.args[0], known, source):
        yield fact("habit.sql-by-text", name, where, file=one.path, line=call.lineno)


def _is_true(node: ast.AST | None) -> bool:
    return isinstance(node, ast.Constant) and node.value is True


def _is_sql_text(node: ast.AST, known: _Known, source: str) -> bool:
    """Whether a text that begins like SQL is put together with what was sent."""
    if isinstance(node, ast.Name):
        value = known.sql.get(node.id)
        return value is not None and not isinstance(value, ast.Name) and _is_sql_text(
            value, known, source)  # fmt: skip
    if isinstance(node, ast.Call) and last(node.func) == "text" and node.args:
        return _is_sql_text(node.args[0], known, source)
    if isinstance(node, ast.JoinedStr):
        parts = [one.value for one in node.values if isinstance(one, ast.FormattedValue)]
        return _begins(node) and any(known.source(part) for part in parts)
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add | ast.Mod):
        left: ast.AST = node
        while isinstance(left, ast.BinOp):
            left = left.left
        return _begins(left) and bool(known.source(node.right) or known.source(node.left))
    if isinstance(node, ast.Call) and last(node.func) == "format":
        given = [*node.args, *(one.value for one in node.keywords)]
        begins = isinstance(node.func, ast.Attribute) and _begins(node.func.value)
        return begins and any(known.source(one) for one in given)
    return False


def _begins(node: ast.AST) -> bool:
    return _SQL.match(literal(node) or "") is not None
