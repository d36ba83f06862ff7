"""Index: the syntax nodes of one file, sorted by their type, and what stands around them.

Several detectors look for the same few types of nodes, so each file is sorted once.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import Any, TypeVar

from seatrial.profiler.modules import find
from seatrial.profiler.part import Part
from seatrial.profiler.reach import FunctionNode, aliases, dotted
from seatrial.profiler.source import KEPT_PYTHON_BYTES, Source
from seatrial.profiler.syntax import Recent

N = TypeVar("N", bound=ast.AST)
_NAME_PARTS_MAX = 12
# Packages whose names an app's own modules often bear, in a folder of clients or services.
_WELL_KNOWN = frozenset({
    "openai", "anthropic", "redis", "elasticsearch", "qdrant", "qdrant_client", "weaviate",
    "milvus", "pinecone", "chroma", "chromadb", "neo4j", "kafka", "cohere", "ollama", "groq",
    "replicate", "litellm", "boto3", "minio", "celery", "whisper", "transformers", "torch",
    "psycopg", "pymongo",
})  # fmt: skip


class Index:
    """The nodes of one file. Nothing is computed before it is asked for."""

    def __init__(self, source: Source, path: str) -> None:
        self.source = source
        self.path = path
        # Held, so that all that is worked out here is about the same nodes.
        self.nodes = source.nodes(path)
        self._kinds: dict[type[ast.AST], list[Any]] = {}

    def of(self, kind: type[N]) -> Sequence[N]:
        """All nodes of exactly this type, those nearer to the top first."""
        if kind not in self._kinds:
            if self.source.nodes(self.path) is self.nodes:
                self._kinds[kind] = self.source.nodes_of(self.path, kind)
            else:  # the tree was read anew meanwhile
                self._kinds[kind] = [node for node in self.nodes if node.__class__ is kind]
        return self._kinds[kind]

    @cached_property
    def functions(self) -> Sequence[FunctionNode]:
        """All functions and methods."""
        return [*self.of(ast.FunctionDef), *self.of(ast.AsyncFunctionDef)]

    @cached_property
    def assigned(self) -> Sequence[tuple[ast.expr, ast.expr]]:
        """Every target with what it is given, annotated or not."""
        found: list[tuple[ast.expr, ast.expr]] = [
            (target, node.value) for node in self.of(ast.Assign) for target in node.targets
        ]
        found += [
            (node.target, node.value) for node in self.of(ast.AnnAssign) if node.value is not None
        ]
        return found

    @cached_property
    def strings(self) -> Sequence[ast.Constant]:
        """The text constants, without docstrings and other texts that stand alone."""
        alone = {id(node.value) for node in self.of(ast.Expr)}
        return [
            node
            for node in self.of(ast.Constant)
            if isinstance(node.value, str) and id(node) not in alone
        ]

    @cached_property
    def aliases(self) -> dict[str, str]:
        """What the imported names stand for, those of the app's own modules left out."""
        found = aliases(self.source, self.path)
        return {name: full for name, full in found.items() if not self.own(full)}

    def own(self, module: str) -> bool:
        """Whether a module is the app's, so that `import redis` is not the package redis."""
        first = module.split(".")[0]
        if first not in self._own:
            located = find(self.source, first, self.path)
            path = located.path if located is not None else ""
            # `services/openai.py` beside the importer is in the way of the package openai only
            # when that folder itself is on the path.
            above = path.removesuffix("/__init__.py").removesuffix(".py").rpartition("/")[0]
            self._own[first] = path not in ("", self.path) and (
                above in ("", "src") or first not in _WELL_KNOWN
            )
        return self._own[first]

    @cached_property
    def _own(self) -> dict[str, bool]:
        return {}

    @cached_property
    def packages(self) -> frozenset[str]:
        """The top-level packages that the imported names come from."""
        return frozenset(full.split(".")[0] for full in self.aliases.values())

    def full_name(self, node: ast.AST) -> str:
        """The dotted name of an expression with import aliases undone; '' when it has none."""
        name = dotted(node)
        first, dot, rest = name.partition(".")
        return self.aliases.get(first, first) + dot + rest

    def foreign(self, node: ast.AST) -> str:
        """The dotted name when it starts at an imported package, else ''; cheap for others."""
        root = node
        for _ in range(_NAME_PARTS_MAX):
            if not isinstance(root, ast.Attribute):
                break
            root = root.value
        if isinstance(root, ast.Name) and root.id in self.aliases:
            return self.full_name(node)
        return ""

    @cached_property
    def _above(self) -> dict[int, ast.AST]:
        return {id(child): node for node in self.nodes for child in ast.iter_child_nodes(node)}

    def above(self, node: ast.AST) -> Iterator[ast.AST]:
        """What a node stands in, the nearest first."""
        while (found := self._above.get(id(node))) is not None:
            yield found
            node = found

    def function(self, node: ast.AST) -> FunctionNode | None:
        """The nearest function around a node."""
        return next((one for one in self.above(node) if isinstance(one, FunctionNode)), None)


def index(source: Source, path: str) -> Index:
    """The index of one file; those used last are kept."""
    memo = source.memo.setdefault("detectors.index", {})
    if not memo:
        memo["kept"] = Recent(KEPT_PYTHON_BYTES)
    kept: Recent[Index] = memo["kept"]
    found = kept.get(path)
    if found is None:
        found = Index(source, path)
        kept.keep(path, found, source.size_bytes(path))
    return found


def indexes(part: Part) -> Iterator[Index]:
    """The indexes of all files that a component may run."""
    return (index(part.source, path) for path in part.paths)
