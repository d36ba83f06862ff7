"""From what somebody declared to what it means in the source."""

from __future__ import annotations

import re
from dataclasses import dataclass

from msgspec.structs import replace

from seatrial.kernel.errors import AppError
from seatrial.kernel.values import Value
from seatrial.kernel.workload import Fact
from seatrial.profiler import candidates, guess, runs, scripts
from seatrial.profiler.candidates import Found
from seatrial.profiler.declared.start import Start
from seatrial.profiler.frameworks import Framework, frameworks
from seatrial.profiler.modules import join, locate, name_of
from seatrial.profiler.reach import reachable
from seatrial.profiler.rules import fact
from seatrial.profiler.scripts import Script
from seatrial.profiler.source import Source

LISTED_MAX = 20
SCRIPT = Framework(id="script", title="script", interface="command")
_TARGET = re.compile(r"([^\W\d]\w*(?:\.[^\W\d]\w*)*)(?::([^\W\d][\w.]*)(\(.*\))?)?", re.DOTALL)
# A declaration of these that leads nowhere is an error; of others it is told.
_BINDING = ("seatrial.toml", "Procfile", ".flaskenv", ".env")
_NOT_WEB = frozenset({
    "celery", "rq", "arq", "dramatiq", "huey", "flower", "rqscheduler", "taskiq", "npm", "yarn",
    "pnpm", "node", "next", "alembic", "bun", "faust", "procrastinate",
})  # fmt: skip
_RUNS = frozenset({
    "uvicorn", "hypercorn", "waitress", "granian", "bjoern", "aiohttp", "werkzeug", "eventlet",
    "gevent", "wsgiref", "cheroot", "daphne", "run", "run_server", "launch", "listen",
})  # fmt: skip


class Entry(Value):
    """The chosen entry, where its file is, and what speaks for it.

    An app object has `module` and `attr`; a file that is run has no `module`, and `path` is the
    file; an installed script has `script`.
    """

    framework: Framework
    module: str = ""
    attr: str = ""
    factory: bool = False
    app_dir: str
    path: str
    script: str = ""
    port: int = 0
    process: str = ""
    facts: tuple[Fact, ...] = ()

    @property
    def name(self) -> str:
        """`module:attr`, a file, `-m package` or the name of a script."""
        if self.module and self.attr and self.framework.names_object:
            return f"{self.module}:{self.attr}"
        return self.script or scripts.run_name(self.path)[0]

    @property
    def is_web(self) -> bool:
        """Whether it is an app that answers requests."""
        return self.framework is not SCRIPT


@dataclass(frozen=True)
class View:
    """All that the source itself says of entries."""

    source: Source
    found: Found
    files: tuple[Script, ...]


def parse_target(text: str) -> tuple[str, str, str] | None:
    """Module, attribute and arguments of `module:attr` or `module:attr(...)`."""
    found = _TARGET.fullmatch(text.strip())
    if found is None:
        return None
    return found[1], found[2] or "", (found[3] or "").strip()[1:-1].strip()


def from_settings(view: View, text: str) -> Entry:
    """The entry that seatrial.toml names: `module:attr`, or a file that is run."""
    where = "seatrial.toml [app] entry"
    if text in view.source and text.endswith(".py"):
        start = Start(process="web", command=text, script_file=text, file="seatrial.toml")
        entry = _run_file(view, start, text)
    else:
        target = parse_target(text)
        if target is None:
            raise error(view, f"the entry {text!r} is not written as module:attr", where)
        module, attr, arguments = target
        start = Start(
            process="web", command=text, module=module, attr=attr, arguments=arguments,
            file="seatrial.toml",
        )  # fmt: skip
        entry = _object(view, start, where)
    if entry is None:
        raise error(view, f"the entry {text} leads to no app", where)
    return entry


def from_start(view: View, start: Start) -> Entry | None:
    """What a declared start leads to; none when it leads nowhere, or is no web process.

    Raises `AppError` when a declaration that binds leads nowhere.
    """
    if start.program in _NOT_WEB:
        return None
    binding = start.file in _BINDING and start.process == "web"
    where = f"{start.file}:{start.line}" if start.line else start.file
    if start.script:
        return _installed(view, start)
    if start.module:
        return _object(view, start, where if binding else "")
    if start.program == "django":
        return _django(view, start)
    if start.script_file:
        path = _file(view.source, start)
        if path is None:
            if binding:
                raise error(view, f"there is no file {start.script_file}", where)
            return None
        return _run_file(view, start, path)
    if start.run_module:
        for folder in _folders(view.source, start.app_dir):
            located = locate(view.source, start.run_module, folder)
            if located is None or not located.folder:
                continue
            path = located.path
            if not path or path.endswith("__init__.py"):
                path = join(located.folder, "__main__.py")
            if path in view.source:
                return _run_file(view, start, path)
    return None


