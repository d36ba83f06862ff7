"""What an expression of the app stands for: one of its functions, classes or modules, an object
of one of its classes, a container it holds, or something from outside by its dotted name.

`redis.from_url(x).get` reads `redis.from_url().get`: calls keep their brackets and lose their
arguments. Imports, re-exports, aliases, parameters' types, `self.x = ...` and what functions
return are followed inside the app; what cannot be followed is none.
"""

from __future__ import annotations

import ast
import builtins
from collections.abc import Iterator

from seatrial.profiler.meanings import (
    CONTAINERS,
    LITERALS,
    Held,
    Place,
    Symbol,
    Thing,
    is_property,
    is_self,
    is_super,
)
from seatrial.profiler.modules import Located, find, find_relative, locate
from seatrial.profiler.reach import dotted
from seatrial.profiler.scopes import Binding, Def, File, Klass, Scope
from seatrial.profiler.source import Source
from seatrial.profiler.syntax import parse

DEPTH_MAX = 24
NAME_MAX = 200
_BUILTINS = frozenset(dir(builtins))
_INSIDE = frozenset({
    "Optional", "Annotated", "Iterator", "Generator", "AsyncIterator", "AsyncGenerator",
    "Iterable", "AsyncIterable", "Final", "ClassVar", "Awaitable",
})  # fmt: skip


