"""Variables that calls read: `os.environ`, and the libraries that stand before it."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cached_property
from typing import NamedTuple

from msgspec import structs

from seatrial.profiler.detectors import guards
from seatrial.profiler.detectors.env_params import environments
from seatrial.profiler.detectors.env_read import Read
from seatrial.profiler.detectors.index import Index, indexes
from seatrial.profiler.part import Part
from seatrial.profiler.reach import FunctionNode, dotted, keyword, last, literal

_GET = frozenset({"os.environ.get", "os.getenv", "os.environ.pop", "os.environ.setdefault"})
# What makes an object that reads variables when it is called.
_MAKERS = {
    "environs.Env": "env", "environs.FileAwareEnv": "env", "environ.Env": "env",
    "environ.FileAwareEnv": "env", "starlette.config.Config": "config",
    "decouple.Config": "config", "decouple.AutoConfig": "config", "dynaconf.Dynaconf": "dynaconf",
    "dynaconf.LazySettings": "dynaconf", "dynaconf.FlaskDynaconf": "dynaconf",
}  # fmt: skip
_LIBRARIES = frozenset({
    "os", "decouple", "environs", "environ", "starlette", "dynaconf", "streamlit", "click", "typer",
    "dj_database_url", "asyncclick",
})  # fmt: skip
_WORDS = frozenset({
    "environ", "getenv", "decouple", "dynaconf", "Dynaconf", "secrets", "envvar", "config", "Env(",
    "env(", "env.", "dj_database_url",
})  # fmt: skip
_NO_READS = frozenset({"read_env", "prefixed", "read_envs", "seal", "dump", "parser_for"})
# Methods of django-environ and environs that read a variable of their own.
_OWN_VARIABLE = {
    "db": "DATABASE_URL", "db_url": "DATABASE_URL", "dj_db_url": "DATABASE_URL",
    "cache": "CACHE_URL", "cache_url": "CACHE_URL", "email": "EMAIL_URL", "email_url": "EMAIL_URL",
}  # fmt: skip
_OPTIONS = ("click.option", "click.argument", "typer.Option", "typer.Argument", "asyncclick.option")


_TRIMMED = frozenset({"strip", "lstrip", "rstrip", "lower", "upper", "removesuffix"})
_CONVERTED = frozenset({"int", "float", "str", "bool", "Path"})


class Helper(NamedTuple):
    """A function of the app that reads the variable it is given at a position; `strict` when it
    fails without the variable."""

    strict: bool
    position: int


def helpers(part: Part) -> dict[str, Helper]:
    """The app's own functions that read the variable they are given, and whether strictly."""
    found: dict[str, Helper] = {}
    given_to = environments(part)
    for index in indexes(part):
        names = given_to.get(index.path, frozenset())
        if not names and not index.source.mentions(index.path, frozenset({"environ", "getenv"})):
            continue
        file = _File(index, names)
        for node, given, strict in file.by_name():
            function = index.function(node)
            if function is None:
                continue
            own = [a.arg for a in function.args.args if a.arg not in ("self", "cls")]
            if given.id in own:
                strict = strict or file.demands(function, node)
                before = found.get(function.name)
                found[function.name] = Helper(
                    strict or (before is not None and before.strict), own.index(given.id)
                )
    return found


def reads(
    index: Index, helpers: dict[str, Helper], names: frozenset[str] = frozenset()
) -> Iterator[Read]:
    """Every read of a variable by its name in one file; `names` stand for the environment."""
    if names or (index.packages & _LIBRARIES and index.source.mentions(index.path, _WORDS)):
        yield from _File(index, names).reads()
    if not helpers:
        return
    held = _held(index)
    for call in index.of(ast.Call):
        helper = helpers.get(last(call.func))
        if helper is None or (not call.args and not call.keywords):
            continue
        variable = _variable(index, call, helper.position)
        if variable:
            default = _default(call, helper.position)
            read = _read(index, call, variable, helper.strict and default is None, default)
            yield structs.replace(read, held=held.get(id(call), ""))