def _folders(source: Source, first: str) -> list[str]:
    """Where a declared module or file may lie: the declared folder, the root, src, any."""
    places = [first, ".", "src", *sorted(source.folders)]
    return [one for one in dict.fromkeys(places) if one in source.folders]


def _file(source: Source, start: Start) -> str | None:
    path = start.script_file.removeprefix("./")
    for folder in _folders(source, start.app_dir):
        if join(folder, path) in source:
            return join(folder, path)
    return None


def _object(view: View, start: Start, where: str) -> Entry | None:
    """The app object that is named; `where` is given when anything else is an error."""
    source, found = view.source, view.found
    shown = f"{start.module}:{start.attr}" if start.attr else start.module
    located = [locate(source, start.module, folder) for folder in
               _folders(source, start.app_dir)]  # fmt: skip
    paths = list(dict.fromkeys(one.path for one in located if one is not None and one.path))
    if not paths and where:
        raise error(view, f"the entry {shown}: there is no module {start.module}", where)
    for path in paths:
        likely = [c.attr for c in found.candidates if c.path == path]
        likely.sort(key=lambda a: (guess.ATTRS.index(a) if a in guess.ATTRS else 9, a))
        for attr in [start.attr] if start.attr else [*likely, *guess.ATTRS]:
            known = next((c for c in found.candidates if (c.path, c.attr) == (path, attr)), None)
            if known is not None and not start.arguments:
                return replace(
                    _of_candidate(start, known), module=start.module,
                    app_dir=_app_dir(source, start, path),
                    facts=(declared_fact(start, f"{start.module}:{attr}"),),
                )  # fmt: skip
            named = candidates.resolve(source, path, attr)
            framework = named.app.framework if named.app else None
            if framework is None and named.there:
                framework = _by_imports(view, path)
            if framework is None:
                continue
            if where and (start.arguments or named.needs):
                raise error(
                    view,
                    f"the entry {shown}: a factory that is called with arguments cannot be the "
                    f"entry; call it in a wsgi.py, like `app = {attr}(...)`", where,
                )  # fmt: skip
            return Entry(
                framework=framework, module=start.module, attr=attr,
                factory=named.factory or start.factory, app_dir=_app_dir(source, start, path),
                path=path, port=start.port,
                facts=(declared_fact(start, f"{start.module}:{attr}"),),
            )  # fmt: skip
    if where:
        raise error(view, f"the entry {shown} is not an app", where)
    return None


def _by_imports(view: View, path: str) -> Framework | None:
    """The framework of an app whose object cannot be told, by what its files import."""
    paths = reachable(view.source, path)
    packages = {n.split(".")[0] for p in paths for n, _ in view.source.imports(p)}
    for one in frameworks().values():
        if one.interface != "command" and packages.intersection(one.imports):
            return one
    return None


def _app_dir(source: Source, start: Start, path: str) -> str:
    """The folder from which `path` is imported by the name it was declared with."""
    tail = start.module.replace(".", "/")
    for ending in (f"{tail}.py", f"{tail}/__init__.py"):
        if path == ending:
            return "."
        if path.endswith("/" + ending):
            return path[: -len(ending) - 1]
    return name_of(source, path).app_dir


def declared_fact(start: Start, name: str) -> Fact:
    """The fact that an entry was declared, with the command as it stands there."""
    rule = "entry.settings" if start.file == "seatrial.toml" else "entry.declared"
    return fact(rule, name, start.command, file=start.file, line=start.line, kind="declared")


def _django(view: View, start: Start) -> Entry | None:
    """`manage.py runserver` serves the project's WSGI or ASGI application."""
    if "runserver" not in start.command and "testserver" not in start.command:
        return None
    weighed = guess.apps(view.source, view.found.candidates)
    for one in weighed:
        found = one.candidate
        if found is not None and found.framework in ("django", "django-asgi"):
            return _of_candidate(start, found)
    return None


