"""One reader a kind of file: what it says is started, before its strength is weighed."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import replace

import msgspec

from seatrial.profiler.declared import gunicorn_conf, platforms, project
from seatrial.profiler.declared import lines as read
from seatrial.profiler.declared.commandline import parse
from seatrial.profiler.declared.found import Found
from seatrial.profiler.declared.lines import Line
from seatrial.profiler.declared.places import Around, normal
from seatrial.profiler.declared.project import Named
from seatrial.profiler.declared.start import Start
from seatrial.profiler.declared.targets import file_target, parse_target

_RUNS = re.compile(
    r"(?i)(?:^|[-_:.])(?:run|start|serve|server|web|api|app|up|dev|develop|backend|"
    r"prod|production|worker|celery|beat|bot|launch|runserver|deploy)(?:$|[-_:.])"
)
_DEV_NAME = re.compile(
    r"(?i)(?:^|[-_:.])(?:dev|develop|development|local|debug|watch|reload)(?:$|[-_:.])"
)
_PROD_NAME = re.compile(r"(?i)(?:^|[-_:.])(?:prod|production|deploy|release)(?:$|[-_:.])")
_PRINTS_ONLY = frozenset({"http.server", "json.tool", "site", "timeit"})

Reader = Callable[[Found, Around], Iterator[Start]]


def _read(file: Found, around: Around) -> str:
    return (around.source.read_text(file.path) if around.source else None) or ""


def by_line(
    file: Found, around: Around, reader: Callable[[str], Iterator[Line]]
) -> Iterator[Start]:
    """The starts of a file that holds one command a line."""
    text = _read(file, around)
    for line in reader(text):
        yield from _line(file, around, line)


def _line(file: Found, around: Around, line: Line) -> Iterator[Start]:
    if line.command and line.command[0] == "vercel" and len(line.command) == 2:
        yield Start(
            process="web",
            command=f"vercel {line.command[1]}",
            program="vercel",
            role="web",
            script_file=normal(".", line.command[1]),
            app_dir=file.folder,
            file=file.path,
            line=line.line,
        )
        return
    place = around.at(line.folder) if line.folder else around
    for start in parse(
        line.command, process=line.process, file=file.path, line=line.line,
        variables=line.variables, around=place,
    ):  # fmt: skip
        port = start.port or (line.port if start.role in ("web", "") else 0)
        yield msgspec.structs.replace(start, port=port, dev=start.dev or line.dev)


def _procfile(file: Found, around: Around) -> Iterator[Start]:
    """The web process first; `release` is one that ends."""
    found = [
        msgspec.structs.replace(start, role="job") if start.process == "release" else start
        for start in by_line(file, around, read.procfile)
    ]
    yield from sorted(found, key=lambda start: start.process != "web")


def _azure(file: Found, around: Around) -> Iterator[Start]:
    if file.path.endswith(".txt"):
        yield from by_line(file, around, platforms.azure)
    elif file.path.endswith(".sh"):
        name = file.path.rpartition("/")[2]
        yield from parse(
            ("bash", name), process="web", file=file.path, around=replace(around, strict=True)
        )


def _targets(reader: Callable[[str], Iterator[Line]]) -> Reader:
    """For files of many commands by name: those that run something that stays, the ones for
    production first. Of plain Python files and modules only those with a name that says so."""

    def starts(file: Found, around: Around) -> Iterator[Start]:
        found: list[Start] = []
        for start in by_line(file, replace(around, strict=True), reader):
            named = _RUNS.search(start.process) is not None
            plain = start.program in ("python", "") or start.role == ""
            if start.role in ("job", "frontend") or (plain and not named):
                continue
            dev = start.dev or _DEV_NAME.search(start.process) is not None
            found.append(
                msgspec.structs.replace(start, dev=dev or start.option("reload") is not None)
            )
        yield from sorted(
            found, key=lambda start: (start.dev, _PROD_NAME.search(start.process) is None)
        )

    return starts


def _readme(file: Found, around: Around) -> Iterator[Start]:
    if file.path.count("/") > 1:
        return
    seen: set[tuple[str, ...]] = set()
    for start in by_line(file, replace(around, strict=True, follows=False), read.readme):
        what = (start.module, start.attr, start.script_file, start.run_module, start.script)
        if (start.program, *what) in seen:
            continue
        seen.add((start.program, *what))
        if start.role not in ("job", "frontend") and start.run_module not in _PRINTS_ONLY:
            yield start


def _gunicorn(file: Found, around: Around) -> Iterator[Start]:
    source = around.source
    if source is None or not any(
        s.name == "wsgi_app" for s in gunicorn_conf.read(source, file.path)
    ):
        return
    name = file.path.rpartition("/")[2]
    for start in parse(("gunicorn", "-c", name), process="web", file=file.path, around=around):
        line = next(s.line for s in gunicorn_conf.read(source, file.path) if s.name == "wsgi_app")
        yield msgspec.structs.replace(start, line=line)


def _uwsgi(file: Found, around: Around) -> Iterator[Start]:
    text = _read(file, around)
    name = file.path.rpartition("/")[2]
    for start in parse(("uwsgi", "--ini", name), process="web", file=file.path, around=around):
        if start.module or start.script_file:
            line = next(
                (
                    n
                    for key in ("module", "wsgi-file", "mount", "wsgi")
                    if (n := read.line_of(text, key))
                ),
                1,
            )
            yield msgspec.structs.replace(start, line=line)


def _systemd(file: Found, around: Around) -> Iterator[Start]:
    name = file.path.rpartition("/")[2].removesuffix(".service")
    for start in by_line(file, around, read.systemd):
        yield msgspec.structs.replace(start, process=start.process or name)


def _langgraph(file: Found, around: Around) -> Iterator[Start]:
    """A LangGraph server for the graphs that the file names; the first one stands for them."""
    text = _read(file, around)
    data = read.parse_json(text)
    graphs = data.get("graphs") if isinstance(data, dict) else None
    for graph in list(graphs.values())[:1] if isinstance(graphs, dict) else ():
        written = graph.get("path") if isinstance(graph, dict) else graph
        path, _, attr = str(written or "").rpartition(":")
        if path:
            yield Start(
                process="web",
                command="langgraph up",
                program="langgraph",
                attr=attr[:200],
                script_file=normal(".", path[:300]),
                options=(("command", "up"),),
                app_dir=file.folder,
                file=file.path,
                line=read.line_of(text, str(written)),
                role="web",
            )


def _launch(file: Found, around: Around) -> Iterator[Start]:
    yield from by_line(file, around, read.launch_json)


def pyproject(file: Found, around: Around) -> Iterator[Start]:
    """The apps, tasks and scripts that a pyproject.toml names."""
    tables = project.pyproject(_read(file, around))
    for app in tables.apps:
        target = parse_target(app.target) or file_target(app.target)
        if target is None:
            continue
        start = Start(
            process="web", command=app.target, program=app.name, module=target[0], attr=target[1],
            app_dir=file.folder, file=file.path, line=app.line, role="web",
            origin=f"tool.{app.name}",
        )  # fmt: skip
        yield start
    tasks = [
        Line(
            process=row.name, command=row.target, line=row.line, folder=row.folder,
            variables=row.variables,
        )
        for row in tables.tasks
    ]  # fmt: skip
    yield from _targets(lambda _: iter(tasks))(file, around)
    yield from _scripts(file, tables.scripts)


def setup(file: Found, around: Around) -> Iterator[Start]:
    """The scripts that a setup.cfg or setup.py installs."""
    reader = project.setup_cfg if file.path.endswith(".cfg") else project.setup_py
    yield from _scripts(file, reader(_read(file, around)).scripts)


def _scripts(file: Found, rows: tuple[Named, ...]) -> Iterator[Start]:
    """The scripts that the app installs; whether one of them serves its source tells."""
    for row in rows:
        target = parse_target(row.target)
        if target is not None:
            yield Start(
                process=row.name,
                command=row.name,
                script=row.name,
                module=target[0],
                attr=target[1],
                app_dir=file.folder,
                file=file.path,
                line=row.line,
                origin="scripts",
            )


def variables(file: Found, around: Around) -> Iterator[Start]:
    """FLASK_APP and DJANGO_SETTINGS_MODULE; no other variable of these files is looked at."""
    text = _read(file, around)
    for name, value, line in read.variables(text):
        flask = name == "FLASK_APP"
        target = file_target(value) if flask else parse_target(value)
        if target is None:
            continue
        start = Start(
            process="web", command=f"{name}={value}"[:200], program="flask" if flask else "django",
            module=target[0] if flask else "", attr=target[1], arguments=target[2],
            options=() if flask else (("settings", target[0]),), app_dir=file.folder,
            file=file.path, line=line, role="web", origin=name,
        )  # fmt: skip
        yield start


READERS: dict[str, tuple[str, Reader]] = {
    "procfile": ("Procfile", _procfile),
    "azure": ("azure", _azure),
    "gunicorn": ("gunicorn.conf.py", _gunicorn),
    "uwsgi": ("uwsgi.ini", _uwsgi),
    "langgraph": ("langgraph.json", _langgraph),
    "supervisor": ("supervisord", lambda file, around: by_line(file, around, read.supervisor)),
    "systemd": ("systemd", _systemd),
    "make": ("Makefile", _targets(read.makefile)),
    "just": ("justfile", _targets(read.justfile)),
    "taskfile": ("Taskfile", _targets(platforms.taskfile)),
    "package": ("package.json", _targets(read.package_json)),
    "readme": ("README", _readme),
    "launch": ("launch.json", _launch),
}