def _held(index: Index) -> dict[int, str]:
    """The names that values are given, as they are or trimmed, by the value."""
    found: dict[int, str] = {}
    for call in index.of(ast.Call):
        for given in call.keywords:
            if given.arg:
                found[id(_plain(given.value))] = given.arg
    for target, value in index.assigned:
        found[id(_plain(value))] = last(target)
        found[id(value)] = last(target)
    return found


def _plain(node: ast.expr) -> ast.expr:
    """What is read in `int(read.strip() or None)`."""
    for _ in range(6):
        if isinstance(node, ast.BoolOp) and isinstance(node.op, ast.Or):
            node = node.values[0]
        elif not isinstance(node, ast.Call):
            break
        elif isinstance(node.func, ast.Attribute) and node.func.attr in _TRIMMED:
            node = node.func.value
        elif isinstance(node.func, ast.Name) and node.func.id in _CONVERTED and node.args:
            node = node.args[0]
        else:
            break
    return node


class _File:
    """One file, with what holds for all reads in it worked out once."""

    def __init__(self, index: Index, names: frozenset[str] = frozenset()) -> None:
        self.index = index
        self.names = names

    def by_name(self) -> Iterator[tuple[ast.expr, ast.Name, bool]]:
        """The reads of a variable whose name is not written there, and whether they may fail."""
        for node in self.index.of(ast.Subscript):
            if isinstance(node.slice, ast.Name) and self._name(node.value) == "os.environ":
                yield node, node.slice, True
        for call in self.index.of(ast.Call):
            first = call.args[0] if call.args else None
            if isinstance(first, ast.Name) and self._name(call.func) in _GET:
                yield call, first, False

    def demands(self, function: FunctionNode, node: ast.expr) -> bool:
        """Whether a function fails when what it reads is not there, and not only when it is
        wrong: `if not value: raise`, or a `raise` that nothing but a found value comes before."""
        held = self.held.get(id(node), "")
        if any(isinstance(statement, ast.Raise) for statement in function.body):
            return True
        for one in ast.walk(function):
            if isinstance(one, ast.If):
                missing = set(self._missing(one.test))
                if guards.ends(one.body) and (held in missing or "" in missing):
                    return True
                if guards.ends(one.orelse) and last(one.test) == held != "":
                    return True
            elif isinstance(one, ast.Assert) and last(one.test) == held != "":
                return True
        return False

    def reads(self) -> Iterator[Read]:
        """The reads that are not made through a function of the app's own."""
        index = self.index
        for subscript in index.of(ast.Subscript):
            yield from self._subscript(subscript)
        for call in index.of(ast.Call):
            read = self._call(call)
            if read is None:
                continue
            held = self.held.get(id(call), "")
            demanded = held in self.demanded or read.name in self.demanded
            yield Read(
                name=read.name, required=(read.required or demanded) and not read.has_default,
                default=read.default, has_default=read.has_default, held=held, via=read.via,
                file=read.file, line=read.line,
            )  # fmt: skip
        if "dynaconf" in index.packages:
            yield from self._dynaconf()
        for node in index.of(ast.Compare):
            name = literal(node.left)
            if name and name in self.guarded and self._is_environ(node.comparators[0]):
                required = name in self.demanded
                yield Read(name=name, required=required, file=index.path, line=node.lineno)

    @cached_property
    def held(self) -> dict[int, str]:
        """The names that values are given, by the value."""
        return _held(self.index)

    @cached_property
    def chains(self) -> dict[int, ast.expr]:
        """What stands after `or` behind a read: its default."""
        found: dict[int, ast.expr] = {}
        for node in self.index.of(ast.BoolOp):
            if isinstance(node.op, ast.Or) and not isinstance(node.values[-1], ast.Call):
                found.update({id(value): node.values[-1] for value in node.values[:-1]})
        return found

    @cached_property
    def guarded(self) -> set[str]:
        """Variables whose presence is tested: `if "X" in os.environ`, `os.environ.setdefault`."""
        found: set[str] = set()
        for node in self.index.of(ast.Compare):
            name = literal(node.left) if isinstance(node.ops[0], ast.In | ast.NotIn) else None
            if name and self._is_environ(node.comparators[0]):
                found.add(name)
        for call in self.index.of(ast.Call):
            sets = last(call.func) == "setdefault" and call.args
            if sets and self.index.foreign(call.func) == "os.environ.setdefault":
                found.add(literal(call.args[0]) or "")
        return found

    @cached_property
    def demanded(self) -> set[str]:
        """Names, and variables, without which the program raises or ends."""
        found = {n.test.id for n in self.index.of(ast.Assert) if isinstance(n.test, ast.Name)}
        for node in self.index.of(ast.If):
            if guards.ends(node.body):
                found |= set(self._missing(node.test))
        return found

    @cached_property
    def objects(self) -> dict[str, str]:
        """The names that hold a reader; `name:VARIABLE` for one that has a default there."""
        found: dict[str, str] = {}
        for name, full in self.index.aliases.items():
            if full in ("environs.env", "environ.env"):
                found[name] = "env"
            elif full == "decouple.config":
                found[name] = "config"
        for target, value in self.index.assigned:
            if isinstance(target, ast.Name) and isinstance(value, ast.Call):
                kind = _MAKERS.get(self.index.foreign(value.func))
                if kind:
                    found[target.id] = kind
                    for one in value.keywords:
                        if one.arg and isinstance(one.value, ast.Tuple):
                            found[f"{target.id}:{one.arg}"] = "default"
        return found

    def _is_environ(self, node: ast.expr) -> bool:
        return self._name(node) in ("os.environ", "streamlit.secrets")

    def _name(self, node: ast.expr) -> str:
        """The full name of an expression, `env = os.environ.copy()` undone."""
        name = dotted(node)
        first, dot, after = name.partition(".")
        return f"os.environ{dot}{after}" if first in self.copies else self.index.foreign(node)

    @cached_property
    def copies(self) -> frozenset[str]:
        """The names that stand for the environment itself."""
        return self.names | frozenset(
            target.id
            for target, value in self.index.assigned
            if isinstance(target, ast.Name)
            and self.index.foreign(value.func if isinstance(value, ast.Call) else value)
            in ("os.environ", "os.environ.copy")
        )

    def _subscript(self, node: ast.Subscript) -> Iterator[Read]:
        if not isinstance(node.slice, ast.Constant) or not isinstance(node.ctx, ast.Load):
            return
        name = literal(node.slice)
        held = self._name(node.value)
        if name is None or held not in ("os.environ", "streamlit.secrets"):
            return
        yield Read(
            name=name, required=name not in self.guarded and not guards.tried(self.index, node),
            held=self.held.get(id(node), ""), via="" if held == "os.environ" else "st.secrets",
            file=self.index.path, line=node.lineno,
        )  # fmt: skip

    def _call(self, call: ast.Call) -> Read | None:
        index, called = self.index, self._name(call.func)
        name: str | None = None
        default, required, via = _default(call), False, ""
        if called in _GET:
            name = _variable(index, call)
            if default is None or (isinstance(default, ast.Constant) and not default.value):
                default = self.chains.get(id(call), default)
        elif called == "dj_database_url.config":
            name = literal(keyword(call, "env")) or "DATABASE_URL"
            default = keyword(call, "default")
        elif called in _OPTIONS:
            name = literal(keyword(call, "envvar"))
            default, must = keyword(call, "default"), keyword(call, "required")
            required = isinstance(must, ast.Constant) and must.value is True
        elif called == "streamlit.secrets.get":
            name, via = literal(call.args[0]) if call.args else None, "st.secrets"
        else:
            return self._of_object(call)
        return _read(index, call, name, required, default, via) if name else None

    def _of_object(self, call: ast.Call) -> Read | None:
        """`env("X")`, `env.str("X", "default")`, `config("X", cast=int)`."""
        func = call.func
        root = func.value if isinstance(func, ast.Attribute) else func
        if not isinstance(root, ast.Name) or self.objects.get(root.id) not in ("env", "config"):
            return None
        method = func.attr if isinstance(func, ast.Attribute) else ""
        name = _variable(self.index, call) or (
            _OWN_VARIABLE.get(method, "") if not call.args else ""
        )
        if method in _NO_READS or not name:
            return None
        default = _default(call)
        known = f"{root.id}:{name}" in self.objects
        return _read(self.index, call, name, default is None and not known, default)

    def _dynaconf(self) -> Iterator[Read]:
        prefixes: dict[str, str] = {}
        for target, value in self.index.assigned:
            if isinstance(target, ast.Name) and self.objects.get(target.id) == "dynaconf":
                assert isinstance(value, ast.Call)
                prefix = literal(keyword(value, "envvar_prefix"))
                prefixes[target.id] = "DYNACONF" if prefix is None else prefix
        for node in self.index.of(ast.Attribute):
            root = node.value
            if isinstance(root, ast.Name) and root.id in prefixes and node.attr.isupper():
                yield Read(
                    name=f"{prefixes[root.id]}_{node.attr}".lstrip("_"), required=False,
                    held=node.attr, file=self.index.path, line=node.lineno,
                )  # fmt: skip

    def _missing(self, test: ast.expr) -> Iterator[str]:
        """What a condition says is not there: `not X`, `X is None`, `not (X and Y)`."""
        if isinstance(test, ast.BoolOp) and isinstance(test.op, ast.Or):
            for value in test.values:
                yield from self._missing(value)
        elif isinstance(test, ast.UnaryOp) and isinstance(test.op, ast.Not):
            inner = test.operand
            every = isinstance(inner, ast.BoolOp) and isinstance(inner.op, ast.And)
            for value in inner.values if isinstance(inner, ast.BoolOp) and every else [inner]:
                yield from self._named(value)
        elif isinstance(test, ast.Compare) and isinstance(test.ops[0], ast.Is):
            yield from self._named(test.left)
        elif isinstance(test, ast.Compare) and isinstance(test.ops[0], ast.NotIn):
            name = literal(test.left)
            if name and self._is_environ(test.comparators[0]):
                yield name

    def _named(self, node: ast.expr) -> Iterator[str]:
        if isinstance(node, ast.Name):
            yield node.id
        elif isinstance(node, ast.Call) and self._name(node.func) in _GET and node.args:
            yield literal(node.args[0]) or ""


def _read(
    index: Index,
    node: ast.expr,
    name: str,
    required: bool,
    default: ast.expr | None,
    via: str = "",
) -> Read:
    given = default is not None and not (isinstance(default, ast.Constant) and not default.value)
    return Read(
        name=name, required=required, default=literal(default) or "", has_default=given, via=via,
        file=index.path, line=node.lineno,
    )  # fmt: skip


def _variable(index: Index, call: ast.Call, position: int = 0) -> str | None:
    """The name of the variable, which is a constant or stands for one."""
    first = keyword(call, "key", "name", "var", "var_name")
    if len(call.args) > position:
        first = call.args[position]
    if isinstance(first, ast.Constant) and isinstance(first.value, str) and first.value:
        return first.value
    if isinstance(first, ast.Name) and first.id.isupper():
        for target, value in index.assigned:
            if isinstance(target, ast.Name) and target.id == first.id:
                return literal(value)
    return None


def _default(call: ast.Call, position: int = 0) -> ast.expr | None:
    given = keyword(call, "default")
    after = position + 1
    return call.args[after] if given is None and len(call.args) > after else given
