"""The command line: `seatrial-run web MODULE:ATTR`."""

import argparse
import sys
from collections.abc import Sequence

from seatrial_runtime import __version__
from seatrial_runtime.address import AddressError
from seatrial_runtime.settings import OPTIONS, SettingsError, make_settings
from seatrial_runtime.supervisor import Supervisor

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
    web = commands.add_parser(
        "web",
        help="run a WSGI app",
        description="Run a WSGI app with probes and a graceful drain.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    web.add_argument("target", metavar="MODULE:ATTR", help="the app, like myapp.web:app")
    for option in OPTIONS:
        text = f"{option.help} (default {option.default}) [{option.variable}]"
        if option.metavar:
            web.add_argument(option.flag, metavar=option.metavar, help=text)
        else:
            web.add_argument(option.flag, action="store_const", const="true", help=text)
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; returns the process exit code."""
    parser = _parser()
    arguments = vars(parser.parse_args(argv))
    del arguments["command"]
    try:
        settings = make_settings(arguments.pop("target"), arguments)
        with Supervisor(settings) as supervisor:
            return supervisor.run()
    except (SettingsError, AddressError) as error:
        print(f"{parser.prog}: {error}", file=sys.stderr)
        return 2
