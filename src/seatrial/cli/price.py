"""`seatrial price`: what does one design cost, to the line?"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import typer

from seatrial import pricing
from seatrial.cli import price_flags as flag
from seatrial.cli import price_options as parse
from seatrial.cli import price_view
from seatrial.cli.common import Json, perform
from seatrial.files import write_atomic
from seatrial.kernel.quote import Quote
from seatrial.pricing import Comparison

app = typer.Typer(add_completion=False, rich_markup_mode=None)

OWN_PRICES = Path(pricing.FILE)


@app.command()
def price(
    platform: flag.Platform = "",
    region: flag.Region = "",
    vcpu: flag.Vcpu = 1.0,
    memory_gib: flag.Memory = 2.0,
    size: flag.Size = "",
    arch: flag.Arch = "x86_64",
    replicas: flag.Replicas = 1,
    services: flag.With = None,
    commitment: flag.Commitment = "on-demand",
    requests_month: flag.Requests = "",
    duration_ms: flag.Duration = "",
    egress_gb_month: flag.Egress = "",
    logs_gb_month: flag.Logs = "",
    stated: flag.Usage = None,
    free_tier: flag.FreeTier = False,
    years: flag.Years = 0,
    growth: flag.Growth = "1",
    ops_usd_hour: flag.OpsRate = "",
    ops_hours_month: flag.OpsMonth = "",
    ops_hours_setup: flag.OpsSetup = "",
    against: flag.Against = "",
    against_region: flag.AgainstRegion = "",
    users: flag.Users = "10..1000000",
    requests_user: flag.RequestsUser = "20",
    response_kib: flag.ResponseKib = "16",
    chart: flag.Chart = None,
    own_prices: flag.OwnPrices = OWN_PRICES,
    as_json: Json = False,
) -> None:
    """What does one design cost: every line of the bill, with source and date of its price.

    Without PLATFORM: all platforms with what one replica needs, cheapest first. A line whose
    price is not known makes the total unknown and is named; nothing is ever 0 in silence.

    \b
      seatrial price aws-fargate --vcpu 1 --memory-gib 2 --replicas 2
      seatrial price aws-lambda --requests-month 10000 --duration-ms 2000
      seatrial price aws-fargate --years 3 --growth 1.5 --ops-usd-hour 80
      seatrial price aws-fargate --against aws-lambda --duration-ms 200
    """
    given = dict(locals())

    def work(tell: Any) -> Quote | Comparison:
        known, asked = pricing.catalog(own_prices), parse.asked(given)
        if not platform:
            tell("pricing every platform and region")
            return pricing.compare(asked, known)
        made = pricing.price(asked, parse.term(given), known, *parse.other(given, asked))
        if chart is not None:
            write_atomic(chart, pricing.curve(made))
        return made

    perform(as_json, work, price_view.show, price_view.priced)
