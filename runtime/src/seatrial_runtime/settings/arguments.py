"""What was asked for on the command line. Its help is the first thing most people read."""

import argparse
from collections.abc import Sequence
from dataclasses import dataclass, field

from seatrial_runtime import __version__
from seatrial_runtime.settings import options as the

_DESCRIPTION = """\
Start an unmodified Python app the way production needs it: probes, metrics, JSON logs,
limits, worker processes that fit the container, and a stop that loses no request.
"""

_MAIN_EPILOG = """\
examples:
  seatrial-run web myapp.web:app
  seatrial-run web myapp:create_app --factory --bind 0.0.0.0:8000
  seatrial-run streamlit app.py
  seatrial-run gradio app.py:demo
  seatrial-run worker -- celery -A myapp worker
  seatrial-run command --port-env PORT -- node server.js
  seatrial-run config web myapp.web:app --environment production

`seatrial-run web --help` lists the options. Each is looked for in this order, and the first
that has it wins: the flag; the variable in brackets; the file .env; the secrets source;
[runtime] in seatrial.toml; the default of the environment.
"""

_EXIT_CODES = """\
exit codes: 0 stopped in good order; 1 the app did not become ready, or its processes kept
dying; 2 an option, an address or the app itself cannot be used; 75 the secrets source does
not answer now; 128+N a second signal N cut the stop short
"""

_COMMANDS = (
    ("web", "a WSGI or ASGI app: Flask, Django, FastAPI, ..."),
    ("streamlit", "a Streamlit script"),
    ("gradio", "a Gradio script"),
    ("worker", "a program that works off tasks: Celery, RQ, ..."),
    ("command", "a program that listens by itself"),
)

_TARGETS = {
    "web": ("MODULE:ATTR", "the app, like myapp.web:app"),
    "streamlit": ("SCRIPT", "the app, like app.py"),
    "gradio": ("SCRIPT[:NAME]", "the app, like app.py or app.py:demo"),
    "worker": ("-- PROGRAM ...", "the program and its arguments"),
    "command": (
        "-- PROGRAM ...",
        "the program and its arguments; {port} in one stands for the port",
    ),
}

_EXAMPLES = {
    "web": "seatrial-run web myapp.web:app --workers 2 --rate-limit 100/min",
    "streamlit": "seatrial-run streamlit app.py --bind 0.0.0.0:8501",
    "gradio": "seatrial-run gradio app.py:demo --bind 0.0.0.0:7860",
    "worker": "seatrial-run worker --graceful-timeout-s 300 -- celery -A myapp worker",
    "command": "seatrial-run command -- node server.js --port {port}",
}

_GROUPS = (
    ("starting", the.START),
    ("processes", the.PROCESSES),
    ("probes", the.PROBES),
    ("stopping", the.STOPPING),
    ("limits", the.LIMITS),
    ("logs", the.TELLING),
)


@dataclass(frozen=True)
class Asked:
    """One command line. `flags` holds the options given, by name; `show` is `config`."""

    command: str
    target: str = ""
    argv: tuple[str, ...] = ()
    flags: dict[str, str] = field(default_factory=dict)
    show: bool = False
    as_json: bool = False


def parse(argv: Sequence[str]) -> Asked:
    """Read a command line; prints help or what is wrong and leaves as argparse does, with 2."""
    found = vars(_parser(argv[0] if argv else "").parse_args(argv))
    command = str(found.pop("command"))
    if command == "config":
        words = list(found["of"])
        if words and words[-1] == "--json":
            words, found["json"] = words[:-1], True
        # Without a command line the target is made up; it is not shown.
        asked = parse(words) if words else Asked("web", "app:app")
        return Asked(asked.command, asked.target, asked.argv, asked.flags, True, found["json"])
    target, program = str(found.pop("target", "")), found.pop("argv", [])
    flags = {name: str(value) for name, value in found.items() if value is not None}
    return Asked(command, target, tuple(program), flags)


def _parser(command: str) -> argparse.ArgumentParser:
    """The parser; of the subcommands, only the one that is asked for gets its options."""
    parser = argparse.ArgumentParser(
        prog="seatrial-run",
        description=_DESCRIPTION,
        epilog=_MAIN_EPILOG + "\n" + _EXIT_CODES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("-V", "--version", action="version", version=f"%(prog)s {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, about in _COMMANDS:
        sub = commands.add_parser(
            name,
            help=about,
            usage=f"seatrial-run {name} [OPTION ...] {_TARGETS[name][0]}",
            description=f"Run {about}",
            epilog=f"example:\n  {_EXAMPLES[name]}\n\n{_EXIT_CODES}",
            formatter_class=argparse.RawDescriptionHelpFormatter,
            allow_abbrev=False,
        )
        if name == command:
            _add_options(sub, name)
            _add_target(sub, name)
    config = commands.add_parser(
        "config",
        help="show every option as it is settled, and where it comes from",
        description="Show every option as it is settled, and where it comes from. Secrets are "
        "masked. Nothing is started.",
        epilog="example:\n  seatrial-run config web myapp.web:app --environment production",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    config.add_argument("--json", action="store_true", help="as one JSON document")
    config.add_argument(
        "of",
        metavar="COMMAND ...",
        nargs=argparse.REMAINDER,
        help="the command line it would be run with; without one, `web`",
    )
    return parser


def _add_target(parser: argparse.ArgumentParser, command: str) -> None:
    metavar, about = _TARGETS[command]
    if command in the.APPS:
        parser.add_argument("target", metavar=metavar, help=about)
    else:
        parser.add_argument("argv", metavar=metavar, nargs=argparse.REMAINDER, help=about)


def _add_options(parser: argparse.ArgumentParser, command: str) -> None:
    for title, options in _GROUPS:
        group = parser.add_argument_group(title)
        for option in options:
            if option.only and command not in option.only:
                if option.name == "workers" and command in the.APPS:
                    # Refused later, with the reason, which argparse could not give.
                    parser.add_argument(option.flag, help=argparse.SUPPRESS)
                continue
            text = f"{option.help} ({_default(option)}) [{option.variable}]".replace("%", "%%")
            if option.metavar:
                group.add_argument(option.flag, metavar=option.metavar, help=text)
            else:
                group.add_argument(option.flag, action="store_const", const="true", help=text)


def _default(option: the.Option) -> str:
    parts = [f"default {option.default or 'none'}"]
    parts += [f"{value} in {name}" for name, value in option.by_environment.items()]
    return ", ".join(parts)
