"""What a command leaves open, filled in from the files beside it: folders, configuration."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec.structs import replace

from seatrial.profiler.declared import gunicorn_conf
from seatrial.profiler.declared import lines as read
from seatrial.profiler.declared.options import unsecret
from seatrial.profiler.declared.places import Around, inside, module_folder, script
from seatrial.profiler.declared.programs import Run, from_settings
from seatrial.profiler.declared.project import Named
from seatrial.profiler.declared.shell import expand
from seatrial.profiler.declared.start import Start
from seatrial.profiler.declared.targets import parse_target, port
from seatrial.profiler.modules import join

# Where the `fastapi` and `flask` commands look when they are given nothing.
_FASTAPI = ("main.py", "app.py", "api.py", "app/main.py", "app/app.py", "app/api.py")
_FLASK = ("wsgi", "app")


def settle(
    start: Start, run: Run, around: Around, variables: Mapping[str, str], named: Named | None
) -> Start:
    """The start with its target, its folder, and what configuration files add to its options."""
    if run.program == "gunicorn":
        start, run = _gunicorn(start, run, around, variables)
    elif run.program == "uwsgi" and run.config:
        start, run = _uwsgi(start, run, around)
    run = _defaults(run, around)
    if named is not None:
        target = parse_target(named.target)
        if target is not None:
            run = replace(run, module=target[0], attr=target[1])
    if run.script_file:
        folder, file = script(around.at(run.folder), run.script_file)
        return replace(start, script_file=file, attr=run.attr, app_dir=folder, factory=run.factory)
    folders = [run.folder or ".", *_pythonpath(run, variables), *([] if not run.folder else ["."])]
    return replace(
        start, module=run.module, attr=run.attr, arguments=run.arguments, factory=run.factory,
        app_dir=module_folder(around, run.module or run.run_module, folders),
    )  # fmt: skip


def _pythonpath(run: Run, variables: Mapping[str, str]) -> list[str]:
    written = variables.get("PYTHONPATH", "")
    written += "," + next(
        (value for name, value in run.options if name in ("pythonpath", "pp")), ""
    )
    entries = [one.strip() for one in written.replace(":", ",").split(",")][:10]
    return [one for one in entries if one and "$" not in one]


def _defaults(run: Run, around: Around) -> Run:
    source = around.source
    if source is None or run.module or run.script_file or run.role != "web":
        return run
    here = inside(around.at(run.folder), ".")
    if run.program == "fastapi":
        found = next((file for file in _FASTAPI if join(here, file) in source), "")
        return replace(run, script_file=found) if found else run
    if run.program == "flask":
        module = next((name for name in _FLASK if join(here, f"{name}.py") in source), "")
        return replace(run, module=module) if module else run
    return run


def _gunicorn(
    start: Start, run: Run, around: Around, variables: Mapping[str, str]
) -> tuple[Start, Run]:
    source = around.source
    if source is None:
        return start, run
    path = inside(around, run.config.removeprefix("file:") or "gunicorn.conf.py")
    if run.config.startswith("python:"):
        path = inside(around, run.config.removeprefix("python:").replace(".", "/") + ".py")
    if path not in source:
        return start, run
    given = dict(start.options)
    added: list[tuple[str, str]] = []
    for setting in gunicorn_conf.read(source, path):
        name = setting.name.replace("_", "-")
        value = expand(setting.value, variables) if setting.constant else setting.value
        if name == "wsgi-app" and not run.module:
            target = parse_target(value)
            if target is not None:
                module, attr, arguments = target
                run = replace(run, module=module, attr=attr or "application", arguments=arguments)
        elif name == "chdir" and not run.folder:
            run = replace(run, folder=value)
        elif name not in given:
            added.append((name, value))
            if name == "bind" and not start.port:
                start = replace(start, port=port(value))
    options = [(n, v) for n, v in start.options if n != "config"]
    return replace(start, options=(*options, ("config", path), *unsecret(added))), run


def _uwsgi(start: Start, run: Run, around: Around) -> tuple[Start, Run]:
    source = around.source
    path = inside(around, run.config)
    if source is None or path not in source:
        return start, run
    settings = read.ini(source.read_text(path) or "").get("uwsgi", {})
    told = from_settings({name.strip(): value.strip() for name, value in settings.items()})
    options = (
        *(pair for pair in start.options if pair[0] != "ini"),
        ("config", path),
        *unsecret(told.options),
    )
    start = replace(start, options=options, port=start.port or told.port)
    if run.module or run.script_file:
        return start, run
    return start, replace(
        told, options=run.options, folder=run.folder or told.folder, config=run.config
    )
