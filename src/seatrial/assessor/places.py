"""Where a design may be: near its users, and where its data may lie."""

from __future__ import annotations

from seatrial.kernel.platform import Catalog, Region

EUROPEAN_UNION = frozenset({
    "AT", "BE", "BG", "HR", "CY", "CZ", "DK", "EE", "FI", "FR", "DE", "GR", "HU", "IE", "IT", "LV",
    "LT", "LU", "MT", "NL", "PL", "PT", "RO", "SK", "SI", "ES", "SE",
})  # fmt: skip
"""The member states (european-union.europa.eu, 2026): `eu` in a residency means these."""


def region_of(catalog: Catalog, provider_id: str, region: str) -> Region | None:
    """A provider's region; none for what stands in no provider's region."""
    return next((r for r in catalog.provider(provider_id).regions if r.id == region), None)


def area_of(catalog: Catalog, region: str) -> str:
    """The area of the region of that name, of any provider."""
    known = (r.area for p in catalog.providers for r in p.regions if r.id == region)
    return next(known, "")


def near(catalog: Catalog, provider_id: str, wanted: str) -> frozenset[str]:
    """The provider's regions near the wanted one: its area, and where there is none its continent.

    A provider that has the very region counts its area as near, too.
    """
    here = catalog.provider(provider_id).regions
    area = area_of(catalog, wanted)
    same = {r.id for r in here if r.id == wanted or (area and r.area == area)}
    continent = area.partition("-")[0]
    wide = {r.id for r in here if area and r.area.partition("-")[0] == continent}
    return frozenset(same or wide)


def resides(region: Region, allowed: tuple[str, ...]) -> bool:
    """Whether data in a region lies in one of the countries or areas."""
    names = {name.lower() for name in allowed}
    union = "eu" in names and region.country in EUROPEAN_UNION
    return union or bool(
        names & {region.country.lower(), region.area.lower()}
        or (names - {"eu"}) & {region.area.partition("-")[0].lower()}
    )
