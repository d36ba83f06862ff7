"""Choosing the entry: declared beats guessed, and a declared one that does not lead to an app
is an error, never a reason to guess."""

from __future__ import annotations

from pathlib import PurePosixPath

from seatrial.kernel.demand import AppSettings
from seatrial.kernel.errors import AppError
from seatrial.kernel.values import Value
from seatrial.kernel.workload import Fact, Proof
from seatrial.profiler.detectors import declared, flask_app
from seatrial.profiler.detectors.declared import Declared, parse_target
from seatrial.profiler.detectors.flask_app import Candidate, Found
from seatrial.profiler.modules import locate, name_of
from seatrial.profiler.objects import Function
from seatrial.profiler.source import Source

_USUAL = ("wsgi", "app", "main")
_LESS_USUAL = ("application", "server", "run", "api", "index", "asgi", "__init__")
_ATTRS = ("app", "application", "create_app", "make_app")  # where Flask's own command looks
LISTED_MAX = 20


class Entry(Value):
    """The chosen entry, where its module is, and what speaks for it."""

    module: str
    attr: str
    factory: bool
    app_dir: str
    path: str
    facts: tuple[Fact, ...]

    @property
    def name(self) -> str:
        """`module:attr`."""
        return f"{self.module}:{self.attr}"


def choose(source: Source, settings: AppSettings) -> Entry:
    """The entry of the app.

    Raises `AppError` when there is none, or when a declared one does not lead to a Flask app;
    it lists every candidate and every near miss.
    """
    found = flask_app.detect(source)
    if settings.entry:
        target = parse_target(settings.entry)
        if target is None:
            raise _error(
                source, found, f"the entry {settings.entry!r} is not written as module:attr",
                "seatrial.toml [app] entry",
            )  # fmt: skip
        module, attr, arguments = target
        wish = Declared(
            module=module, attr=attr, arguments=arguments, app_dir=".", file="seatrial.toml", line=0
        )
        return _declared_entry(source, found, wish, "seatrial.toml [app] entry")
    written = declared.detect(source)
    if written:
        wish = written[0]
        where = f"{wish.file}:{wish.line}"
        return _declared_entry(source, found, wish, where)
    if not found.candidates:
        raise _error(source, found, "no Flask app found", str(source.root))
    return _guess(found)


def _declared_entry(source: Source, found: Found, wish: Declared, where: str) -> Entry:
    paths = _module_paths(source, wish)
    shown = f"{wish.module}:{wish.attr}" if wish.attr else wish.module
    if not paths:
        raise _error(source, found, f"the entry {shown}: there is no module {wish.module}", where)
    for path in paths:
        attrs = [wish.attr] if wish.attr else _likely_attrs(found, path)
        for attr in attrs:
            value = flask_app.resolve(source, path, attr)
            if value is None:
                continue
            factory = isinstance(value, Function)
            if wish.arguments or (isinstance(value, Function) and value.required()):
                raise _error(
                    source, found,
                    f"the entry {shown}: a factory that is called with arguments cannot be the "
                    f"entry; call it in a wsgi.py, like `app = {attr}(...)`", where,
                )  # fmt: skip
            rule = "entry.settings" if wish.file == "seatrial.toml" else "entry.declared"
            proof = Proof(kind="declared", rule=rule, file=wish.file, line=wish.line)
            name = name_of(source, path)
            # The name it was written with is kept; it says which folder is on the path.
            app_dir = _app_dir(path, wish.module) or name.app_dir
            facts = (
                Fact(rule=rule, subject=f"{wish.module}:{attr}", proof=proof),
                *_others(found, {(path, attr)}),
            )
            return Entry(
                module=wish.module, attr=attr, factory=factory, app_dir=app_dir, path=path,
                facts=facts,
            )  # fmt: skip
    raise _error(source, found, f"the entry {shown} is not a Flask app", where)


def _module_paths(source: Source, wish: Declared) -> list[str]:
    """The files a declared module may be: from the declared folder, the root, src, any folder."""
    places = [wish.app_dir, ".", "src", *sorted(source.folders)]
    bases = [base for base in dict.fromkeys(places) if base in source.folders]
    located = [locate(source, wish.module, base) for base in bases]
    return list(dict.fromkeys(one.path for one in located if one is not None and one.path))


