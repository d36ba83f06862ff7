"""Our half of the side-by-side: the cheapest type and place of at least 4 vCPU and 8 GiB.

Every row of the CSV files becomes a price row, every zone (or region without zones) a space with
all types of its cloud; types that are not sold there are unpriced. Lines on stdin: one question
each; answers as JSON on stdout.
"""

from __future__ import annotations

import csv
import json
import sys
import time
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path

from msgspec.structs import replace

from seatrial.assessor.price import PriceBook
from seatrial.assessor.search import blocks, cheapest_in
from seatrial.assessor.space import SIZE, Count, Shape, Space
from seatrial.assessor.tables import Tables, tables
from seatrial.assessor.usage import Usage
from seatrial.kernel.platform import (
    BillLine,
    Capabilities,
    Catalog,
    Failure,
    Platform,
    Price,
    Provider,
    Scaling,
)

BILL = BillLine(component="compute", service="vm", sku="{size}", meter="server_hours")
VCPU, MEMORY_MIB = 4.0, 8_192
HOURS_A_MONTH = 730


def read(folder: Path) -> tuple[Catalog, dict[str, dict[str, Shape]], list[tuple[str, str]]]:
    """The catalogue, the types of each cloud, and every cloud and place."""
    rows: list[Price] = []
    shapes: dict[str, dict[str, Shape]] = {}
    places: dict[tuple[str, str], None] = {}
    for file in sorted(folder.glob("*/vms.csv")):
        cloud = file.parent.name
        with file.open(newline="") as stream:
            for row in csv.DictReader(stream):
                place, name = row.get("AvailabilityZone") or row["Region"], row["InstanceType"]
                rows.append(Price(
                    provider=cloud, service="vm", sku=name, region=place, unit="hour",
                    price_usd=Decimal(row["Price"]), source="generated", as_of="2026-11-21",
                ))  # fmt: skip
                mib = int(float(row["MemoryGiB"]) * 1024)
                shapes.setdefault(cloud, {})[name] = Shape(name, float(row["vCPUs"]), mib)
                places[cloud, place] = None
    platforms = tuple(
        Platform(
            id=cloud, name=cloud, kind="servers", provider=cloud, source="generated",
            as_of="2026-11-21", sizes=(), scaling=Scaling(mechanism="none"), bill=(BILL,),
            failure=Failure(zone_loss="down"),
            capabilities=Capabilities(autoscaling=False, shared_memory=True, persistent_disk=True,
                                      websockets=True, zones=1, managed_database=False),
        ) for cloud in shapes
    )  # fmt: skip
    providers = tuple(Provider(id=cloud, name=cloud) for cloud in shapes)
    made = Catalog(platforms=platforms, providers=providers, prices=tuple(rows), digest="made-up")
    return made, shapes, list(places)


def build(folder: Path) -> list[Tables]:
    """Tables of every place, each with one server of every type."""
    catalog, shapes, places = read(folder)
    book = PriceBook(catalog)
    return [
        tables(Space(platform=catalog.platform(cloud), region=place, counts=(Count(1, 1, 1),),
                     shapes=tuple(shapes[cloud].values())), book, lambda design: Usage())
        for cloud, place in places
    ]  # fmt: skip


def narrowed(of: Tables, shapes: Sequence[int]) -> Tables:
    """The tables of some of the shapes only, such as those that are large enough."""
    kept = replace(of.space, shapes=tuple(of.space.shapes[at] for at in shapes))
    parts = {
        axes: part.take(shapes, axis=SIZE) if SIZE in axes else part
        for axes, part in of.parts.items()
    }
    return Tables(kept, parts)


def answer(made: list[Tables]) -> dict[str, object]:
    """One question: everything that fits is priced, the cheapest is the answer."""
    began, cpu = time.perf_counter(), time.process_time()
    fits: dict[str, list[int]] = {}
    priced, small = 0, []
    for of in made:
        cloud = of.space.platform.id
        if cloud not in fits:
            fits[cloud] = [at for at, shape in enumerate(of.space.shapes)
                           if shape.vcpu >= VCPU and shape.memory_mib >= MEMORY_MIB]  # fmt: skip
        few = narrowed(of, fits[cloud])
        priced += int((~next(blocks(few)).unpriced).sum())
        small.append(few)
    found = cheapest_in(small, 1)[0]
    return {
        "wall_ms": round((time.perf_counter() - began) * 1000, 2),
        "cpu_ms": round((time.process_time() - cpu) * 1000, 2),
        "candidates": priced,
        "cheapest": {
            "cloud": found.design.platform, "type": found.design.size, "place": found.design.region,
            "usd_hour": float(Decimal(found.micro_usd).scaleb(-6) / HOURS_A_MONTH),
        },
    }  # fmt: skip


def main() -> None:
    began = time.perf_counter()
    made = build(Path(sys.argv[1]))
    ready = round((time.perf_counter() - began) * 1000)
    print(json.dumps({"ready_ms": ready, "places": len(made)}), flush=True)
    for _ in sys.stdin:
        print(json.dumps(answer(made)), flush=True)


if __name__ == "__main__":
    main()