class Symbols:
    """Looks up expressions; everything found is kept."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self.size_bytes = 0
        self._files: dict[str, File] = {}
        self._bases: dict[Klass, list[Klass | str]] = {}
        self._kept: dict[tuple[object, str], Symbol] = {}
        self._finds: dict[tuple[str, str, int], Place | None] = {}
        self._own_names = frozenset(
            part.removesuffix(".py") for path in source.python_files for part in path.split("/")
        )

    def file(self, path: str) -> File:
        """The sorted tree of a file."""
        if path not in self._files:
            self._files[path] = File(self.source, path)
            self.size_bytes += self.source.size_bytes(path) if path in self.source else 0
        return self._files[path]

    def resolve(self, path: str, scope: Scope, node: ast.AST | None, depth: int = 0) -> Symbol:
        """What an expression stands for inside `scope` of a file."""
        if depth > DEPTH_MAX or node is None:
            return None
        kind = node.__class__
        if kind is ast.Name:
            return self._name(path, scope, node.id, depth)  # type: ignore[attr-defined]
        if isinstance(node, ast.Attribute):
            return self._attribute(path, scope, node, depth)
        if isinstance(node, ast.Call):
            return self._call(path, scope, node, depth)
        if kind is ast.Constant:
            return None
        if isinstance(node, ast.Await):
            return self.resolve(path, scope, node.value, depth + 1)
        if isinstance(node, ast.IfExp):
            return self._first(path, scope, (node.body, node.orelse), depth)
        if isinstance(node, ast.BoolOp):
            return self._first(path, scope, node.values, depth)
        if isinstance(node, ast.Subscript):
            if dotted(node.value).endswith("Annotated"):
                return self._typed(path, scope, node, depth + 1)
            held = self.resolve(path, scope, node.value, depth + 1)
            return f"{held}[]" if isinstance(held, str) and len(held) < NAME_MAX else None
        return None

    def _first(
        self, path: str, scope: Scope, nodes: list[ast.expr] | tuple[ast.expr, ...], depth: int
    ) -> Symbol:
        for node in nodes[:4]:
            found = self.resolve(path, scope, node, depth + 1)
            if found is not None:
                return found
        return None

    def _name(self, path: str, scope: Scope, name: str, depth: int) -> Symbol:
        file = self.file(path)
        around = scope
        while around is not None:
            bound = file.names(around).get(name)
            if bound is not None and not (isinstance(around, Klass) and around is not scope):
                if isinstance(around, Def) and around.klass is not None and is_self(around, name):
                    static = any(dotted(d) == "classmethod" for d in around.decorators)
                    return around.klass if static else Thing(around.klass, exact=False)
                return self._bound((around, name), path, bound, "", depth)
            around = around.parent
        bound = file.names(None).get(name)
        if bound is not None:
            return self._bound((path, name), path, bound, name, depth)
        found = self._starred(path, name, depth)
        return found if found is not None or name not in _BUILTINS else name

    def _starred(self, path: str, name: str, depth: int) -> Symbol:
        """What a name stands for that only `from module import *` can have brought."""
        key = (path, f"* {name}")
        if key not in self._kept:
            self._kept[key] = None  # for modules that import each other
            self._kept[key] = self._from_stars(path, name, depth)
        return self._kept[key]

    def _from_stars(self, path: str, name: str, depth: int) -> Symbol:
        for binding in self.file(path).names(None).get("*", ()):
            assert isinstance(binding.what, ast.alias) and binding.module is not None
            place = self._import_from(path, binding.module, binding.module.module or "")
            if place is not None and place.path and place.path != path and depth < DEPTH_MAX:
                found = self.member(place, name, depth + 1)
                if found is not None:
                    return found
        return None

    def _bound(
        self, key: tuple[object, str], path: str, bound: list[Binding], held: str, depth: int
    ) -> Symbol:
        """The last binding that leads somewhere; `held` names a container that outlives calls."""
        if key in self._kept:
            return self._kept[key]
        self._kept[key] = None  # for names that are bound to themselves
        klass = key[0] if isinstance(key[0], Klass) else None
        found: Symbol = None
        for binding in reversed(bound[:20]):
            if held and binding.how == "value":
                found = self._container(path, binding, held, klass)
            if found is None:
                found = self._binding(path, binding, depth)
            if found is not None:
                break
        self._kept[key] = found
        return found

    def _binding(self, path: str, binding: Binding, depth: int) -> Symbol:
        what = binding.what
        if isinstance(what, Def | Klass):
            return what
        if isinstance(what, ast.alias):
            return self._imported(path, what, binding.module, depth)
        if binding.how == "type":
            return self._typed(path, binding.scope, what, depth + 1)
        return self.resolve(path, binding.scope, what, depth + 1)

    def _container(
        self, path: str, binding: Binding, name: str, klass: Klass | None
    ) -> Held | None:
        node = binding.what
        assert isinstance(node, ast.expr)
        kind, each = LITERALS.get(type(node), ""), binding.scope is not None and klass is not None
        if isinstance(node, ast.Call):
            made = self.resolve(path, binding.scope, node.func)
            if made == "dataclasses.field":
                each = True
                made = next((dotted(k.value) for k in node.keywords if k.arg == "default_factory"),
                            None)  # fmt: skip
            if isinstance(made, str) and made in CONTAINERS:
                kind = made.rpartition(".")[2]
        return Held(path, name, kind, node, klass, each) if kind else None

    def _imported(
        self, path: str, alias: ast.alias, module: ast.ImportFrom | None, depth: int
    ) -> Symbol:
        if module is None:
            name = alias.name if alias.asname else alias.name.split(".")[0]
            return self._find(path, name) or name
        base = module.module or ""
        place = self._import_from(path, module, base)
        if place is not None and (found := self.member(place, alias.name, depth + 1)) is not None:
            return found
        deeper = self._import_from(path, module, f"{base}.{alias.name}".strip("."))
        if deeper is not None:
            return deeper
        return None if place is not None or module.level else f"{base}.{alias.name}"

    def _import_from(self, path: str, node: ast.ImportFrom, module: str) -> Place | None:
        return self._find(path, module, node.level)

    def imports(self, path: str, node: ast.Import | ast.ImportFrom) -> Iterator[str]:
        """The files of the app that an import statement asks for itself."""
        for alias in node.names:
            if isinstance(node, ast.Import):
                places = [self._find(path, alias.name)]
            else:
                module = node.module or ""
                deeper = f"{module}.{alias.name}".strip(".")
                places = [self._import_from(path, node, name) for name in (module, deeper)]
            yield from (place.path for place in places if place is not None and place.path)

    def _find(self, path: str, module: str, level: int = 0) -> Place | None:
        """A module of the app as a file names it; most names are of no module of the app."""
        if not level and module.split(".")[0] not in self._own_names:
            return None
        key = (path, module, level)
        if key not in self._finds:
            found = (
                find_relative(self.source, module, path, level)
                if level
                else find(self.source, module, path)
            )
            self._finds[key] = _place(found)
        return self._finds[key]

    def member(self, place: Place, name: str, depth: int = 0) -> Symbol:
        """What `module.name` stands for."""
        if depth > DEPTH_MAX:
            return None
        if place.path:
            names = self.file(place.path).names(None)
            found: Symbol = None
            if name in names:
                found = self._bound((place.path, name), place.path, names[name], name, depth)
            elif "*" in names:
                found = self._starred(place.path, name, depth)
            if found is not None:
                return found
        if place.path and not place.path.endswith("__init__.py"):
            return None
        return _place(locate(self.source, name, place.folder or "."))

    def _attribute(self, path: str, scope: Scope, node: ast.Attribute, depth: int) -> Symbol:
        if isinstance(node.value, ast.Call) and is_super(node.value):
            around = scope
            while isinstance(around, Def) and around.klass is None:
                around = around.parent
            if isinstance(around, Def) and around.klass is not None:
                return next(self._inherited(around.klass, node.attr, depth + 1), None)
            return None
        base = self.resolve(path, scope, node.value, depth + 1)
        if isinstance(base, str):
            return f"{base}.{node.attr}" if len(base) < NAME_MAX else None
        if isinstance(base, Place):
            return self.member(base, node.attr, depth + 1)
        if isinstance(base, Klass):
            return self.of_class(base, node.attr, depth + 1)
        if isinstance(base, Thing):
            return self.of_object(base, node.attr, depth + 1)
        return None

    def of_class(self, klass: Klass, name: str, depth: int = 0) -> Symbol:
        """An attribute of a class, its own or inherited."""
        bound = self.file(klass.path).names(klass).get(name)
        if bound is not None:
            return self._bound((klass, name), klass.path, bound, f"{klass.name}.{name}", depth)
        key = (klass, f"< {name}")
        if key not in self._kept:
            self._kept[key] = None
            self._kept[key] = next(self._inherited(klass, name, depth), None)
        return self._kept[key]

    def of_object(self, thing: Thing, name: str, depth: int = 0) -> Symbol:
        """An attribute of an object: what its methods set it to, or its class's."""
        klass = thing.klass
        bound = self.file(klass.path).attributes(klass).get(name)
        if bound is not None:
            key = (klass, f"self.{name}")
            return self._bound(key, klass.path, bound, f"{klass.name}.{name}", depth)
        own = self.file(klass.path).names(klass).get(name)
        if own is not None:
            found = self._bound((klass, name), klass.path, own, f"{klass.name}.{name}", depth)
            return self.returns(found, depth + 1) if is_property(found) else found
        key = (klass, f"self < {name}")
        if key not in self._kept:
            self._kept[key] = None
            for base in self.bases(klass, depth):
                self._kept[key] = (
                    f"{base}().{name}" if isinstance(base, str)
                    else self.of_object(Thing(base, exact=False), name, depth + 1)
                )  # fmt: skip
                if self._kept[key] is not None:
                    break
        return self._kept[key]

    def _inherited(self, klass: Klass, name: str, depth: int) -> Iterator[Symbol]:
        for base in self.bases(klass, depth):
            found = (
                f"{base}.{name}" if isinstance(base, str) else self.of_class(base, name, depth + 1)
            )
            if found is not None:
                yield found

    def bases(self, klass: Klass, depth: int = 0) -> list[Klass | str]:
        """The classes that a class is derived from directly, those that can be told."""
        if klass in self._bases or depth > DEPTH_MAX:
            return self._bases.get(klass, [])
        self._bases[klass] = []
        scope = klass.outer or klass.parent
        found: list[Klass | str] = []
        for node in klass.node.bases[:20]:
            inner = node.value if isinstance(node, ast.Subscript) else node
            base = self.resolve(klass.path, scope, inner, depth + 1)
            if isinstance(base, Klass | str) and base is not klass:
                found.append(base)
        self._bases[klass] = found
        return found

    def ancestors(self, klass: Klass) -> Iterator[Klass | str]:
        """All classes that a class is derived from, the nearest first."""
        seen: set[object] = {klass}
        waiting: list[Klass | str] = list(self.bases(klass))
        while waiting:
            base = waiting.pop(0)
            if base in seen:
                continue
            seen.add(base)
            yield base
            if isinstance(base, Klass):
                waiting += self.bases(base)

    def _call(self, path: str, scope: Scope, node: ast.Call, depth: int) -> Symbol:
        made = self.resolve(path, scope, node.func, depth + 1)
        if isinstance(made, str):
            if made in ("functools.partial", "typing.cast") and node.args:
                return self.resolve(path, scope, node.args[made == "typing.cast"], depth + 1)
            if made.endswith((".Depends", ".Security")) and node.args:
                given = self.resolve(path, scope, node.args[0], depth + 1)
                return self._called(given, depth + 1)
            return f"{made}()" if len(made) < NAME_MAX else None
        return self._called(made, depth + 1)

    def _called(self, made: Symbol, depth: int) -> Symbol:
        if isinstance(made, Klass):
            return Thing(made, exact=True)
        if isinstance(made, Thing):
            return self.returns(self.of_object(made, "__call__", depth + 1), depth + 1)
        if isinstance(made, str):
            return f"{made}()"
        return self.returns(made, depth + 1)

    def returns(self, one: Symbol, depth: int = 0) -> Symbol:
        """What a function of the app returns, by its annotation or its first clear `return`."""
        if not isinstance(one, Def) or isinstance(one.node, ast.Module) or depth > DEPTH_MAX:
            return None
        key = (one, "()")
        if key in self._kept:
            return self._kept[key]
        self._kept[key] = None
        found: Symbol = None
        if one.node.returns is not None:
            found = self._typed(one.path, one.parent, one.node.returns, depth + 1)
        if found is None:
            for given in self.file(one.path).inside(one, ast.Return, ast.Yield):
                found = self.resolve(one.path, one, given.value, depth + 1)
                if found is not None:
                    break
        self._kept[key] = found
        return found

    def _typed(self, path: str, scope: Scope, node: ast.AST | None, depth: int) -> Symbol:
        """An object of an annotated type."""
        if depth > DEPTH_MAX:
            return None
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            tree = parse(node.value.strip()[:NAME_MAX], lambda reason: None)
            first = tree.body[0] if tree is not None and tree.body else None
            node = first.value if isinstance(first, ast.Expr) else None
            if isinstance(node, ast.Constant):
                return None
        if isinstance(node, ast.BinOp):
            left = self._typed(path, scope, node.left, depth + 1)
            return left if left is not None else self._typed(path, scope, node.right, depth + 1)
        if isinstance(node, ast.Subscript):
            if dotted(node.value).rpartition(".")[2] not in _INSIDE:
                return None
            inner = node.slice
            if isinstance(inner, ast.Tuple):
                inner = inner.elts[0] if inner.elts else inner
            return self._typed(path, scope, inner, depth + 1)
        if not isinstance(node, ast.Name | ast.Attribute):
            return None
        found = self.resolve(path, scope, node, depth + 1)
        if isinstance(found, Klass):
            return Thing(found, exact=False)
        if isinstance(found, str) and (found in _BUILTINS or found.startswith("typing.")):
            return None
        # An alias such as `Session = Annotated[..., Depends(f)]` already names an object.
        return found if not isinstance(found, str) or found.endswith("()") else f"{found}()"


def _place(located: Located | None) -> Place | None:
    return Place(located.path, located.folder) if located is not None else None
