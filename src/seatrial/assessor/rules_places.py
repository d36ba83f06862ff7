"""Rules about the platform and its region: whether it is sold, wanted, near and attested."""

from __future__ import annotations

from seatrial.assessor.case import Case, Found, catalogue_proof, settings_proof
from seatrial.assessor.places import area_of, near, region_of, resides
from seatrial.kernel.units import usd

ATTESTED = {"soc2": "SOC 2", "hipaa": "HIPAA", "pci-dss": "PCI DSS"}
"""Standards that a provider attests, as its catalogue entry names them. The GDPR and the CCPA are
laws about what is done with data: no programme of a provider stands for them."""


def platform_open(case: Case) -> Found | None:
    """The platform takes new customers."""
    platform = case.platform
    if platform.status == "available":
        return None
    sentence = (
        f"{platform.name} has ended"
        if platform.status == "ended"
        else f"{platform.name} takes no new customers"
    )
    return Found("violated", sentence, catalogue_proof(case, "platform.open"))


def platform_wanted(case: Case) -> Found | None:
    """The owner lets the platform be looked at."""
    wants, name = case.demand.preferences, case.platform.id
    if name in wants.without:
        sentence, key = f"{case.platform.name} is not wanted", "[preferences] without"
    elif wants.platforms and name not in wants.platforms:
        sentence = f"{case.platform.name} is not among the platforms that are wanted"
        key = "[preferences] platforms"
    else:
        return None
    return Found("violated", sentence, settings_proof(key, "platform.wanted"))


def region_near(case: Case) -> Found | None:
    """The region is in the area of the users, or on their continent where none is nearer."""
    here, wanted = case.design.region, case.demand.region
    provider = case.platform.provider
    region = region_of(case.catalog, provider, here)
    if region is None or here in near(case.catalog, provider, wanted):
        return None
    area = area_of(case.catalog, wanted)
    sentence = f"{here} ({region.area}) is far from the users in {wanted}" + (
        f" ({area})" if area else ", which no provider of the catalogue has"
    )
    return Found(
        "violated", sentence, settings_proof("[demand] region", "region.near"), "a nearer region"
    )


def residency(case: Case) -> Found | None:
    """Data lies only where it may."""
    allowed = case.demand.compliance.residency
    if not allowed:
        return None
    proof = settings_proof("[compliance] residency", "compliance.residency")
    region = region_of(case.catalog, case.platform.provider, case.design.region)
    asked = " or ".join(allowed)
    if region is None:
        sentence = f"data may lie in {asked} only; its owner knows where {case.platform.name} is"
        return Found("risk", sentence, proof)
    if resides(region, allowed):
        return None
    sentence = f"{region.id} is in {region.country} ({region.area}), data may lie in {asked} only"
    return Found("violated", sentence, proof, "a region in one of them")


def standards(case: Case) -> Found | None:
    """The provider attests the standards that are asked for, as far as one can."""
    attested = case.platform.capabilities.compliance
    missing = [
        ATTESTED[name]
        for name in case.demand.compliance.standards
        if name in ATTESTED and ATTESTED[name] not in attested
    ]
    if not missing:
        return None
    has = f"it attests {', '.join(attested)}" if attested else "it attests none"
    sentence = f"{case.platform.name} does not attest {', '.join(missing)}: {has}"
    return Found("violated", sentence, catalogue_proof(case, "compliance.standards"))


def work_known(case: Case) -> Found | None:
    """Where an hour of work has a price, some source says how many a platform takes."""
    rate = case.demand.budget.ops_usd_hour
    if rate is None or case.platform.operations.month_hours is not None:
        return None
    return Found(
        "risk",
        f"no source says how many hours a month {case.platform.name} takes, so its work is not "
        f"counted, though an hour costs {usd(rate)}",
        settings_proof("[budget] ops_usd_hour", "operations.unsourced"),
        "add your own hours when you compare it",
    )


def bundle_offered(case: Case) -> Found | None:
    """Seatrial can write the platform's infrastructure."""
    if case.platform.bundled:
        return None
    return Found(
        "risk",
        f"{case.platform.name} is compared only: its infrastructure cannot be written yet",
        catalogue_proof(case, "bundle.offered"),
        "set it up by hand, or take the first design that can be written",
    )
