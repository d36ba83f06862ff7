"""YAML with the lines on which things stand.

Only the parser of the library is used, nothing is constructed: no tag is obeyed, and an alias is
the node it stands for, so a "billion laughs" file stays as small as it is written.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

import yaml

BYTES_MAX = 256 * 1024
KEYS_MAX = 2_000
DEPTH_MAX = 60
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@dataclass(eq=False)
class Node:
    """A scalar's text, the nodes of a list, or the nodes of a mapping by key."""

    line: int = 0
    scalar: str = ""
    mapping: bool = False
    items: list[Node] = field(default_factory=list)
    fields: dict[str, Node] = field(default_factory=dict)

    def get(self, *path: str) -> Node:
        """The node below these keys; an empty one when there is none."""
        node = self
        for key in path:
            node = node.fields.get(key, _EMPTY)
        return node

    def texts(self) -> tuple[str, ...]:
        """The scalars of a list, or the scalar alone."""
        if self.items:
            return tuple(item.scalar for item in self.items)
        return (self.scalar,) if self.scalar else ()

    def pairs(self) -> Iterator[tuple[str, Node]]:
        """Keys and nodes of a mapping; `NAME=value` items of a list count as such."""
        yield from self.fields.items()
        for item in self.items:
            name, equals, value = item.scalar.partition("=")
            if equals:
                yield name.strip(), Node(line=item.line, scalar=value)

    def __bool__(self) -> bool:
        return bool(self.scalar or self.items or self.fields)


_EMPTY = Node()


def load(text: str) -> Node:
    """The first document of YAML text; an empty node when it cannot be read."""
    if len(text) > BYTES_MAX:
        return _EMPTY
    try:
        return _build(yaml.parse(text, Loader=_LOADER))
    except (yaml.YAMLError, ValueError, RecursionError, AttributeError, TypeError):
        return _EMPTY


def _build(events: Iterable[yaml.Event]) -> Node:
    """The nodes of the first document, from the parser's events, one after the other: the
    library's own composer calls itself for each level, and ends the process at some depth."""
    root = _EMPTY
    anchors: dict[str, Node] = {}
    open_nodes: list[tuple[Node, list[Node]]] = []
    for event in events:
        if isinstance(event, yaml.DocumentEndEvent):
            break
        if isinstance(event, yaml.CollectionEndEvent):
            node, children = open_nodes.pop()
            _close(node, children)
            continue
        if isinstance(event, yaml.AliasEvent):
            node = anchors.get(event.anchor or "", _EMPTY)
        elif isinstance(event, yaml.ScalarEvent | yaml.CollectionStartEvent):
            node = Node(line=event.start_mark.line + 1 if event.start_mark else 0)
            if event.anchor:
                anchors[event.anchor] = node
        else:
            continue
        if open_nodes:
            if len(open_nodes[-1][1]) < 2 * KEYS_MAX:
                open_nodes[-1][1].append(node)
        elif root is _EMPTY:
            root = node
        if isinstance(event, yaml.ScalarEvent):
            null = event.style is None and event.value in ("~", "null", "Null", "NULL")
            node.scalar = "" if null else str(event.value)
        elif isinstance(event, yaml.CollectionStartEvent):
            if len(open_nodes) >= DEPTH_MAX:
                return _EMPTY
            node.mapping = isinstance(event, yaml.MappingStartEvent)
            open_nodes.append((node, []))
    return root


def _close(node: Node, children: list[Node]) -> None:
    if not node.mapping:
        node.items = children[:KEYS_MAX]
        return
    merged: list[Node] = []
    for key, value in zip(children[::2], children[1::2], strict=False):
        if key.scalar == "<<":
            merged += [value, *value.items[:20]]
        else:
            node.fields[key.scalar] = value
    for one in merged:
        for name, inner in one.fields.items():
            if len(node.fields) < KEYS_MAX:
                node.fields.setdefault(name, inner)
