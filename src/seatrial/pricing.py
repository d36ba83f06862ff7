"""Prices for people: the catalogue with what the user states, and quotes from it."""

from __future__ import annotations

from pathlib import Path

from msgspec.structs import replace

from seatrial import pricelists
from seatrial.assessor.breakeven import Side, Users, break_even
from seatrial.assessor.compare import Offer, order
from seatrial.assessor.compare import compare as offers_of
from seatrial.assessor.outlook import Term
from seatrial.assessor.price import PriceBook
from seatrial.assessor.quote import (
    Asked,
    check_terms,
    checked,
    design_of,
    known_platform,
    quote,
    used,
)
from seatrial.assessor.space import Arch
from seatrial.catalog.load import load
from seatrial.catalog.own import FILE, NOTHING_OWN, Own, machine, read_own
from seatrial.kernel.demand import MachineSettings
from seatrial.kernel.errors import InputError
from seatrial.kernel.platform import ON_DEMAND, Catalog
from seatrial.kernel.quote import Quote
from seatrial.kernel.values import Value
from seatrial.reporter.curves import break_even as break_even_chart

__all__ = ["FILE", "Comparison", "catalog", "compare", "curve", "price"]


def catalog(own_file: Path | None, stated: MachineSettings | None = None) -> Catalog:
    """The packaged prices, under the fetched ones, under the user's own.

    `own_file` is read when it exists; `stated` is what seatrial.toml says of this machine.
    """
    own = read_own(own_file) if own_file is not None and own_file.exists() else NOTHING_OWN
    if stated is not None:
        own = Own(prices=(*own.prices, *machine(stated)), discounts=own.discounts)
    return load(own, pricelists.refreshed_folder())


def price(asked: Asked, term: Term, known: Catalog, against: Asked | None, users: Users) -> Quote:
    """One design priced; with `against`, also the curve of both over daily users."""
    book = PriceBook(known)
    made = quote(asked, known, book, term)
    if against is None:
        return made
    if users.fewest >= users.most:
        raise InputError("--users goes nowhere", fix="give it as 10..1000000")
    curve = break_even(_side(asked, known), _side(against, known), book, users)
    return replace(made, break_even=curve)


def _side(asked: Asked, known: Catalog) -> Side:
    platform = known_platform(asked.platform, known)
    design = design_of(asked, platform, known, [])
    return Side(design=design, platform=platform, usage=used(asked, design))


_ARCH: dict[str, Arch | None] = {"x86_64": "x86_64", "arm64": "arm64", "any": None}


class Comparison(Value):
    """Every platform and region with what one design needs, cheapest first."""

    offers: tuple[Offer, ...]
    catalog_digest: str


def compare(asked: Asked, known: Catalog) -> Comparison:
    """The cheapest size of every platform and region that holds what one replica needs."""
    check_terms(asked)
    offers: list[Offer] = []
    for provider in known.providers:
        here = tuple(p for p in known.platforms if p.provider == provider.id)
        services = tuple(
            checked(service, known.service(provider.id, service.kind), [])
            for service in asked.services
        )
        offers += offers_of(
            replace(known, platforms=here),
            asked.vcpu,
            int(asked.memory_gib * 1024),
            asked.replicas,
            lambda design: used(asked, design),
            arch=_ARCH[asked.arch],
            commitments=tuple(dict.fromkeys((ON_DEMAND, asked.commitment))),
            services=services,
            regions=(asked.region,) if asked.region else (),
        )
    return Comparison(offers=tuple(sorted(offers, key=order)), catalog_digest=known.digest)


def curve(made: Quote) -> bytes:
    """The break-even curve as an SVG file; raises `InputError` when nothing was compared."""
    if made.break_even is None:
        raise InputError("there is no curve to draw", fix="name another platform with --against")
    return break_even_chart(made.break_even)