def _app_dir(path: str, module: str) -> str:
    """The folder from which `path` is imported as `module`; '' when it cannot be."""
    tail = module.replace(".", "/")
    for ending in (f"{tail}.py", f"{tail}/__init__.py"):
        if path == ending:
            return "."
        if path.endswith("/" + ending):
            return path[: -len(ending) - 1]
    return ""


def _likely_attrs(found: Found, path: str) -> list[str]:
    inside = [c.attr for c in found.candidates if c.path == path]
    return sorted(inside, key=lambda attr: (_ATTRS.index(attr) if attr in _ATTRS else 9, attr))


def _guess(found: Found) -> Entry:
    """One of the candidates: by the name of its file, as the only app, or by its routes."""
    apps: dict[tuple[str, int], Candidate] = {}
    for candidate in sorted(found.candidates, key=_preference):
        apps.setdefault((candidate.file, candidate.line), candidate)
    best = min(apps.values(), key=_preference)
    if _usual(best) < len(_USUAL):
        why, confidence = f"{PurePosixPath(best.path).name} is where an app is expected", 0.9
    elif len(apps) == 1:
        why, confidence = "the only Flask app", 0.95
    else:
        best = min(apps.values(), key=lambda c: (-c.routes, _preference(c)))
        why, confidence = f"the Flask app with the most routes ({best.routes})", 0.6
    if len(apps) == 1:
        confidence = 0.95
    fact = Fact(
        rule="entry.guessed", subject=best.entry, value=why, confidence=confidence,
        proof=Proof(
            kind="source", rule="entry.guessed", file=best.file, line=best.line,
            note="the app object is made here",
        ),
    )  # fmt: skip
    return Entry(
        module=best.module, attr=best.attr, factory=best.factory, app_dir=best.app_dir,
        path=best.path, facts=(fact, *_others(found, {(best.path, best.attr)})),
    )  # fmt: skip


def _usual(candidate: Candidate) -> int:
    stem = PurePosixPath(candidate.path).stem
    if stem in _USUAL:
        return _USUAL.index(stem)
    return len(_USUAL) + (0 if stem in _LESS_USUAL else 1)


def _preference(candidate: Candidate) -> tuple[object, ...]:
    attr = _ATTRS.index(candidate.attr) if candidate.attr in _ATTRS else len(_ATTRS)
    return (
        _usual(candidate), candidate.factory, candidate.path.count("/"), candidate.imported,
        attr, candidate.path, candidate.attr,
    )  # fmt: skip


def _others(found: Found, chosen: set[tuple[str, str]]) -> list[Fact]:
    """What else could have been the entry; names that another module only imported are not."""
    rest = [
        c for c in found.candidates if (c.path, c.attr) not in chosen and not c.imported
    ]  # fmt: skip
    return [
        Fact(
            rule="entry.candidates", subject=candidate.entry,
            value=f"{'factory, ' if candidate.factory else ''}{candidate.routes} routes",
            proof=Proof(
                kind="source", rule="entry.candidates", file=candidate.file, line=candidate.line
            ),
        )
        for candidate in rest[:LISTED_MAX]
    ]  # fmt: skip


def _error(source: Source, found: Found, what: str, where: str) -> AppError:
    lines = [what]
    if found.candidates:
        lines.append("candidates:")
        lines += [
            f"  {c.entry} ({c.path}, made at {c.file}:{c.line})"
            for c in sorted(found.candidates, key=_preference)[:LISTED_MAX]
        ]
    if found.near_misses:
        lines.append("near misses:")
        lines += [f"  {miss}" for miss in found.near_misses[:LISTED_MAX]]
        if len(found.near_misses) > LISTED_MAX:
            lines.append(f"  and {len(found.near_misses) - LISTED_MAX} more")
    example = min(found.candidates, key=_preference).entry if found.candidates else "module:attr"
    if not found.candidates and not found.near_misses:
        lines.append(f"{len(source.python_files)} Python files were read")
    return AppError(
        "\n".join(lines), where=where,
        fix=f'name the app in seatrial.toml:\n[app]\nentry = "{example}"',
    )  # fmt: skip
