"""The `seatrial` command. Verbs are loaded when they are called, so `--help` answers at once."""

from __future__ import annotations

import importlib
import sys
from typing import Any

import typer
from typer.core import TyperGroup

from seatrial import __version__

VERBS = {
    "ship": "The whole loop: profile, plan, bundle, deploy here, measure, report.",
    "profile": "What is this app? Read it from its source; --measure also boots it.",
    "plan": "Where should it run, and for how much? Ranked designs and a report.",
    "bundle": "Write the Dockerfile and Terraform of the chosen design.",
    "deploy": "Run the app on this machine: replicas behind a proxy.",
    "status": "What runs, and is it healthy?",
    "logs": "Show what the replicas, the proxy and the engine wrote.",
    "stop": "Stop what runs and clean up what is left.",
    "trial": "Measure the promises: `trial load`.",
}


class Verbs(TyperGroup):
    """The verbs above, each in the module of its name, imported only when it is called."""

    def list_commands(self, ctx: Any) -> list[str]:
        return list(VERBS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        if cmd_name not in VERBS:
            return None
        module = importlib.import_module(f"seatrial.cli.{cmd_name}")
        command = typer.main.get_command(module.app)
        command.name = cmd_name
        return command

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        with formatter.section("Verbs"):
            formatter.write_dl(list(VERBS.items()))


app = typer.Typer(
    cls=Verbs,
    rich_markup_mode=None,
    no_args_is_help=True,
    add_completion=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="Start with `seatrial ship APP`, where APP is the folder of a Flask app. "
    "Exit codes: 0 done; 1 the answer is no; 2 the input is wrong; 75 try again.",
)


def _version(wanted: bool) -> None:
    if wanted:
        print(f"seatrial {__version__}")
        raise typer.Exit


@app.callback()
def root(
    version: bool = typer.Option(
        False, "--version", callback=_version, is_eager=True, help="Show the version and exit."
    ),
) -> None:
    """Take a Python AI application to production, and prove it."""


def main() -> None:
    """Run the command line; a closed pipe (`seatrial ... | head`) is not an error."""
    try:
        app()
    except BrokenPipeError:
        sys.stderr.close()
        sys.exit(0)
