"""The components beside the web app: workers, schedulers, bots, frontends, model servers.

What somebody wrote down comes first; what the source alone tells fills in the rest.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence

from seatrial.kernel.workload import Component
from seatrial.profiler.components import celery, frontend, queues, scripts, started
from seatrial.profiler.components.draft import Draft, Installed
from seatrial.profiler.declared.start import Start
from seatrial.profiler.modules import locate
from seatrial.profiler.rules import fact
from seatrial.profiler.source import Source

COMPONENTS_MAX = 30
_ORDER = ("worker", "scheduler", "model", "frontend")


def detect(
    source: Source, starts: Sequence[Start], app_paths: Collection[str], install: Installed
) -> tuple[Component, ...]:
    """The background components, each once: workers, schedulers, model servers, frontends.

    `app_paths` are the files the main component may run; a script among them is not told
    again. The commands are run in the app's root with `app_dir` on `PYTHONPATH`.
    """
    inside = frozenset(app_paths)
    declared = [
        one for one in started.drafts(source, starts) if not one.path or _apart(one, inside)
    ]
    found = [
        *celery.detect(source, install), *queues.detect(source, install),
        *scripts.drafts(source, inside),
    ]  # fmt: skip
    drafts = _merged(declared, found)
    drafts += frontend.detect(source, starts)
    drafts.sort(key=lambda one: (_ORDER.index(one.kind), one.name == "flower"))
    return _named(drafts[:COMPONENTS_MAX])


def entry_path(source: Source, component: Component) -> str:
    """The Python file that a component starts with; '' when it has none of the app's own.

    A worker that is started without naming one (`rq worker`) begins where its queue is made.
    """
    if component.kind == "frontend":
        return ""
    told = (one.proof.file for one in component.facts if one.proof.file.endswith(".py"))
    return _named_path(source, component) or next((file for file in told if file in source), "")


def _named_path(source: Source, component: Component) -> str:
    entry = component.entry.removeprefix("-m ")
    if entry in source:
        return entry if entry.endswith(".py") else ""
    if not re.fullmatch(r"[\w.]+(:[\w.]+)?", entry):
        return ""
    dotted = entry.partition(":")[0]
    names = [dotted, dotted.rpartition(".")[0]]
    if component.entry.startswith("-m "):
        names.insert(0, f"{dotted}.__main__")
    for name in filter(None, names):
        for base in dict.fromkeys((component.app_dir, ".", "src")):
            located = locate(source, name, base) if base == "." or base in source.folders else None
            if located is not None and located.path:
                return located.path
    return ""


def _apart(draft: Draft, inside: frozenset[str]) -> bool:
    """A declared plain script that the app itself runs is the app."""
    return draft.framework != "python" or draft.path not in inside


def _merged(declared: list[Draft], found: list[Draft]) -> list[Draft]:
    """Declared wins; what the source tells of the same process is added to it."""
    drafts = list(declared)
    embedded = any(f.rule == "worker.beat-embedded" for one in declared for f in one.facts)
    for one in found:
        same = [other for other in declared if _same(other, one)]
        for other in same:
            if other.framework == "python":
                other.framework, other.kind = one.framework, one.kind
            _agree(other, one)
            known = {(told.rule, told.subject, told.proof.file) for told in other.facts}
            new = [f for f in one.facts if (f.rule, f.subject, f.proof.file) not in known]
            other.facts += [told for told in new if told.rule != "worker.found"]
        if not same and not (embedded and one.key == ("scheduler", "celery")):
            drafts.append(one)
    return drafts


def _same(declared: Draft, found: Draft) -> bool:
    """Whether a declared process is the one that the source told of."""
    script = declared.framework == "python" and bool(found.path) and declared.path == found.path
    return script or declared.key == found.key


def _agree(declared: Draft, found: Draft) -> None:
    """Fill in the attribute that was left open; tell a module that the source does not have."""
    if not declared.modules or not found.modules:
        return
    named = next(iter(declared.modules))
    if named in found.modules:
        if ":" not in declared.entry and found.entry.startswith(f"{named}:"):
            declared.entry = found.entry
    elif not any(one.startswith(f"{named}.") for one in found.modules) and not declared.path:
        told = declared.facts[0].proof
        declared.facts.append(fact(
            "worker.disagrees", declared.entry, f"the source has {found.entry}",
            file=told.file, line=told.line,
        ))  # fmt: skip
    if not declared.path:
        declared.path = found.path


def _named(drafts: list[Draft]) -> tuple[Component, ...]:
    """Each with a name of its own, in the letters that every platform takes."""
    taken = {"web"}
    components: list[Component] = []
    for one in drafts:
        base = re.sub(r"[^a-z0-9]+", "-", one.name.lower()).strip("-")[:40] or one.kind
        options = [base, f"{base}-{one.framework}", *(f"{base}-{n}" for n in range(2, 99))]
        name = next(option for option in options if option not in taken)
        taken.add(name)
        components.append(one.component(name))
    return tuple(components)


__all__ = ["detect", "entry_path"]
