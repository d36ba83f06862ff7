"""One simple command, taken apart: which program it is and what that is told to run."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import PurePosixPath
from typing import Any, cast

from msgspec.structs import replace

from seatrial.kernel.values import Value
from seatrial.profiler.declared import options as opt
from seatrial.profiler.declared.options import Given, Program
from seatrial.profiler.declared.start import Role
from seatrial.profiler.declared.targets import file_target, parse_target, port

_PYTHON = re.compile(r"(?:python|pypy|py)[\d.]*(?:\.exe)?")
_DJANGO_DEV = frozenset({"runserver", "runserver_plus", "runsslserver"})
_MIGRATES = frozenset({"migrate", "upgrade", "migrate_schemas", "create_db", "syncdb"})
_PORTS = ("bind", "port", "server.port", "http-port", "http", "http-socket", "https", "listen",
          "backend-port", "web-port", "socket")  # fmt: skip
_PORT_VARIABLES = {
    "flask": "FLASK_RUN_PORT", "streamlit": "STREAMLIT_SERVER_PORT", "uvicorn": "UVICORN_PORT",
    "gunicorn": "PORT", "next": "PORT", "chainlit": "CHAINLIT_PORT", "granian": "GRANIAN_PORT",
    "hypercorn": "", "litestar": "LITESTAR_PORT", "gradio": "GRADIO_SERVER_PORT",
}  # fmt: skip


class Run(Value):
    """What one simple command runs; the fields are those of a Start.

    `folder` is where the program goes or looks first (`--chdir`), relative to where it is
    started; `known` says that the program is one of the table, or Python.
    """

    program: str = ""
    module: str = ""
    attr: str = ""
    arguments: str = ""
    factory: bool = False
    script_file: str = ""
    run_module: str = ""
    script: str = ""
    folder: str = ""
    port: int = 0
    options: tuple[tuple[str, str], ...] = ()
    role: Role = ""
    migrates: bool = False
    dev: bool = False
    config: str = ""


def take_apart(words: Sequence[str], variables: Mapping[str, str]) -> Run | None:
    """What the words run; none when the program is not known."""
    name = PurePosixPath(words[0]).name if words else ""
    if name in opt.names().aliases:
        words = (*opt.names().aliases[name], *words[1:])
        name = words[0]
    if _PYTHON.fullmatch(name):
        return _python(words[1:], variables)
    if name in ("manage.py", "django-admin", "django-admin.py"):
        return _django(words[0], words[1:])
    if name.endswith(".py") and not name.startswith("-"):
        return Run(program="python", script_file=words[0], options=_rest(words[1:]))
    program = opt.programs().get(name)
    if program is None:
        return None
    if name == "uwsgi":
        return _uwsgi(opt.read(words[1:], program.values, program.switches))
    return _known(program, words[1:], variables)


def _rest(words: Sequence[str]) -> tuple[tuple[str, str], ...]:
    """Options of a program nobody knows: `--name value` is taken for a pair."""
    names = {word: word[2:] for word in words if word.startswith("--") and "=" not in word}
    pairs: list[tuple[str, str]] = []
    for word, after in zip(words, [*words[1:], "-"], strict=False):
        if word in names:
            pairs.append((names[word], "" if after.startswith("-") else after))
        elif word.startswith("--"):
            name, _, value = word[2:].partition("=")
            pairs.append((name, value))
    return tuple(pairs[: opt.WORDS_MAX])


def _python(words: Sequence[str], variables: Mapping[str, str]) -> Run | None:
    at = 0
    while at < len(words) and words[at].startswith("-"):
        word = words[at]
        if word == "-m" and at + 1 < len(words):
            return _module(words[at + 1], words[at + 2 :], variables)
        if word.startswith("-m") and len(word) > 2:
            return _module(word[2:], words[at + 1 :], variables)
        if word in ("-c", "-", "-V", "--version"):
            return Run(program="python", role="job")
        at += 2 if word in ("-X", "-W", "--check-hash-based-pycs") else 1
    if at >= len(words):
        return None
    file, rest = words[at], words[at + 1 :]
    name = PurePosixPath(file).name
    if name == "manage.py":
        return _django(file, rest)
    if name == "setup.py":
        return Run(program="python", role="job")
    # A folder or archive holds a __main__.py.
    return Run(program="python", script_file=file, options=_rest(rest), port=_port(_rest(rest)))


def _module(module: str, rest: Sequence[str], variables: Mapping[str, str]) -> Run | None:
    name = opt.names().modules.get(module, module)
    if name == "manage":
        return _django("manage.py", rest)
    if name == "django":
        return _django("django-admin", rest)
    if name in opt.names().module_tools:
        return Run(program="python", role="job")
    if name in opt.programs() or name in opt.names().aliases:
        return take_apart((name, *rest), variables)
    given = _rest(rest)
    return Run(program="python", run_module=module, options=given, port=_port(given))


def _django(file: str, rest: Sequence[str]) -> Run:
    command = next((word for word in rest if not word.startswith("-")), "")
    after = list(rest[rest.index(command) + 1 :]) if command else []
    ends = not command or command in opt.names().django_jobs
    role = cast(Role, opt.names().django.get(command, "job" if ends else ""))
    if command in ("rq", "celery", "procrastinate") and after and after[0] in ("scheduler", "beat"):
        role = "scheduler"
    given = _rest([word for word in rest if word != command])
    number = 0
    if role == "web":
        number = next((port(word) for word in after if port(word)), 0)
        number = number or _port(given)
    address = next((word for word in after if not word.startswith("-") and port(word)), "")
    return Run(
        program="django", script_file=file if file.endswith(".py") else "",
        script="" if file.endswith(".py") else "django-admin",
        options=(("command", command), *((("bind", address),) if address else ()), *given),
        port=number, role=role, migrates=command in _MIGRATES, dev=command in _DJANGO_DEV,
    )  # fmt: skip


def _known(program: Program, words: Sequence[str], variables: Mapping[str, str]) -> Run:
    extra = variables.get("GUNICORN_CMD_ARGS", "") if program.name == "gunicorn" else ""
    given = opt.read([*extra.split(), *words], program.values, program.switches)
    free, found, role = list(given.free), list(given.options), program.role
    command = ""
    if program.commands:
        if not free and program.name in ("celery", "bun", "yarn", "npm"):
            return Run(program=program.name, role="job", options=given.options)
        command = free.pop(0) if free else ""
        role = program.commands.get(command, "job")
        found.insert(0, ("command", command))
    elif program.role == "job":
        return Run(
            program=program.name, role="job", options=given.options,
            migrates=any(word in program.migrates for word in free),
        )  # fmt: skip
    migrates = program.name == "flask" and command == "db" and free[:1] == ["upgrade"]
    if program.name == "celery" and command == "worker" and given.option("beat") is not None:
        role = "worker"
    if program.name == "rq" and command == "worker":
        found += [("queue", word) for word in free[:10]]
    if program.name in ("npm", "yarn", "pnpm", "bun") and free:
        found.append(("script", free[0]))
    run = Run(
        program=program.name, role=role, migrates=migrates,  # type: ignore[arg-type]
        dev=program.always_dev or command in program.dev,
        options=tuple(found), port=_port(found) or _port_of(program.name, role, variables, found),
        folder=given.option("chdir", "app-dir", "workdir", "working-dir") or "",
        config=given.option("config") or "" if program.name in ("gunicorn", "hypercorn") else "",
    )  # fmt: skip
    if role == "job":
        return run
    return _with_target(run, program, free, given, variables)


def _with_target(
    run: Run, program: Program, free: list[str], given: Given, variables: Mapping[str, str]
) -> Run:
    """Add what is run, from the free words or from the option that names it."""
    fields: dict[str, Any] = {}
    named = given.option(program.target_of) if program.target_of else None
    if program.name in ("flask", "quart", "litestar") and named is None:
        named = variables.get(f"{program.name.upper()}_APP", "")
    factory = given.option("factory") is not None
    target: tuple[str, str, str] | None = None
    if named:
        target = file_target(named) if program.name != "fastapi" else parse_target(named)
    elif program.name == "waitress-serve" and given.option("app"):
        target = parse_target(given.option("app") or "")
    elif program.target == "module":
        target = next(filter(None, map(_without_kind, free[:6])), None)
    elif program.target == "dotted" and free:
        module, _, attr = free[0].rpartition(".")
        target = parse_target(f"{module}:{attr}" if module else free[0])
    elif program.target in ("file", "either") and free:
        return _file(run, program, free[0], given)
    if target is not None:
        module, attr, arguments = target
        if program.target == "module" and not attr and program.name != "dramatiq":
            attr = program.attr
        called = program.name == "waitress-serve" and given.option("call") is not None
        fields = {
            "module": module, "attr": attr, "arguments": arguments,
            "factory": factory or called or "(" in (named or "".join(free)),
        }  # fmt: skip
    return replace(run, **fields)


def _without_kind(word: str) -> tuple[str, str, str] | None:
    """Hypercorn's `asgi:module:attr`."""
    for kind in ("asgi:", "wsgi:"):
        if word.startswith(kind) and word.count(":") > 1:
            word = word.removeprefix(kind)
    return parse_target(word)


