"""Which language models an app names, and which it tries one after the other."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from seatrial.kernel.workload import Fact
from seatrial.profiler.detectors import llm
from seatrial.profiler.detectors.index import Index, indexes
from seatrial.profiler.detectors.llm_ids import maker
from seatrial.profiler.part import Part
from seatrial.profiler.reach import keyword, last, literal
from seatrial.profiler.rules import fact

MODELS_TOLD_MAX = 20
CHAIN_MAX = 12
_MODEL_NAMES = ("model", "model_id", "modelId", "model_name")


def detect(part: Part) -> Iterator[Fact]:
    """The models named, those in use before those in lists, and the chains of fallbacks."""
    if not llm.signs(part):
        return
    found: dict[str, tuple[int, str, int]] = {}
    for index in indexes(part):
        for node in index.strings:
            text = str(node.value)
            if not 2 <= len(text) <= 100 or not maker(text):
                continue
            weight = _weight(index, node)
            if weight and (text not in found or weight < found[text][0]):
                found[text] = (weight, index.path, node.lineno)
    order = sorted(found.items(), key=lambda one: (one[1], one[0]))
    for text, (_, path, line) in order[:MODELS_TOLD_MAX]:
        yield fact("llm.model", text, maker(text), file=path, line=line)
    for index in indexes(part):
        yield from _fallbacks(index)


def _weight(index: Index, node: ast.Constant) -> int:
    """How sure it is that a model is used: 1 for an argument, 3 for a list; 0 for a comparison."""
    for place, one in enumerate(index.above(node)):
        if isinstance(one, ast.Compare | ast.Subscript):
            return 0
        if isinstance(one, ast.keyword):
            return 1 if one.arg and "model" in one.arg.lower() else 3
        if isinstance(one, ast.Call):
            return 0 if last(one.func) in ("startswith", "endswith", "replace") else 2
        if isinstance(one, ast.Assign | ast.AnnAssign) and place < 2:
            return 2
        if isinstance(one, ast.stmt):
            return 3
    return 3


def _models(node: ast.expr | None) -> list[str]:
    """The ids in a list, a tuple, or a list of tables with a `model` each, in their order."""
    if isinstance(node, ast.Dict):
        values = [v for v in node.values if v is not None]
        found = [text for v in values for text in _entry(v)]
        keys = [text for key in node.keys if (text := literal(key)) and maker(text)]
        return found if len(found) > 1 else keys
    if isinstance(node, ast.List | ast.Tuple):
        return [text for element in node.elts for text in _entry(element)]
    return []


def _entry(node: ast.expr) -> list[str]:
    text = literal(node)
    if text is not None:
        return [text] if maker(text) else []
    if isinstance(node, ast.Dict):
        return [t for v in node.values if (t := literal(v)) and maker(t)][:1]
    if isinstance(node, ast.Tuple | ast.List):
        return [t for v in node.elts if (t := literal(v)) and maker(t)][:1]
    if isinstance(node, ast.Call):
        given = [k.value for k in node.keywords if k.arg and "model" in k.arg] + node.args
        return [t for v in given if (t := literal(v)) and maker(t)][:1]
    return []


def _fallbacks(index: Index) -> Iterator[Fact]:
    lists = {
        last(target): chain
        for target, value in index.assigned
        if len(chain := _models(value)) > 1 and last(target)
    }
    loops: list[ast.For | ast.AsyncFor] = [*index.of(ast.For), *index.of(ast.AsyncFor)]
    for loop in loops:
        if any(isinstance(one, ast.Try) for one in ast.walk(loop)):
            names = [last(n) for n in ast.walk(loop.iter)]
            chain = _models(loop.iter) or next((lists[n] for n in names if n in lists), [])
            if len(chain) > 1:
                yield _chain(index, chain, loop.iter.lineno, "tried in a loop")
    clients = {
        target.id: made[0]
        for target, value in index.assigned
        if isinstance(target, ast.Name) and isinstance(value, ast.Call) and (made := _entry(value))
    }
    for call in index.of(ast.Call):
        name = last(call.func)
        if name == "with_fallbacks" and isinstance(call.func, ast.Attribute):
            given = call.args[0] if call.args else keyword(call, "fallbacks")
            chain = _named(call.func.value, clients) + _each(given, clients)
            if len(chain) > 1:
                yield _chain(index, chain, call.lineno, "with_fallbacks")
        elif name == "fallback" and index.foreign(call.func) == "seatrial_runtime.fallback":
            given = call.args[0] if call.args else keyword(call, "models")
            yield _runtime_chain(index, call, given, clients)
        elif name == "FallbackModel":
            chain = [text for arg in call.args for text in _named(arg, clients)]
            if len(chain) > 1:
                yield _chain(index, chain, call.lineno, "FallbackModel")
        elif (given := keyword(call, "fallbacks")) is not None:
            first = keyword(call, "model") or (call.args[0] if call.args else None)
            chain = _entry(first) if first is not None else []
            chain += [t for t in _texts(given) if maker(t)]
            if len(chain) > 1:
                yield _chain(index, chain, call.lineno, "fallbacks")
    for attempt in index.of(ast.Try):
        yield from _attempt(index, attempt)


def _runtime_chain(
    index: Index, call: ast.Call, given: ast.expr | None, clients: dict[str, str]
) -> Fact:
    """A chain of the runtime; of which models it is may be known only once it runs."""
    chain = _each(given, clients)
    if isinstance(given, ast.Name):
        values = (v for target, v in index.assigned if last(target) == given.id)
        chain = next((found for v in values if (found := _each(v, clients))), [])
    if len(chain) > 1:
        return _chain(index, chain, call.lineno, "fallback")
    return fact("llm.fallback", "fallback()", "models that are read while the app runs",
                file=index.path, line=call.lineno, note="fallback")  # fmt: skip


def _attempt(index: Index, attempt: ast.Try) -> Iterator[Fact]:
    """`try: create(model="a")`, `except: create(model="b")`."""
    first = _asked(attempt.body)
    second = [text for handler in attempt.handlers for text in _asked(handler.body)]
    chain = list(dict.fromkeys([*first, *second]))
    if first and second and len(chain) > 1:
        yield _chain(index, chain, attempt.lineno, "try ... except")


def _asked(body: list[ast.stmt]) -> list[str]:
    return [
        text
        for statement in body
        for node in ast.walk(statement)
        if isinstance(node, ast.keyword) and node.arg in _MODEL_NAMES
        if (text := literal(node.value)) and maker(text)
    ]  # fmt: skip


def _named(node: ast.expr, clients: dict[str, str]) -> list[str]:
    """The model of a client: named, or made on the spot, tools bound to it or not."""
    if isinstance(node, ast.Name):
        return [clients[node.id]] if node.id in clients else []
    if isinstance(node, ast.Call):
        return _entry(node) or (
            _named(node.func.value, clients) if isinstance(node.func, ast.Attribute) else []
        )
    return _entry(node)


def _each(node: ast.expr | None, clients: dict[str, str]) -> list[str]:
    elements = node.elts if isinstance(node, ast.List | ast.Tuple) else []
    return [text for one in elements for text in _named(one, clients)]


def _texts(node: ast.expr) -> Iterator[str]:
    for one in ast.walk(node):
        if isinstance(one, ast.Constant) and isinstance(one.value, str):
            yield one.value


def _chain(index: Index, chain: list[str], line: int, how: str) -> Fact:
    shown = " -> ".join(chain[:CHAIN_MAX])
    return fact("llm.fallback", chain[0], shown, file=index.path, line=line, note=how)
