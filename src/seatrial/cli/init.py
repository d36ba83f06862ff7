"""`seatrial init`: a first seatrial.toml."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from seatrial.cli.common import HERE, AppDir, Json, StateDir, out, run
from seatrial.kernel.started import Started

app = typer.Typer(add_completion=False, rich_markup_mode=None)

Force = Annotated[bool, typer.Option("--force", help="Replace a seatrial.toml that is there.")]


@app.command()
def init(
    app_dir: AppDir = HERE,
    force: Force = False,
    as_json: Json = False,
    state_dir: StateDir = None,
) -> None:
    """Write APP/seatrial.toml: every setting with its default, and what was found in the source.

    The app is read, never run. A file that is there is kept, unless --force is given. Change what
    you know better, such as requests_per_day, and run `seatrial plan` or `seatrial ship`.
    """
    run(app_dir, state_dir, as_json, lambda p: p.init(force=force), _show)


def _show(made: Started) -> None:
    out.print(f"wrote [bold]{escape(made.file)}[/bold]", soft_wrap=True)
    out.print(f"  set from the source: {', '.join(made.set_from_source) or 'nothing'}")
    out.print(f"next: state your traffic in {Path(made.file).name}, then `seatrial plan`")
