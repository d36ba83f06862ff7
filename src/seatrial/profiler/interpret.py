"""Reading a program the way Python would run it, without running it.

Modules are walked statement by statement from an entry: imports are followed inside the app,
functions that are called are walked with their arguments, and what comes from outside the app
(`flask.Flask`) is a `Thing` that remembers what was done to it. Both branches of a condition
are taken; the first one wins a name. Whatever cannot be told is `UNKNOWN`. A budget of steps
keeps a hostile program from taking for ever.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

from seatrial.profiler.evaluate import TEXT_MAX, apply, evaluate
from seatrial.profiler.modules import Located, find, find_relative, join, locate, name_of, parent
from seatrial.profiler.objects import (
    UNKNOWN,
    Bound,
    Call,
    Class,
    Const,
    External,
    Function,
    ModuleValue,
    Place,
    Scope,
    Seq,
    Table,
    Thing,
    known,
)
from seatrial.profiler.source import Source

STEPS_MAX = 400_000
CALLS_DEEP_MAX = 25
LOOP_MAX = 200
MODULES_DEEP_MAX = 80
"""Imports inside each other; Python itself gives up at little more."""

MODULES_BYTES_MAX = 3 * 1024**2
"""Text of the modules of one walk; what they define is kept as long as the walk."""

STARS_MAX = 20


class OutOfSteps(Exception):  # noqa: N818  (not an error: the rest of the program stays unknown)
    """The budget is spent."""


class Interpreter:
    """One walk through one app; `modules` are those it came by, by path or folder.

    `follow` says of a file whether its statements are walked; the names of one that is not
    stay unknown.
    """

    def __init__(
        self,
        source: Source,
        steps: int = STEPS_MAX,
        follow: Callable[[str], bool] = lambda path: True,
    ) -> None:
        self.source = source
        self.follow = follow
        self.steps = steps
        self.exhausted = False
        self.modules: dict[str, ModuleValue] = {}
        self._stack: list[ast.AST] = []
        self._returned: list[list[Any]] = []
        self._weak = 0
        self.deep = 0
        self._loading = 0
        self._bytes = 0

    def step(self, cost: int = 1) -> None:
        """Count one step, or what it costs in memory."""
        self.steps -= cost
        if self.steps < 0:
            self.exhausted = True
            raise OutOfSteps

    def run(self, path: str) -> ModuleValue:
        """Walk a file as a module; a module that imports itself sees what there is so far."""
        folders = [parent(path)]
        while folders[-1] != "." and join(folders[-1], "__init__.py") in self.source:
            folders.append(parent(folders[-1]))
        for folder in reversed(folders[:-1]):
            self._load(Located(path=join(folder, "__init__.py"), folder=folder))
        return self._load(Located(path=path, folder=parent(path)))

    def call(self, function: Function) -> Any:
        """The value of calling a function of the app without arguments."""
        try:
            return apply(self, function, Call("", (), {}, function.place))
        except (OutOfSteps, RecursionError):
            return UNKNOWN

    def _load(self, located: Located) -> ModuleValue:
        key = located.path or located.folder + "/"
        if key not in self.modules:
            scope = Scope(located.path)
            scope.module = scope
            made = ModuleValue(located.path, located.folder, scope)
            if self._loading >= MODULES_DEEP_MAX:
                return made  # the next who imports it may be nearer
            self.modules[key] = made
            follow = bool(located.path) and self.follow(located.path) and self._room(located.path)
            tree = self.source.tree(located.path) if follow else None
            if tree is not None:
                name = name_of(self.source, located.path).module
                scope.names["__name__"] = Const(name)
                weak, self._weak = self._weak, 0
                self._loading += 1
                with suppress(OutOfSteps, RecursionError):
                    self._block(tree.body, scope)
                self._loading -= 1
                self._weak = weak
        return self.modules[key]

    def _room(self, path: str) -> bool:
        self._bytes += self.source.size_bytes(path)
        most = min(MODULES_BYTES_MAX, self.source.reach_bytes_max)
        self.exhausted = self.exhausted or self._bytes > most
        return self._bytes <= most

    def import_name(self, dotted: str, file: str) -> Any:
        """What `import dotted` finds, as the module itself."""
        parts = dotted.split(".")
        for count in range(1, len(parts)):  # Python runs the packages above first
            above = find(self.source, ".".join(parts[:count]), file)
            if above is not None:
                self._load(above)
        located = find(self.source, dotted, file)
        return External(dotted[:TEXT_MAX]) if located is None else self._load(located)

    def submodule(self, module: ModuleValue, name: str) -> Any:
        """A module of a package, when there is one of that name."""
        if module.path and not module.path.endswith("__init__.py"):
            return UNKNOWN
        located = locate(self.source, name, module.folder)
        return UNKNOWN if located is None else self._load(located)

    def call_function(self, function: Function, call: Call) -> Any:
        """Walk a function's body with its parameters bound; the likeliest value it returns."""
        if function.node in self._stack or len(self._stack) >= CALLS_DEEP_MAX:
            return UNKNOWN
        scope = Scope(function.scope.file, {}, function.scope, module=function.scope.module)
        if isinstance(function.scope.outer, Scope) and function.owner is not None:
            scope.outer = function.scope.module  # a method does not see its class's names
        self._bind(function, call, scope)
        if isinstance(function.node, ast.Lambda):
            return evaluate(self, function.node.body, scope)
        weak, self._weak = self._weak, 0
        self._stack.append(function.node)
        self._returned.append([])
        try:
            self._block(function.node.body, scope)
        finally:
            returned = self._returned.pop()
            self._stack.pop()
            self._weak = weak
        things = [value for value in returned if isinstance(value, Thing)]
        return next(iter([*things, *filter(known, returned)]), UNKNOWN)

    def _bind(self, function: Function, call: Call, scope: Scope) -> None:
        args = function.node.args
        given = list(call.args)
        if function.owner is not None:
            given.insert(0, function.owner)
        positional = [*args.posonlyargs, *args.args]
        defaults = [None] * (len(positional) - len(args.defaults)) + list(args.defaults)
        for position, (parameter, default) in enumerate(zip(positional, defaults, strict=True)):
            if position < len(given):
                scope.names[parameter.arg] = given[position]
            elif parameter.arg in call.kwargs:
                scope.names[parameter.arg] = call.kwargs[parameter.arg]
            else:
                scope.names[parameter.arg] = evaluate(self, default, function.scope)
        for parameter, default in zip(args.kwonlyargs, args.kw_defaults, strict=True):
            value = call.kwargs.get(parameter.arg)
            scope.names[parameter.arg] = (
                value if value is not None else evaluate(self, default, function.scope)
            )
        if args.vararg:
            scope.names[args.vararg.arg] = Seq(tuple(given[len(positional) :]))
        if args.kwarg:
            bound = {p.arg for p in (*positional, *args.kwonlyargs)}
            scope.names[args.kwarg.arg] = Table(
                {key: value for key, value in call.kwargs.items() if key not in bound}
            )

    def _block(self, statements: Sequence[ast.stmt], scope: Scope) -> None:
        for statement in statements:
            self.step()
            handler = getattr(self, f"_do_{type(statement).__name__.lower()}", None)
            if handler is not None:
                handler(statement, scope)

    def _weakly(self, statements: Sequence[ast.stmt], scope: Scope) -> None:
        """A branch that may not be taken: it does not take a known name from the one before."""
        self._weak += 1
        try:
            self._block(statements, scope)
        finally:
            self._weak -= 1

    def _assign(self, target: ast.expr, value: Any, scope: Scope) -> None:
        if isinstance(target, ast.Name):
            names = scope.names
            if target.id in scope.shared and scope.module is not None:
                names = scope.module.names
            if self._weak and known(names.get(target.id)) and names[target.id] != Const(None):
                return
            names[target.id] = value
        elif isinstance(target, ast.Tuple | ast.List):
            items = value.items if isinstance(value, Seq) else ()
            for position, inner in enumerate(target.elts):
                part = items[position] if position < len(items) else UNKNOWN
                if isinstance(value, Thing) and not value.kind:  # app, rt = fast_app()
                    part = Thing(f"{value.made_by}[{position}]", value.made)
                self._assign(inner, part, scope)
        elif isinstance(target, ast.Starred):
            self._assign(target.value, UNKNOWN, scope)
        elif isinstance(target, ast.Attribute):
            owner = evaluate(self, target.value, scope)
            if isinstance(owner, Thing):
                owner.attributes[target.attr] = value

    def _do_assign(self, node: ast.Assign, scope: Scope) -> None:
        value = evaluate(self, node.value, scope)
        for target in node.targets:
            self._assign(target, value, scope)

    def _do_annassign(self, node: ast.AnnAssign, scope: Scope) -> None:
        if node.value is not None:
            self._assign(node.target, evaluate(self, node.value, scope), scope)

    def _do_augassign(self, node: ast.AugAssign, scope: Scope) -> None:
        if isinstance(node.target, ast.Name):
            both = ast.BinOp(ast.Name(id=node.target.id), node.op, node.value)
            weak, self._weak = self._weak, 0  # it adds to the name, whichever branch it is in
            self._assign(node.target, evaluate(self, both, scope), scope)
            self._weak = weak

    def _do_expr(self, node: ast.Expr, scope: Scope) -> None:
        evaluate(self, node.value, scope)

    def _do_return(self, node: ast.Return, scope: Scope) -> None:
        if self._returned and node.value is not None:
            self._returned[-1].append(evaluate(self, node.value, scope))

    def _do_global(self, node: ast.Global, scope: Scope) -> None:
        self.step((len(scope.shared) + len(node.names)) // 8)
        scope.shared = scope.shared | frozenset(node.names)

    def _do_functiondef(self, node: ast.FunctionDef | ast.AsyncFunctionDef, scope: Scope) -> None:
        value = Function(node, scope, Place(scope.file, node.lineno))
        self._decorate(node, value, scope)
        self._assign(ast.Name(id=node.name), value, scope)

    _do_asyncfunctiondef = _do_functiondef

    def _decorate(
        self,
        node: ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef,
        value: Function | Class,
        scope: Scope,
    ) -> None:
        decorators = [evaluate(self, one, scope) for one in node.decorator_list]
        value.decorators = tuple(decorators)
        for decorator, expression in zip(
            reversed(decorators), reversed(node.decorator_list), strict=True
        ):
            if isinstance(decorator, Call):
                decorator.decorated = value
            elif isinstance(decorator, Bound) and isinstance(decorator.owner, Thing):
                place = Place(scope.file, expression.lineno)
                decorator.owner.calls.append(
                    Call(decorator.name, (value,), {}, place, decorated=value)
                )

    def _do_classdef(self, node: ast.ClassDef, scope: Scope) -> None:
        bases = tuple(evaluate(self, base, scope) for base in node.bases)
        inner = Scope(scope.file, {}, scope, module=scope.module)
        self._block(node.body, inner)
        value = Class(node.name, bases, inner, Place(scope.file, node.lineno))
        self._decorate(node, value, scope)
        self._assign(ast.Name(id=node.name), value, scope)

    def _do_import(self, node: ast.Import, scope: Scope) -> None:
        for alias in node.names:
            module = self.import_name(alias.name, scope.file)
            name = alias.asname or alias.name.split(".")[0]
            if not alias.asname and "." in alias.name:
                module = self.import_name(name, scope.file)
            self._assign(ast.Name(id=name), module, scope)

    def _do_importfrom(self, node: ast.ImportFrom, scope: Scope) -> None:
        if node.level:
            located = find_relative(self.source, node.module or "", scope.file, node.level)
            module: Any = UNKNOWN if located is None else self._load(located)
        else:
            module = self.import_name(node.module or "", scope.file)
        for alias in node.names:
            if alias.name == "*":
                self._import_all(module, scope)
                continue
            value: Any = UNKNOWN
            if isinstance(module, External):
                value = External(f"{module.name}.{alias.name}")
            elif isinstance(module, ModuleValue):
                value = module.scope.names.get(alias.name) or self.submodule(module, alias.name)
            self._assign(ast.Name(id=alias.asname or alias.name), value, scope)

    def _import_all(self, module: Any, scope: Scope) -> None:
        if isinstance(module, ModuleValue):
            self.step(len(module.scope.names))
            for name, value in list(module.scope.names.items()):
                if not name.startswith("_"):
                    self._assign(ast.Name(id=name), value, scope)
        elif isinstance(module, External) and len(scope.stars) < STARS_MAX:
            scope.stars = (*scope.stars, module.name)

    def _do_if(self, node: ast.If, scope: Scope) -> None:
        if _is_main(node.test) or _is_type_checking(node.test):
            self._block(node.orelse, scope)
            return
        evaluate(self, node.test, scope)
        self._block(node.body, scope)
        self._weakly(node.orelse, scope)

    def _do_try(self, node: ast.Try, scope: Scope) -> None:
        self._block(node.body, scope)
        for handler in node.handlers:
            self._weakly(handler.body, scope)
        self._block(node.orelse, scope)
        self._block(node.finalbody, scope)

    _do_trystar = _do_try

    def _do_with(self, node: ast.With | ast.AsyncWith, scope: Scope) -> None:
        for item in node.items:
            value = evaluate(self, item.context_expr, scope)
            if item.optional_vars is not None:
                self._assign(item.optional_vars, value, scope)
        self._block(node.body, scope)

    _do_asyncwith = _do_with

    def _do_for(self, node: ast.For | ast.AsyncFor, scope: Scope) -> None:
        values = evaluate(self, node.iter, scope)
        items = values.items if isinstance(values, Seq) else (UNKNOWN,)
        for item in items[:LOOP_MAX]:
            self._assign(node.target, item, scope)
            self._block(node.body, scope)
        self._block(node.orelse, scope)

    _do_asyncfor = _do_for

    def _do_while(self, node: ast.While, scope: Scope) -> None:
        self._block(node.body, scope)

    def _do_match(self, node: ast.Match, scope: Scope) -> None:
        for case in node.cases:
            self._weakly(case.body, scope)


def _is_main(test: ast.expr) -> bool:
    """`__name__ == "__main__"`: not run when a server imports the module."""
    return (
        isinstance(test, ast.Compare)
        and any(isinstance(n, ast.Name) and n.id == "__name__" for n in ast.walk(test))
        and any(isinstance(n, ast.Constant) and n.value == "__main__" for n in ast.walk(test))
    )


def _is_type_checking(test: ast.expr) -> bool:
    name = test.attr if isinstance(test, ast.Attribute) else getattr(test, "id", "")
    return name == "TYPE_CHECKING" or (isinstance(test, ast.Constant) and not test.value)