def _run_file(view: View, start: Start, path: str) -> Entry | None:
    """What running a file means: the app it serves, the framework that runs it, or a script."""
    source = view.source
    if path.rpartition("/")[2] == "manage.py":
        return _django(view, start)
    kind = next((one for one in view.files if one.path == path), None)
    served = _served(view, path)
    if served is not None and (kind is None or kind.framework == "dash-script"):
        return _of_candidate(start, served, _port(source, path))
    name, app_dir = scripts.run_name(path)
    framework = frameworks()[kind.framework] if kind is not None else serves(view, path)
    return Entry(
        framework=framework, path=path, app_dir=app_dir, attr=kind.attr if kind else "",
        port=start.port or _port(source, path), process=start.process,
        facts=(declared_fact(start, name),),
    )  # fmt: skip


def _served(view: View, path: str) -> candidates.Candidate | None:
    """The app object that a file starts a server for, or the only one that it holds."""
    own = [c for c in view.found.candidates if c.path == path]
    for run in runs.detect(view.source, path):
        if run.text:
            target = parse_target(run.target)
            for one in view.found.candidates if target else ():
                if target and one.module == target[0] and target[1] in ("", one.attr):
                    return one
        for one in own:
            if run.target.partition(".")[0] == one.attr:
                return one
    weighed = guess.apps(view.source, [c for c in own if not c.factory])
    return weighed[0].candidate if weighed else None


def serves(view: View, path: str) -> Framework:
    """The framework that a script serves with, when one of its files starts a server."""
    reach = reachable(view.source, path)
    started = {run.program for one in reach for run in runs.detect(view.source, one)}
    framework = _by_imports(view, path)
    if framework is None or not started & _RUNS:
        return SCRIPT
    inside = [c for c in view.found.candidates if c.path in reach]
    if not inside and not started & {"run", "uvicorn"}:
        return SCRIPT
    known = frameworks()[inside[0].framework] if inside else framework
    return known.as_command()


def _port(source: Source, path: str) -> int:
    return next((run.port for run in runs.detect(source, path) if run.port), 0)


def _installed(view: View, start: Start) -> Entry | None:
    """An installed script: the app that its words name, the server that its function starts, or
    the script itself."""
    for word in start.command.split():
        target = parse_target(word) if ":" in word else None
        named = target and next(
            (c for c in view.found.candidates if (c.module, c.attr) == target[:2]), None
        )
        if named:
            return _of_candidate(start, named)
    if not start.module:
        return None
    for folder in _folders(view.source, start.app_dir):
        located = locate(view.source, start.module, folder)
        if located is None or not located.path:
            continue
        served = _served(view, located.path)
        if served is not None:
            return _of_candidate(start, served, _port(view.source, located.path))
        kind = next((one for one in view.files if one.path == located.path), None)
        return Entry(
            framework=frameworks()[kind.framework] if kind else serves(view, located.path),
            path=located.path, app_dir=folder, script=start.script, port=start.port,
            facts=(declared_fact(start, start.script),),
        )  # fmt: skip
    return None


def _of_candidate(start: Start, one: candidates.Candidate, port: int = 0) -> Entry:
    return Entry(
        framework=frameworks()[one.framework], module=one.module, attr=one.attr,
        factory=one.factory, app_dir=one.app_dir, path=one.path, port=start.port or port,
        facts=(declared_fact(start, one.entry),),
    )  # fmt: skip


def error(view: View, what: str, where: str) -> AppError:
    """An error that lists what could have been meant."""
    found, lines = view.found, [what]
    weighed = guess.apps(view.source, found.candidates)
    named = [one.candidate for one in weighed if one.candidate is not None]
    if named or view.files:
        lines.append("candidates:")
        lines += [f"  {c.entry} ({c.path}, made at {c.file}:{c.line})" for c in named[:LISTED_MAX]]
        lines += [f"  {one.path} ({one.framework})" for one in view.files[:LISTED_MAX]]
    misses = candidates.near_misses(view.source, found)
    if misses:
        lines.append("near misses:")
        lines += [f"  {miss}" for miss in misses[:LISTED_MAX]]
        if len(misses) > LISTED_MAX:
            lines.append(f"  and {len(misses) - LISTED_MAX} more")
    example = named[0].entry if named else view.files[0].path if view.files else "module:attr"
    if len(lines) == 1:
        lines.append(f"{len(view.source.python_files)} Python files were read")
    return AppError(
        "\n".join(lines), where=where,
        fix=f'name the app in seatrial.toml:\n[app]\nentry = "{example}"',
    )  # fmt: skip
