"""Choosing the entry: declared beats guessed, and a declared one that leads nowhere is an error,
never a reason to guess."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import PurePosixPath

from msgspec.structs import replace

from seatrial.kernel.demand import AppSettings
from seatrial.kernel.workload import Fact
from seatrial.profiler import candidates, guess, scripts
from seatrial.profiler.declared.start import Start
from seatrial.profiler.frameworks import frameworks
from seatrial.profiler.guess import Weighed
from seatrial.profiler.resolve import Entry, View, error, from_settings, from_start, serves
from seatrial.profiler.rules import fact
from seatrial.profiler.source import Source

LISTED_MAX = 20


def choose(
    source: Source,
    settings: AppSettings,
    starts: Sequence[Start],
    background: Callable[[], bool] = lambda: False,
) -> tuple[Entry, ...]:
    """The entries of the app, the main one first; the others are declared beside it.

    None when the app answers no requests and `background` says that it has workers. Raises
    `AppError` when there is none at all, or when a declared one leads nowhere; it lists every
    candidate and every near miss.
    """
    view = View(source, candidates.detect(source), scripts.framework_files(source))
    if settings.entry:
        chosen = from_settings(view, settings.entry)
        return (replace(chosen, facts=(*chosen.facts, *_others(view, chosen))),)
    resolved = [(start, from_start(view, start)) for start in starts]
    web = [(start, entry) for start, entry in resolved if entry is not None and entry.is_web]
    guessed = _guess(view)
    if web:
        (start, main), rest = web[0], web[1:]
        beside = {
            (e.path, e.attr): replace(e, process=s.process)
            for s, e in reversed(rest)
            if s.origin == start.origin
            and not s.dev
            and e.path != main.path
            and (s.declared_in, s.process) != (start.declared_in, start.process)
        }
        entries = (main, *reversed(beside.values()))
        told = (*main.facts, *_disagreements(entries, resolved), *_others(view, main))
        return (replace(main, facts=told), *entries[1:])
    if guessed is not None:
        told = (*guessed.facts, *_disagreements((guessed,), resolved), *_others(view, guessed))
        return (replace(guessed, facts=told),)
    if background():
        return ()
    declared = [(start, entry) for start, entry in resolved if entry is not None]
    # The scripts of a package inside the app, such as a workspace's, are seldom the app itself.
    own = [entry for start, entry in declared if not _of_member(start)]
    plain = [one for one in guess.scripts(source, scripts.plain(source)) if one.points > 0]
    if not own and plain:
        return (_script(view, plain),)
    fallback = next(iter([*own, *(entry for _, entry in declared)]), None)
    if fallback is not None:
        return (replace(fallback, facts=(*fallback.facts, *_others(view, fallback))),)
    raise error(view, "no app found", str(source.root))


def _of_member(start: Start) -> bool:
    return start.origin == "scripts" and "/" in start.declared_in


def _guess(view: View) -> Entry | None:
    """The web app that weighs most, none when the source has none."""
    apps = guess.apps(view.source, view.found.candidates)
    files = guess.files(view.source, view.files)
    both = sorted([*apps, *files], key=lambda one: -one.points)
    both = [one for one in both if one.candidate is not None or one.points > -5]
    if not both:
        return None
    best = both[0]
    made = {(w.candidate.file, w.candidate.line) for w in apps if w.candidate is not None}
    why, confidence = _why(best, len(made) + len(files))
    one, script = best.candidate, best.script
    if one is not None:
        reason = fact(
            "entry.guessed", one.entry, why, file=one.file, line=one.line,
            note="the app object is made here", confidence=confidence,
        )  # fmt: skip
        framework = frameworks()[one.framework]
        if one.path.endswith("__main__.py"):  # importing it would find the server's own
            _, app_dir = scripts.run_name(one.path)
            return Entry(
                framework=framework.as_command(), path=one.path, app_dir=app_dir, facts=(reason,)
            )
        return Entry(
            framework=framework, module=one.module, attr=one.attr,
            factory=one.factory, app_dir=one.app_dir, path=one.path, facts=(reason,),
        )  # fmt: skip
    assert script is not None
    name, app_dir = scripts.run_name(script.path)
    reason = fact(
        "entry.guessed", name, why, file=script.path, line=script.line, confidence=confidence
    )
    return Entry(
        framework=frameworks()[script.framework], path=script.path, app_dir=app_dir,
        attr=script.attr, facts=(reason,),
    )  # fmt: skip


def _why(best: Weighed, count: int) -> tuple[str, float]:
    """The reason in words, and how sure it is."""
    one, script = best.candidate, best.script
    kind = one.framework if one is not None else script.framework if script is not None else ""
    title = frameworks()[kind].title
    if count == 1:
        return f"the only {title} app", 0.95
    stem = PurePosixPath(best.path).stem.lower()
    if stem in guess.USUAL:
        return f"{PurePosixPath(best.path).name} is where an app is expected", 0.9
    if one is not None and one.routes:
        return f"the {title} app with the most routes ({one.routes})", 0.6
    return f"the {title} app that lies nearest to the root", 0.6


def _script(view: View, plain: Sequence[Weighed]) -> Entry:
    """The plain script that weighs most; what else there was."""
    best, *rest = plain
    name, app_dir = scripts.run_name(best.path)
    why, confidence = (
        ("the only script", 0.8) if not rest else ("the likeliest of the scripts", 0.5)
    )
    found = [
        fact("entry.guessed", name, why, file=best.path, line=1, confidence=confidence),
        *(
            fact("entry.candidates", one.path, "script", file=one.path, line=1)
            for one in rest[:LISTED_MAX]
        ),
    ]
    framework = serves(view, best.path)
    return Entry(framework=framework, path=best.path, app_dir=app_dir, facts=tuple(found))


def _others(view: View, chosen: Entry) -> list[Fact]:
    """What else could have been the entry; names that another module only imported are not."""
    found = [
        fact(
            "entry.candidates", one.entry,
            f"{frameworks()[one.framework].title}, "
            f"{'factory, ' if one.factory else ''}{one.routes} calls on it",
            file=one.file, line=one.line,
        )
        for one in view.found.candidates
        if (one.path, one.attr) != (chosen.path, chosen.attr) and not one.imported
    ]  # fmt: skip
    found += [
        fact(
            "entry.candidates", one.path, frameworks()[one.framework].title,
            file=one.path, line=one.line,
        )
        for one in view.files
        if one.path != chosen.path and not one.imported
    ]  # fmt: skip
    return found[:LISTED_MAX]


def _disagreements(
    chosen: Sequence[Entry], resolved: Sequence[tuple[Start, Entry | None]]
) -> list[Fact]:
    """Declarations that lead nowhere, or elsewhere than the chosen entries; each name once."""
    found: dict[str, Fact] = {}
    paths = {one.path for one in chosen}
    for start, entry in resolved:
        if entry is None and start.module and start.role == "web":
            named = f"{start.module}:{start.attr}".rstrip(":")
            why = "the source has no such app"
        elif entry is not None and entry.is_web and entry.path not in paths:
            named, why = entry.name, f"the entry is {chosen[0].name}"
        else:
            continue
        found.setdefault(
            named, fact("entry.disagrees", named, why, file=start.file, line=start.line)
        )
    return list(found.values())[:LISTED_MAX]
