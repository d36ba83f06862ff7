"""The verbs as one command; each in the module of its name, imported only when it is called."""

from __future__ import annotations

import difflib
import importlib
import sys
from typing import Any

import typer
from typer.core import TyperGroup

from seatrial.cli.main import VERBS, help_text

WRONG_INPUT = 2


class Verbs(TyperGroup):
    """Finds a verb's command in its module; completion lists the names without importing."""

    def list_commands(self, ctx: Any) -> list[str]:
        return list(VERBS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        if cmd_name not in VERBS:
            return None
        command = typer.main.get_command(importlib.import_module(f"seatrial.cli.{cmd_name}").app)
        command.name = cmd_name
        return command

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        if args and args[0] not in VERBS and not args[0].startswith("-"):
            nearest = difflib.get_close_matches(args[0], VERBS, n=1)
            fix = f"did you mean `{nearest[0]}`?" if nearest else f"verbs are: {', '.join(VERBS)}"
            print(f"error: there is no verb {args[0]!r}\n  fix: {fix}", file=sys.stderr)
            raise typer.Exit(WRONG_INPUT)
        return super().resolve_command(ctx, args)

    def format_help(self, ctx: Any, formatter: Any) -> None:
        formatter.write(help_text())


app = typer.Typer(
    cls=Verbs,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.callback()
def root() -> None:
    """Take a Python AI application to production, and prove it."""
