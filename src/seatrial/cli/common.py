"""What all verbs share: their arguments, progress, JSON, and how errors end."""

from __future__ import annotations

import os
import re
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape

from seatrial.kernel.errors import SeatrialError, StorageError
from seatrial.kernel.values import to_json
from seatrial.pipeline import Pipeline

AppDir = Annotated[
    Path, typer.Argument(metavar="APP", help="Folder of the app.", show_default="this folder")
]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON document on stdout.")]
StateDir = Annotated[
    Path | None,
    typer.Option("--state-dir", help="Where to keep results.", show_default="APP/.seatrial"),
]
HERE = Path(".")

ANSWER_NO = 1
INTERRUPTED = 130
PIPED_EVERY_S = 10.0

out = Console(highlight=False, soft_wrap=False)
err = Console(stderr=True, highlight=False)


class Told:
    """Progress for a person: a spinner with the current step.

    Piped, a new step is a plain line and a step that only counts on is told every ten seconds;
    nothing of it goes to stdout.
    """

    def __init__(self) -> None:
        self._status = err.status("", spinner="dots") if err.is_terminal else None
        self._step = ""
        self._told_at = 0.0

    def __enter__(self) -> Callable[[str], None]:
        if self._status is not None:
            self._status.start()
        return self.tell

    def tell(self, text: str) -> None:
        """Say what is being done now."""
        if self._status is not None:
            self._status.update(escape(text))
            return
        step = re.split(r"\d|:", text, maxsplit=1)[0]
        if step != self._step or time.monotonic() - self._told_at > PIPED_EVERY_S:
            err.print(text, markup=False)
            self._step, self._told_at = step, time.monotonic()

    def __exit__(self, *_: object) -> None:
        if self._status is not None:
            self._status.stop()


def run(
    app_dir: Path,
    state_dir: Path | None,
    as_json: bool,
    work: Callable[[Pipeline], Any],
    show: Callable[[Any], None],
    answer: Callable[[Any], bool] = lambda _: True,
) -> None:
    """Run one verb on an app, as `perform` does."""
    perform(as_json, lambda tell: work(Pipeline(app_dir, state_dir, tell)), show, answer)


def perform(
    as_json: bool,
    work: Callable[[Callable[[str], None]], Any],
    show: Callable[[Any], None],
    answer: Callable[[Any], bool] = lambda _: True,
) -> None:
    """Run one verb: `work` makes a value, `show` tells it to a person, `answer` decides 0 or 1."""
    try:
        with Told() as tell:
            value = work(tell)
        if as_json:
            sys.stdout.buffer.write(to_json(value))
            sys.stdout.flush()
        else:
            show(value)
    except SeatrialError as error:
        _fail(error, as_json)
    except OSError as error:
        if isinstance(error, BrokenPipeError):
            raise
        _fail(
            StorageError(
                error.strerror or str(error),
                where=str(error.filename or ""),
                fix="free some space, or check the path and its mode",
            ),
            as_json,
        )
    except KeyboardInterrupt:
        err.print("interrupted", style="yellow")
        # Skips atexit hooks of libraries that would wait for their threads.
        sys.stdout.flush()
        os._exit(INTERRUPTED)
    if not answer(value):
        raise typer.Exit(ANSWER_NO)


def _fail(error: SeatrialError, as_json: bool) -> None:
    if as_json:
        told = {"what": error.what, "where": error.where, "fix": error.fix}
        sys.stdout.buffer.write(to_json({"error": told, "exit_code": error.exit_code}))
        sys.stdout.flush()
    place = f"{error.where}: " if error.where else ""
    err.print(f"error: {place}{error.what}", style="bold red", markup=False, soft_wrap=True)
    if error.fix:
        err.print(f"  fix: {error.fix}", markup=False, soft_wrap=True)
    raise typer.Exit(error.exit_code)