def _file(run: Run, program: Program, word: str, given: Given) -> Run:
    path, colon, attr = word.partition(":")
    if not path.endswith((".py", ".ipynb", ".md")) and program.name in (
        "sanic",
        "bentoml",
        "shiny",
    ):
        target = parse_target(word)
        if target is None and program.name == "sanic":
            return run
        if target is not None:
            module, name, arguments = target
            if program.name == "sanic" and not colon and "." in module:
                module, _, name = module.rpartition(".")
            return replace(
                run, module=module, attr=name or program.attr, arguments=arguments,
                factory=given.option("factory") is not None,
            )  # fmt: skip
    attribute = attr or (given.option("app") or "" if program.name == "fastapi" else "")
    return replace(run, script_file=path, attr=attribute)


def _uwsgi(given: Given) -> Run:
    module = given.option("module", "wsgi") or ""
    mount = (given.option("mount") or "").partition("=")[2]
    file = given.option("wsgi-file", "file") or ""
    target = parse_target(module or mount) if not mount.endswith(".py") else file_target(mount)
    callable_name = given.option("callable") or ""
    config = given.option("ini") or next((w for w in given.free if w.endswith(".ini")), "")
    fields: dict[str, Any] = {}
    if target is not None:
        fields = {
            "module": target[0], "attr": target[1] or callable_name or "application",
            "arguments": target[2], "factory": "(" in module,
        }  # fmt: skip
    elif file:
        fields = {"script_file": file, "attr": callable_name or "application"}
    run = Run(
        program="uwsgi", role="web", options=given.options, port=_port(given.options),
        folder=given.option("chdir") or "", config=config,
    )  # fmt: skip
    return replace(run, **fields)


def _port(pairs: Sequence[tuple[str, str]]) -> int:
    for name, value in pairs:
        if name in _PORTS and port(value):
            return port(value)
    return 0


def _port_of(
    name: str, role: str, variables: Mapping[str, str], given: Sequence[tuple[str, str]]
) -> int:
    """The port that a variable of the environment gives, where no option says another."""
    if role not in ("web", "frontend") or any(option in _PORTS for option, _ in given):
        return 0
    return port(variables.get(_PORT_VARIABLES.get(name, ""), ""))


def from_settings(settings: Mapping[str, str]) -> Run:
    """What a uWSGI configuration runs, from its keys and values."""
    pairs = [word for name, value in settings.items() for word in (f"--{name}", value)]
    program = opt.programs()["uwsgi"]
    return _uwsgi(opt.read(pairs, program.values | {f"--{n}": n for n in settings}, {}))
