"""The options of `seatrial price`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer


def _named(help_text: str, metavar: str = "N", default: str = "", name: str = "") -> Any:
    """An option whose default is said in words, or not at all."""
    names = (name,) if name else ()
    return typer.Option(*names, help=help_text, metavar=metavar, show_default=default or False)


Platform = Annotated[
    str, typer.Argument(metavar="PLATFORM", help="Which platform; none compares them all.")
]
Region = Annotated[
    str, _named("Region, in the provider's words.", "REGION", "the one nearest to us-east-1")
]
Vcpu = Annotated[float, typer.Option(help="vCPUs one replica needs.", min=0.01, max=1000)]
Memory = Annotated[
    float, typer.Option(help="Memory one replica needs, in GiB.", min=0.05, max=100_000)
]
Size = Annotated[str, _named("A size by name instead, such as t3.medium.", "NAME")]
Arch = Annotated[str, typer.Option(help="Processor: x86_64, arm64 or any.", metavar="ARCH")]
Replicas = Annotated[int, typer.Option(help="Replicas that run all month.", min=0, max=100_000)]
With = Annotated[
    list[str] | None,
    _named(
        "A managed service: postgres=db.t4g.small,deployment=multi-az. Repeatable; a wrong name "
        "lists the right ones.",
        "KIND=SIZE,NAME=VALUE",
        name="--with",
    ),
]
Commitment = Annotated[
    str,
    _named(
        "spot, reserved-1y-none (or 3y; none, partial, all), savings-plan-1y-none, "
        "committed-use-1y.",
        "TERMS",
        "on-demand",
    ),
]
Requests = Annotated[str, _named("Requests a month.")]
Duration = Annotated[str, _named("Time one request is worked on, in ms.")]
Egress = Annotated[str, _named("GB a month sent to the internet.")]
Logs = Annotated[str, _named("GB of logs a month.")]
Usage = Annotated[
    list[str] | None,
    _named(
        "Any other amount, such as nat_gateways=2. Repeatable; a wrong name lists all.",
        "NAME=VALUE",
        name="--usage",
    ),
]
FreeTier = Annotated[
    bool, typer.Option("--free-tier", help="Take off what an account gets free each month.")
]
Years = Annotated[int, typer.Option(help="Years to look ahead.", min=0, max=10)]
Growth = Annotated[str, _named("Each year is so many times the one before.", "N", "1")]
OpsRate = Annotated[str, _named("What an hour of your work costs, in USD.")]
OpsMonth = Annotated[str, _named("Hours of work a month.", "N", "the platform's, where known")]
OpsSetup = Annotated[str, _named("Hours of work to set it up.", "N", "the platform's, where known")]
Against = Annotated[
    str, _named("From how many users is PLATFORM or PLATFORM/SIZE cheaper?", "PLATFORM")
]
AgainstRegion = Annotated[str, _named("The region of --against.", "REGION")]
Users = Annotated[str, _named("Daily users to compare over.", "A..B", "10..1000000")]
RequestsUser = Annotated[str, _named("Requests of one user a day.", "N", "20")]
ResponseKib = Annotated[str, _named("Size of an answer, in KiB.", "N", "16")]
Chart = Annotated[
    Path | None, typer.Option(help="Write the break-even curve as SVG.", metavar="FILE")
]
OwnPrices = Annotated[Path, typer.Option(help="Your own prices and discounts.", metavar="FILE")]
