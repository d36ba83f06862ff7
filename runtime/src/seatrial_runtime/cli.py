"""The command line: `seatrial-run web MODULE:ATTR` and `seatrial-run command -- PROGRAM ...`."""

import argparse
import sys
from collections.abc import Sequence

from seatrial_runtime import __version__
from seatrial_runtime.settings.settings import (
    Settings,
    SettingsError,
    make_command_settings,
    make_settings,
    options,
)
from seatrial_runtime.supervisor.address import AddressError
from seatrial_runtime.supervisor.supervisor import Supervisor

_EPILOG = """\
Each option can also be set by its environment variable (in brackets); the flag wins.

exit codes: 0 stopped in good order; 1 the app did not become ready, or its processes kept dying;
2 an option, an address or the app itself cannot be used; 128+N a second signal N cut the stop
short.
"""


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="seatrial-run", description=__doc__)
    parser.add_argument("--version", action="version", version=f"%(prog)s {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    web = _subcommand(
        commands, "web", "run a WSGI or ASGI app", "Run an app with probes and a graceful drain."
    )
    web.add_argument("target", metavar="MODULE:ATTR", help="the app, like myapp.web:app")
    program = _subcommand(
        commands,
        "command",
        "run a program that listens by itself",
        "Run a program that serves HTTP on the port of --bind, with probes and restarts.",
    )
    program.add_argument(
        "argv",
        metavar="-- PROGRAM ARGUMENT",
        nargs=argparse.REMAINDER,
        help="the program; {port} in an argument stands for the port",
    )
    return parser


def _subcommand(
    commands: "argparse._SubParsersAction[argparse.ArgumentParser]",
    name: str,
    short: str,
    description: str,
) -> argparse.ArgumentParser:
    parser = commands.add_parser(
        name,
        help=short,
        description=description,
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    for option in options(name):
        text = f"{option.help} (default {option.default or 'none'}) [{option.variable}]"
        if option.metavar:
            parser.add_argument(option.flag, metavar=option.metavar, help=text)
        else:
            parser.add_argument(option.flag, action="store_const", const="true", help=text)
    return parser


def _settings(arguments: dict[str, object]) -> Settings:
    flags = {name: str(value) for name, value in arguments.items() if value is not None}
    if arguments.pop("command") == "web":
        return make_settings(flags["target"], flags)
    argv = arguments["argv"]
    assert isinstance(argv, list)
    return make_command_settings(argv, flags)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; returns the process exit code."""
    parser = _parser()
    arguments = vars(parser.parse_args(argv))
    try:
        with Supervisor(_settings(arguments)) as supervisor:
            return supervisor.run()
    except (SettingsError, AddressError) as error:
        print(f"{parser.prog}: {error}", file=sys.stderr)
        return 2
