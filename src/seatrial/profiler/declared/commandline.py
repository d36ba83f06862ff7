"""A command line as people write it, taken apart into what it starts.

All simple commands of the line are seen. Scripts that it runs are opened and read the same way,
and so are the targets of `make run`, the scripts of `npm start`, the processes of
`honcho start` and of supervisord. Nothing is run.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import PurePosixPath
from typing import Literal

import msgspec

from seatrial.profiler.declared import options as opt
from seatrial.profiler.declared.flow import Simple, commands, functions
from seatrial.profiler.declared.follow import PYTHON, SHELLS, Led, lead, task
from seatrial.profiler.declared.places import Around
from seatrial.profiler.declared.programs import Run, take_apart
from seatrial.profiler.declared.settled import settle
from seatrial.profiler.declared.shell import Token, expand, scan
from seatrial.profiler.declared.start import Start, Step
from seatrial.profiler.declared.wrappers import Unwrapped, assignment, unwrap
from seatrial.profiler.modules import join, locate

DEPTH_MAX = 6
SEEN_MAX = 600
STARTS_MAX = 20
STEPS_MAX = 60
_NAME = re.compile(r"[A-Za-z][\w.-]{1,60}")
_REFERENCE = re.compile(r"\$(?:\w+|\{[^{}]{1,200}\})")
_VARIABLES = re.compile(
    r"(?:FLASK|DJANGO|UVICORN|STREAMLIT|GRADIO|CHAINLIT|LITESTAR|SANIC|GRANIAN)_[A-Z_]+"
    r"|PORT|HOST|PYTHONPATH|WEB_CONCURRENCY|GUNICORN_CMD_ARGS|C_FORCE_ROOT|PYTHONUNBUFFERED"
)


@dataclass
class _Reading:
    """What was found on one command line so far; `stays` are the starts that stay for certain."""

    process: str
    written: str
    starts: list[Start] = field(default_factory=list)
    steps: list[Step] = field(default_factory=list)
    stays: set[int] = field(default_factory=set)
    seen: int = 0


@dataclass
class _Shell:
    """A shell while its commands are read: where it is, what it knows, who waits for it.

    `bare` says that no shell is there (words that are run as they are), `ends` that the shell
    becomes its last command, as bash does with `-c`, `passes` that signals reach all
    processes. `open` are the scripts being read.
    """

    around: Around
    file: str
    variables: dict[str, str]
    arguments: tuple[str, ...] | None = None
    functions: Mapping[str, tuple[Token, ...]] = field(default_factory=dict)
    open: tuple[str, ...] = ()
    waits: bool = False
    passes: bool = False
    bare: bool = False
    ends: bool = False
    trap: bool = False
    background: bool = False
    managed: bool = False
    conditional: bool = False
    line: int = 0
    depth: int = 0


def parse(
    command: str | Sequence[str],
    *,
    process: str = "",
    file: str = "",
    line: int = 0,
    variables: Mapping[str, str] | None = None,
    around: Around | None = None,
) -> tuple[Start, ...]:
    """What a command line starts: servers for production before those for development.

    Text is read as a shell reads it, words are taken as they are. Migrations and the like are
    among the `steps`; they are only starts (of role `job`) when the line starts nothing else.
    Never raises, whatever the text is.
    """
    around = around or Around()
    written = command if isinstance(command, str) else _joined(command)
    reading = _Reading(process, " ".join(opt.masked(written[:4_000]).split())[:1_000])
    shell = _Shell(
        around=around, file=file, variables=dict(variables or {}), line=line, ends=around.bash
    )
    if isinstance(command, str):
        _text(reading, shell, command, line)
    else:
        shell.bare = True
        words = tuple(str(word)[:4_000] for word in command[: opt.WORDS_MAX])
        _run(reading, shell, words, Simple(words=(), after="", line=line))
    steps = tuple(reading.steps)
    # A plain script before something else in the foreground ends by itself: it prepares.
    lasting = [
        start
        for at, start in enumerate(reading.starts)
        if start.role != "job" and (start.role or at in reading.stays or not _followed(reading, at))
    ]
    found = [msgspec.structs.replace(one, steps=steps) for one in lasting or reading.starts[:1]]
    return tuple(sorted(found, key=lambda start: (start.role == "frontend", start.dev)))


def _followed(reading: _Reading, at: int) -> bool:
    return any(start.role != "job" for start in reading.starts[at + 1 :])


def _joined(words: Sequence[str]) -> str:
    return " ".join(shlex.quote(word) if " " in word else word for word in map(str, words))


def _text(reading: _Reading, shell: _Shell, text: str, line: int) -> None:
    bodies, rest = functions(scan(text, max(line, 1)))
    shell.functions = {**shell.functions, **bodies}
    if shell.arguments is not None:
        _arguments(shell, shell.arguments)
    _walk(reading, shell, rest)


def _arguments(shell: _Shell, words: tuple[str, ...]) -> None:
    shell.arguments = words
    shell.variables.update({str(n + 1): (words[n] if n < len(words) else "") for n in range(9)})


def _walk(reading: _Reading, shell: _Shell, tokens: Sequence[Token]) -> None:
    for simple in commands(tokens, lambda token: expand(token.text, shell.variables)):
        reading.seen += 1
        if reading.seen > SEEN_MAX or len(reading.starts) >= STARTS_MAX:
            return
        words = _words(shell, simple.words)
        if words:
            _simple(reading, shell, words, simple)


def _words(shell: _Shell, tokens: Sequence[Token]) -> tuple[str, ...]:
    words: list[str] = []
    for token in tokens[: opt.WORDS_MAX]:
        if token.text in ("$@", "$*", "${@}", "${*}") and shell.arguments is not None:
            words += shell.arguments
            continue
        value = expand(token.text, shell.variables)
        if not token.quoted and _REFERENCE.fullmatch(token.text):
            words += value.split() if "$" not in value else [value]
        else:
            words.append(value)
    return tuple(words[: opt.WORDS_MAX])


def _simple(reading: _Reading, shell: _Shell, words: tuple[str, ...], simple: Simple) -> None:
    """One command of a shell: what it does to the shell itself, else what it runs."""
    name = words[0]
    given = [assignment(word) for word in words]
    if name in ("export", "declare", "readonly", "local", "typeset") or all(given):
        shell.variables.update(dict(pair for pair in given if pair is not None))
    elif name in ("cd", "pushd"):
        target = next((word for word in words[1:] if not word.startswith("-")), "")
        if target and "$" not in target:
            shell.around = shell.around.at(target)
    elif name == "trap":
        shell.trap = True
    elif name == "set" and words[1:2] == ("--",):
        _arguments(shell, words[2:])
    elif name == "shift":
        _arguments(shell, (shell.arguments or ())[1:])
    elif name == "wait":
        reading.steps.append(Step(words=words[:4], job="other", file=shell.file, line=simple.line))
    elif name in shell.functions and shell.depth < DEPTH_MAX:
        inner = replace(shell, depth=shell.depth + 1, variables=dict(shell.variables))
        inner.background = shell.background or simple.after == "&"
        inner.conditional = shell.conditional or simple.conditional
        _arguments(inner, words[1:])
        _walk(reading, inner, shell.functions[name])
    else:
        _run(reading, shell, words, simple)


def _run(reading: _Reading, shell: _Shell, words: tuple[str, ...], simple: Simple) -> None:
    """One command: follow it to where it leads, or take it apart."""
    un = unwrap(words)
    if not un.words or len(reading.steps) >= STEPS_MAX:
        return
    inner = replace(shell, variables={**shell.variables, **un.variables}, depth=shell.depth + 1)
    inner.around = shell.around.at(un.folder)
    becomes = un.replaces or shell.bare or (shell.ends and simple.last) or shell.trap
    inner.passes = shell.passes or un.passes
    inner.waits = shell.around.container and not inner.passes and (shell.waits or not becomes)
    inner.background = shell.background or simple.after == "&"
    inner.line = simple.line
    inner.conditional = shell.conditional or simple.conditional
    if shell.depth >= DEPTH_MAX:
        return
    name = PurePosixPath(un.words[0]).name
    text = _inner_text(name, un.words)
    if text is not None:
        inner.bare, inner.ends = False, name == "bash"
        rest = un.words[un.words.index(text) + 1 :]
        inner.arguments = rest[1:] if rest else inner.arguments
        _text(reading, inner, text, simple.line)
        return
    led = None
    if shell.around.follows:
        led = (task(un.words, inner.around) if un.runner else None) or lead(un.words, inner.around)
    if led is not None and led.language == PYTHON:
        un = msgspec.structs.replace(un, words=("python", *un.words))
    elif led is not None and _follow(reading, inner, led):
        return
    _command(reading, inner, un)


def _inner_text(name: str, words: Sequence[str]) -> str | None:
    """The text that `sh -c` runs, or a watcher that takes a command as one word."""
    flags = words[1:6]
    if name in SHELLS or name == "su":
        for at, word in enumerate(flags, 1):
            short = word.startswith("-") and not word.startswith("--") and word.endswith("c")
            if (short or word == "--command") and at + 1 < len(words):
                return words[at + 1]
    if name in ("watchfiles", "nodemon", "concurrently"):
        return next((word for word in words[1:] if " " in word), None)
    return None


def _follow(reading: _Reading, shell: _Shell, led: Led) -> bool:
    """Read what a command leads to; whether there was anything to start in it."""
    before = len(reading.starts) + len(reading.steps)
    path = led.script or led.file
    if path in shell.open or len(shell.open) >= DEPTH_MAX:
        return True
    inner = replace(shell, file=path, open=(*shell.open, path), bare=False, ends=False, trap=False)
    if led.script:
        source = shell.around.source
        inner.variables = dict(shell.variables)
        inner.arguments, inner.functions = led.arguments, {}
        _text(reading, inner, (source.read_text(path) if source else None) or "", 1)
        return True
    for line in led.lines:
        one = replace(inner, variables={**shell.variables, **line.variables})
        # A manager of processes hands signals on to them itself.
        one.waits, one.managed = False, True
        one.around = replace(shell.around.at(line.folder), container=False)
        kept, reading.process = reading.process, line.process or reading.process
        if isinstance(line.command, str):
            _text(reading, one, line.command, line.line)
        reading.process = kept
    return len(reading.starts) + len(reading.steps) > before


def _command(reading: _Reading, shell: _Shell, un: Unwrapped) -> None:
    """A command that leads nowhere else: a known program, an installed script, or neither."""
    words, around = un.words, shell.around
    name = PurePosixPath(words[0]).name
    run = take_apart(words, shell.variables)
    if around.strict and run is not None and words[0].endswith(".py") and "/" not in words[0]:
        return
    if run is None and name in around.scripts:
        run = Run(script=name)
    if run is None and name not in opt.names().tools:
        run, words = _wrapped(words, shell.variables)
        if run is None and not around.strict and _NAME.fullmatch(name):
            run, words = Run(script=name), un.words
            if name.endswith((".sh", ".js", ".jar", ".exe")):
                run = None
    if run is None:
        return
    shown = unwrap(words)
    variables = opt.unsecret([p for p in shell.variables.items() if _VARIABLES.fullmatch(p[0])])
    reading.steps.append(
        Step(
            words=opt.masked_words((("sudo",) if un.sudo else ()) + words[:60]),
            program=run.program,
            job=_job(run),
            background=shell.background,
            conditional=shell.conditional,
            dev=run.dev,
            variables=opt.unsecret(list(un.variables.items())),
            file=shell.file,
            line=shell.line,
        )
    )
    script = around.scripts.get(run.script)
    top = shell.file == "" or not shell.open
    start = Start(
        process=reading.process,
        command=reading.written if top else opt.masked(_joined(words))[:1_000],
        program=run.program,
        run_module=run.run_module,
        script=run.script,
        port=run.port,
        options=opt.unsecret(run.options),
        file=shell.file,
        line=shell.line,
        role=run.role,
        dev=run.dev or un.dev or shown.dev,
        waits=shell.waits and not shell.background,
        variables=variables,
    )
    settled = settle(start, run, around, shell.variables, script)
    if around.strict and not _there(around, settled):
        reading.steps.pop()
        return
    if shell.background or shell.managed:
        reading.stays.add(len(reading.starts))
    reading.starts.append(settled)


def _there(around: Around, start: Start) -> bool:
    """Whether what is started is in the app; texts for people also tell of other things."""
    source = around.source
    if source is None:
        return True
    if start.script_file:
        path = join(start.app_dir, start.script_file)
        return path in source or path in source.folders
    name = start.module or start.run_module
    # A celery app may be named with its attribute: shop.tasks.app.
    names = [name, name.rpartition(".")[0]] if name else []
    return not names or any(locate(source, one, start.app_dir) for one in names if one)


def _job(run: Run) -> Literal["", "migrate", "other"]:
    if run.migrates:
        return "migrate"
    return "other" if run.role == "job" else ""


def _wrapped(
    words: Sequence[str], variables: Mapping[str, str]
) -> tuple[Run | None, tuple[str, ...]]:
    """A command inside one that is not known: `start-nginx gunicorn shop:app`."""
    for at in range(1, min(len(words), 12)):
        if "/" in words[at] and not words[at].endswith(".py"):
            continue
        inner = unwrap(words[at:])
        run = take_apart(inner.words, variables) if inner.words else None
        if inner.words and inner.words[0].endswith(".py"):
            continue
        if (
            run is not None
            and run.role != "job"
            and (run.module or run.script_file or run.run_module)
        ):
            return run, inner.words
    return None, tuple(words)
