"""`seatrial prices`: which prices are in force, and fetching newer ones."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from seatrial import pricelists
from seatrial.cli import prices_view
from seatrial.cli.common import HERE, AppDir, Json, perform

if TYPE_CHECKING:
    from seatrial.catalog.refresh.run import Refresh

app = typer.Typer(add_completion=False, rich_markup_mode=None, no_args_is_help=True)

Provider = Annotated[str, typer.Option(help="Only this provider.", show_default="all")]
Service = Annotated[str, typer.Option(help="Only this service.", show_default="all")]
Region = Annotated[str, typer.Option(help="Only this region.", show_default="all")]


@app.callback()
def prices() -> None:
    """The prices that designs are priced with: list them, their age, and fetch newer ones.

    What is fetched lies over the packaged prices; your own, in seatrial.prices.toml, lie over
    both and are never written. Each of these takes --json.
    """


@app.command(short_help="Fetch newer prices from the public price lists.")
def refresh(
    provider: Annotated[
        list[str] | None,
        typer.Option(help="aws, azure or google; may be repeated.", show_default="all"),
    ] = None,
    accept: Annotated[
        bool, typer.Option("--accept", help="Also take prices that jump, or left the list.")
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only show the difference; write nothing.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Fetch prices from the public price lists, show what changed, and keep it.

    A provider with a price that moves by more than 30 % is refused as a whole, unless --accept is
    given (exit code 1). Exit code 75 when a list is out of reach, 2 when it is malformed; what is
    in force stays then. Google Cloud needs an API key in SEATRIAL_PRICES_GOOGLE_KEY, and is left
    out without one unless named.
    """
    done: list[Refresh] = []

    def work(tell: Any) -> Refresh:
        done.append(pricelists.refresh(provider or (), tell, accept=accept, dry_run=dry_run))
        return done[0]

    perform(as_json, work, prices_view.refreshed)
    if done and done[0].exit_code:
        raise typer.Exit(done[0].exit_code)


@app.command("list", short_help="The prices in force, with age and source.")
def list_prices(
    app_dir: AppDir = HERE,
    provider: Provider = "",
    service: Service = "",
    region: Region = "",
    as_json: Json = False,
) -> None:
    """The prices in force, each with its age, the layer it is from, and its source.

    APP is where seatrial.prices.toml is looked for.
    """
    perform(
        as_json,
        lambda _: pricelists.in_force(
            app_dir, _today(), provider=provider, service=service, region=region
        ),
        prices_view.listed,
    )


@app.command(short_help="Where fetched prices are, and how old all are.")
def status(app_dir: AppDir = HERE, as_json: Json = False) -> None:
    """Where fetched prices are kept, how many prices are in force, and how old they are."""
    perform(as_json, lambda _: pricelists.status(app_dir, _today()), prices_view.status)


def _today() -> date:
    return datetime.now(UTC).date()
