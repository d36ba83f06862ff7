"""Prices for people: the catalogue with what the user states, and quotes from it."""

from __future__ import annotations

from pathlib import Path

from msgspec.structs import replace

from seatrial import pricelists
from seatrial.assessor.asked import (
    ARCH,
    Asked,
    check_terms,
    checked,
    design_of,
    known_platform,
    used,
)
from seatrial.assessor.breakeven import Side, Users, break_even
from seatrial.assessor.compare import Offer, order
from seatrial.assessor.compare import compare as offers_of
from seatrial.assessor.outlook import Term
from seatrial.assessor.price import PriceBook
from seatrial.assessor.quote import quote
from seatrial.assessor.usage import Usage
from seatrial.catalog.load import load
from seatrial.catalog.own import FILE, NOTHING_OWN, Own, machine
from seatrial.kernel.demand import MachineSettings
from seatrial.kernel.design import Design
from seatrial.kernel.errors import InputError
from seatrial.kernel.platform import ON_DEMAND, Catalog, Provider
from seatrial.kernel.quote import Quote
from seatrial.kernel.units import MIB_PER_GIB
from seatrial.kernel.values import Value
from seatrial.reporter import charts

__all__ = ["FILE", "Comparison", "catalog", "compare", "curve", "price"]

BY_USE = "billed by use: state --requests-month and --duration-ms"


def catalog(own_file: Path | None, stated: MachineSettings | None = None) -> Catalog:
    """The packaged prices, under the fetched ones, under the user's own.

    `own_file` is read when it exists; `stated` is what seatrial.toml says of this machine.
    """
    own = pricelists.own_of(own_file) if own_file is not None else NOTHING_OWN
    if stated is not None:
        own = Own(prices=(*own.prices, *machine(stated)), discounts=own.discounts)
    return load(own, pricelists.refreshed_folder(), pricelists.last_read())


def price(asked: Asked, term: Term, known: Catalog, against: Asked | None, users: Users) -> Quote:
    """One design priced; with `against`, also the curve of both over daily users."""
    book = PriceBook(known)
    made = quote(asked, known, book, term)
    if against is None:
        return made
    other = design_of(against, known_platform(against.platform, known), known, book, [])
    sides = (_side(asked, made.design, known), _side(against, other, known))
    return replace(made, break_even=break_even(*sides, book, users))


def _side(asked: Asked, design: Design, known: Catalog) -> Side:
    platform = known.platform(design.platform)
    return Side(design=design, platform=platform, usage=used(asked, design, platform))


class Comparison(Value):
    """Every platform and region with what one design needs, cheapest first."""

    offers: tuple[Offer, ...]
    catalog_digest: str


def compare(asked: Asked, known: Catalog) -> Comparison:
    """The cheapest size of every platform and region that holds what one replica needs.

    With a region, each provider's nearest to it.
    """
    check_terms(asked)
    offers = [offer for one in known.providers for offer in _offers(asked, known, one)]
    return Comparison(offers=tuple(sorted(offers, key=order)), catalog_digest=known.digest)


def _offers(asked: Asked, known: Catalog, provider: Provider) -> tuple[Offer, ...]:
    region = known.near(provider.id, asked.region) if asked.region else None
    if asked.region and region is None and provider.regions:
        return ()
    platforms = {p.id: p for p in known.platforms if p.provider == provider.id}
    services = (checked(s, known.service(provider.id, s.kind), []) for s in asked.services)

    def usage(design: Design) -> Usage:
        return used(asked, design, platforms[design.platform])

    offers = offers_of(
        replace(known, platforms=tuple(platforms.values())),
        asked.vcpu,
        int(asked.memory_gib * MIB_PER_GIB),
        asked.replicas,
        usage,
        arch=ARCH[asked.arch],
        commitments=tuple(dict.fromkeys((ON_DEMAND, asked.commitment))),
        services=tuple(services),
        regions=(region,) if region else (),
    )
    # Nothing used costs nothing, which is no answer to what a design costs.
    return tuple(
        replace(offer, monthly_usd=None, reason=BY_USE) if offer.monthly_usd == 0 else offer
        for offer in offers
    )


def curve(made: Quote) -> bytes:
    """The break-even curve as an SVG file; raises `InputError` when nothing was compared."""
    if made.break_even is None:
        raise InputError("there is no curve to draw", fix="name another platform with --against")
    return charts.svg(charts.break_even(made.break_even))
