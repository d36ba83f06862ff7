"""Whether code runs on a server at all, and whether a setting decides about it."""

from __future__ import annotations

import ast
import re

from seatrial.profiler.detectors.index import Index
from seatrial.profiler.reach import FunctionNode, last

_READS = frozenset({
    "getenv", "get", "config", "env", "Field", "add_argument", "option", "Option", "setdefault",
    "pop", "bool", "str", "int", "float", "Argument", "add_option", "get_env", "environ_get",
    "getattr", "argument", "Variable", "getboolean", "read_env", "get_setting", "get_config",
    "url", "list", "db", "parser",
})  # fmt: skip
_SETTINGS_BASES = ("BaseSettings", "Settings", "BaseConfig", "EnvConfig")
_ELSEWHERE = re.compile(r"(^|_)(dev|develop|development|test|tests|testing|local|debug)(_|$)")
_TRUE = frozenset({"true", "1", "yes", "on", "t", "y"})
_PLATFORM = frozenset({"platform", "system", "name"})


def is_main(file: Index, node: ast.AST) -> bool:
    """Whether code runs only when its file is run itself."""
    return any(
        isinstance(one, ast.If)
        and any(isinstance(n, ast.Name) and n.id == "__name__" for n in ast.walk(one.test))
        for one in file.above(node)
    )


def at_import(file: Index, node: ast.AST) -> bool:
    """Whether code runs whenever its file is imported, without a condition."""
    return not any(
        isinstance(one, FunctionNode | ast.Lambda | ast.If | ast.Try) for one in file.above(node)
    )


def elsewhere(file: Index, node: ast.AST) -> bool:
    """Whether code is for development or tests, by the names of what it stands in."""
    names = [one.name for one in file.above(node) if isinstance(one, FunctionNode | ast.ClassDef)]
    names += file.path.removesuffix(".py").split("/")
    return any(_ELSEWHERE.search(_snake(name)) for name in names)


def _snake(name: str) -> str:
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name[:100]).lower()


def is_default(file: Index, node: ast.AST) -> bool:
    """Whether a value is only what is taken when a setting is missing."""
    below = node
    for one in file.above(node):
        if isinstance(one, ast.Call) and below is not one.func and _reads(one):
            return True
        if isinstance(one, ast.keyword) and one.arg in ("default", "fallback", "help"):
            return True
        if isinstance(one, ast.BoolOp | ast.IfExp | ast.arguments | ast.Compare | ast.If):
            return True
        if isinstance(one, ast.ClassDef):
            return any(last(base) in _SETTINGS_BASES for base in one.bases)
        below = one
    return False


def _reads(call: ast.Call) -> bool:
    """Whether a call asks for a setting; `requests.get(url)` does not, `env.get(name, url)` does"""
    name = last(call.func)
    if name not in _READS:
        return False
    return not (name == "get" and len(call.args) < 2)


def on_platform(file: Index, node: ast.AST) -> bool:
    """Whether code runs only on one operating system, or where something exists."""
    for one in file.above(node):
        if isinstance(one, ast.If | ast.IfExp):
            for inner in ast.walk(one.test):
                name = last(inner)
                if name in _PLATFORM or name in ("exists", "isfile", "isdir", "is_file", "is_dir"):
                    return True
        elif isinstance(one, ast.Try) or (
            isinstance(one, FunctionNode)
            and any(word in one.name.lower() for word in ("windows", "win32", "macos", "mac_"))
        ):
            return True
    return False


def truth(node: ast.AST | None) -> str:
    """`always`, `unless-set` (a setting may turn it off), or '' when it is off or unknown."""
    if isinstance(node, ast.Constant):
        return "always" if node.value is True or node.value == 1 else ""
    if isinstance(node, ast.Call):
        return _asked(node)
    if isinstance(node, ast.Compare) and len(node.ops) == 1:
        return _compared(node)
    if isinstance(node, ast.BoolOp) and isinstance(node.op, ast.Or):
        return "always" if any(truth(value) == "always" for value in node.values) else ""
    return ""


_CASTS = frozenset({"bool", "int", "strtobool", "str2bool"})


def _asked(call: ast.Call) -> str:
    """The truth of `os.environ.get("DEBUG", True)` or `env.bool("DEBUG", default=True)`."""
    name = last(call.func)
    if isinstance(call.func, ast.Name) and name in _CASTS and len(call.args) == 1:
        inner = call.args[0]
        if isinstance(inner, ast.Call) and last(inner.func) in ("get", "getenv"):
            text = _default(inner)
            if name == "bool":
                # bool("False") is true: the text is not looked into.
                return "unless-set" if text else ""
            return "unless-set" if str(text).lower() in _TRUE else ""
        return truth(inner)
    if name in ("get", "getenv", "config", "bool", "env"):
        value = _default(call)
        if value is True or value == 1:
            return "unless-set"
        text_is_true = isinstance(value, str) and value.lower() in _TRUE
        return "unless-set" if text_is_true else ""
    return ""


def _compared(node: ast.Compare) -> str:
    left, right = node.left, node.comparators[0]
    if isinstance(left, ast.Call) and last(left.func) in ("lower", "upper", "strip", "title"):
        left = left.func.value if isinstance(left.func, ast.Attribute) else left
    if not (isinstance(left, ast.Call) and last(left.func) in ("get", "getenv", "config", "env")):
        return ""
    default = str(_default(left)).lower()
    items = right.elts if isinstance(right, ast.List | ast.Tuple | ast.Set) else [right]
    wanted = {str(item.value).lower() for item in items if isinstance(item, ast.Constant)}
    if isinstance(node.ops[0], ast.Eq | ast.In):
        return "unless-set" if default in wanted else ""
    if isinstance(node.ops[0], ast.NotEq | ast.NotIn):
        off = wanted - _TRUE
        return "unless-set" if off and default not in wanted and off <= _FALSE else ""
    return ""


_FALSE = frozenset({"false", "0", "no", "off", "f", "n", "production", "prod", ""})


def _default(call: ast.Call) -> object:
    for keyword in call.keywords:
        if keyword.arg == "default" and isinstance(keyword.value, ast.Constant):
            return keyword.value.value
    if len(call.args) > 1 and isinstance(call.args[1], ast.Constant):
        return call.args[1].value
    return None
