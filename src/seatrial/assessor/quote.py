"""One stated design, priced: its bill, what was forgotten, and its years."""

from __future__ import annotations

from decimal import Decimal

from seatrial.assessor.asked import Asked, design_of, known_platform, used
from seatrial.assessor.forgotten import forgotten
from seatrial.assessor.outlook import Term, years
from seatrial.assessor.price import PriceBook, price
from seatrial.kernel.assessment import Bill
from seatrial.kernel.design import Design
from seatrial.kernel.platform import SPOT, Catalog, Platform
from seatrial.kernel.quote import Quote
from seatrial.kernel.units import plain, term_years


def quote(asked: Asked, catalog: Catalog, book: PriceBook, term: Term) -> Quote:
    """Price what was asked for, to the line; raises `InputError` for what cannot be bought."""
    platform = known_platform(asked.platform, catalog)
    notes: list[str] = []
    design = design_of(asked, platform, catalog, book, notes)
    usage = used(asked, design, platform)
    bill = price(design, platform, book, usage)
    notes.extend(_notes(design, platform, bill))
    return Quote(
        design=design,
        platform_name=platform.name,
        lines=bill.lines,
        unpriced=bill.unpriced,
        monthly_usd=bill.monthly_usd,
        upfront_usd=sum((line.upfront_usd for line in bill.lines), Decimal(0)),
        forgotten=forgotten(design, platform, book, bill),
        notes=tuple(notes),
        years=years(design, platform, book, usage, term),
    )


def _notes(design: Design, platform: Platform, bill: Bill) -> list[str]:
    """What the terms of the design and the state of its platform mean."""
    said = []
    if platform.status != "available":
        ended = platform.status == "ended"
        said.append(f"{platform.name} {'has ended' if ended else 'takes no new customers'}")
    if not bill.lines and not bill.unpriced:
        said.append("billed by use, and no use was stated")
    spot = [line.interruption_percent for line in bill.lines if line.commitment == SPOT]
    if spot:
        known = sorted({percent for percent in spot if percent is not None})
        share = " to ".join(f"{plain(p)} %" for p in known) if known else "an unknown share"
        said.append(f"spot: {share} of this capacity is taken back in a month")
    for terms in sorted({line.commitment for line in bill.lines if term_years(line.commitment)}):
        bound = term_years(terms)
        said.append(
            f"{terms}: {design.replicas_min} replica{'s' if design.replicas_min != 1 else ''} "
            f"and what goes with them are paid for {bound} year{'s' if bound > 1 else ''}, used "
            "or not; replicas above them are on demand"
        )
    return said
