"""Instance prices at the scale of SkyPilot's catalogue, in its form (schema v8).

Its real files are not in its wheel, so the rows are made up, the same ones every time: as many
types, regions and zones as AWS, Azure and Google Cloud have, with names its optimizer understands.
Where the packaged catalogue knows a price of such a type in such a region it replaces the made-up
one; how many rows that are is told.
"""

from __future__ import annotations

import csv
import random
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import NamedTuple

from seatrial.kernel.platform import EVERYWHERE, ON_DEMAND, Catalog

SEED = 20261121
HEADER = (
    "InstanceType", "AcceleratorName", "AcceleratorCount", "vCPUs", "MemoryGiB", "GpuInfo",
    "Price", "SpotPrice", "Region", "AvailabilityZone", "Arch", "Generation",
)  # fmt: skip

AWS_SIZES = {
    "medium": 1, "large": 2, "xlarge": 4, "2xlarge": 8, "4xlarge": 16, "8xlarge": 32,
    "12xlarge": 48, "16xlarge": 64, "24xlarge": 96, "metal": 128,
}  # fmt: skip
AWS_TYPES, AZURE_TYPES, GCP_TYPES = 1_367, 1_122, 114
AWS_REGIONS = (
    "us-east-1", "us-east-2", "us-west-1", "us-west-2", "ca-central-1", "sa-east-1", "eu-west-1",
    "eu-west-2", "eu-west-3", "eu-central-1", "eu-north-1", "ap-south-1", "ap-southeast-1",
    "ap-southeast-2", "ap-northeast-1", "ap-northeast-2",
)  # fmt: skip
AZURE_REGIONS, GCP_ZONES = 57, 118
GCP_NEAR = ("us-central1", "us-east1", "us-west1", "europe-west1", "europe-west4", "asia-east1")
AZURE_NEAR = ("eastus", "westus2", "centralus", "westeurope", "northeurope", "southeastasia")
RATIO = {"c": 2, "m": 4, "r": 8, "t": 4, "x": 16, "i": 8, "d": 8, "z": 8, "h": 4, "u": 24, "g": 4}


class Type(NamedTuple):
    """An instance type with its price before the region's factor."""

    name: str
    vcpu: float
    gib: float
    arch: str
    usd: float


def _aws_types() -> Iterator[Type]:
    suffixes = ("", "i", "a", "g", "n", "in", "id", "ad", "gd", "gn", "dn", "idn", "-flex")
    for generation in (6, 7, 5, 8, 4, 3):
        for letter in RATIO:
            for suffix in suffixes:
                for size, vcpu in AWS_SIZES.items():
                    gib = vcpu * RATIO[letter]
                    arch = "arm64" if suffix.startswith("g") else "x86_64"
                    usd = (vcpu * 0.031 + gib * 0.0036) * (1 - 0.08 * (arch == "arm64"))
                    yield Type(f"{letter}{generation}{suffix}.{size}", vcpu, gib, arch, usd)


def _azure_types() -> Iterator[Type]:
    ratio = {"D": 4, "E": 8, "F": 2, "B": 4, "L": 8, "M": 28}
    for version in ("v5", "v2", "v4", "v3", "v6", "v7"):
        for letter in ratio:
            for suffix in ("s", "", "as", "ads", "ds", "ps", "ls"):
                for vcpu in (2, 4, 8, 16, 20, 32, 48, 64, 96):
                    name = f"Standard_{letter}{vcpu}{suffix}_{version}"
                    gib = vcpu * ratio[letter]
                    arch = "arm64" if suffix == "ps" else "x86_64"
                    yield Type(name, vcpu, gib, arch, vcpu * 0.033 + gib * 0.0037)


def _gcp_types() -> Iterator[Type]:
    for series in ("n2", "n4", "n1", "e2", "n2d", "c3", "c3d", "c4", "t2d"):
        for kind, ratio in (("standard", 4), ("highmem", 8), ("highcpu", 2)):
            for vcpu in (2, 4, 8, 16, 32):
                usd = vcpu * 0.0325 + vcpu * ratio * 0.0041
                yield Type(f"{series}-{kind}-{vcpu}", vcpu, vcpu * ratio, "x86_64", usd)


def _places(cloud: str) -> list[tuple[str, list[str]]]:
    """Regions with their zones."""
    if cloud == "aws":
        return [(region, [f"{region}{zone}" for zone in "ab"]) for region in AWS_REGIONS]
    if cloud == "azure":
        names = [*AZURE_NEAR, *(f"region{n:02}" for n in range(AZURE_REGIONS - len(AZURE_NEAR)))]
        return [(name, []) for name in names]
    names = [*GCP_NEAR, *(f"area-place{n}" for n in range(GCP_ZONES // 3 + 1 - len(GCP_NEAR)))]
    zones = [(name, f"{name}-{zone}") for name in names for zone in "abc"][:GCP_ZONES]
    return [(name, [zone for of, zone in zones if of == name]) for name in names]


TYPES = {
    "aws": (_aws_types, AWS_TYPES), "azure": (_azure_types, AZURE_TYPES),
    "gcp": (_gcp_types, GCP_TYPES),
}  # fmt: skip


def known(catalog: Catalog) -> dict[tuple[str, str], Decimal]:
    """Hourly prices of the packaged catalogue by sku and region."""
    return {
        (row.sku, row.region): row.price_usd
        for row in catalog.prices
        if row.unit == "hour" and row.commitment == ON_DEMAND and row.region != EVERYWHERE
    }


def write(folder: Path, catalog: Catalog) -> dict[str, int]:
    """Write `<cloud>/vms.csv` of three clouds; how many rows there are, and how many are real."""
    chance, real = random.Random(SEED), known(catalog)
    told = {"rows": 0, "real_rows": 0}
    for cloud, (types, most) in TYPES.items():
        (folder / cloud).mkdir(parents=True)
        bought = [one for one, _ in zip(types(), range(most), strict=False)]
        spread = [chance.uniform(0.9, 1.15) for _ in bought]
        factors = [1.0, *(round(chance.uniform(1.0, 1.45), 3) for _ in _places(cloud)[1:])]
        with (folder / cloud / "vms.csv").open("w", newline="") as file:
            out = csv.writer(file)
            out.writerow(
                [name for name in HEADER if cloud != "azure" or name != "AvailabilityZone"]
            )
            for (region, zones), factor in zip(_places(cloud), factors, strict=True):
                for one, by in zip(bought, spread, strict=True):
                    found = real.get((one.name, region))
                    usd = found if found is not None else f"{one.usd * by * factor:.5f}"
                    fixed = [one.name, "", "", one.vcpu, one.gib, "", usd, "", region]
                    for zone in zones or [None]:
                        where = [] if zone is None else [zone]
                        out.writerow([*fixed, *where, one.arch, 2])
                        told["rows"] += 1
                        told["real_rows"] += found is not None
    return told
