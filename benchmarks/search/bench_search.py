"""How many complete designs does the search price in a second?

- catalogue: every platform of the packaged catalogue in every region, with all sizes, 16 numbers
  of replicas, all commitments, and as many alternatives of managed services as make each space
  about `--cells` designs. Counted with building the tables and without; limit 1,000,000 a second
  with it. Beside it, in the same run: numpy adding as many numbers, once as one broadcast sum
  written to fresh memory (what no search by tables can beat), once as two full arrays; and
  `price`, line by line, on a random sample that also checks every total.
- cheapest: the ten cheapest of those spaces without visiting them all.
- side by side: SkyPilot 0.14.1 and ours asked for 4 vCPU and 8 GiB on the same made-up rows
  (rows.py), each in a process of its own, in turns; first answer (start, reading, answer) and warm.
  SkyPilot lives in a virtual environment made for it; without a package index it is left out.

    python benchmarks/search/bench_search.py --out result.json
"""

from __future__ import annotations

import argparse
import csv
import datetime
import json
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from decimal import Decimal
from pathlib import Path

import msgspec
import numpy as np
import rows

from seatrial.assessor.price import PriceBook, price
from seatrial.assessor.search import blocks, cheapest_in
from seatrial.assessor.space import (
    Commitments,
    Shape,
    Space,
    alternatives,
    counts_of,
    regions_of,
    shapes_of,
)
from seatrial.assessor.tables import Tables, tables
from seatrial.assessor.usage import Usage
from seatrial.catalog.load import load, load_from
from seatrial.kernel.design import Attached, Database, Design
from seatrial.kernel.platform import Catalog
from seatrial.kernel.units import HOURS_PER_MONTH
from seatrial.trials.machine import describe

HERE = Path(__file__).parent
LIMIT_PER_S = 1_000_000
SEED = 20261121
SKYPILOT = "0.14.1"
ALTERNATIVES_MAX = 12
ARRAY_MAX = 4_000_000
STORAGE_GIB = (20, 50, 100, 200, 500)


def usage(design: Design) -> Usage:
    """Three million requests a month; what follows the design follows it here too."""
    database = design.database is not None
    return Usage(
        requests_month=Decimal(3_000_000),
        request_duration_s_mean=Decimal("0.2") / Decimal(str(min(1.0, design.vcpu))),
        replica_hours_month=design.replicas_min * HOURS_PER_MONTH,
        load_balancer_units_hours=Decimal(300), egress_gib_month=Decimal(120),
        log_gib_month=Decimal(3), images_gib=Decimal(3), secrets=1 + database,
        secret_requests_month=20 * design.replicas_max * (1 + database), alarms=4 + database,
    )  # fmt: skip


def spaces(catalog: Catalog, cells: int) -> list[Space]:
    """Every platform in every region, with services until there are about `cells` designs."""
    book, sold, made = PriceBook(catalog), Commitments(catalog), []
    kinds = sorted({service.kind for service in catalog.services} - {"postgresql"})
    for platform in catalog.platforms:
        offer = {kind: book.service(platform.provider, kind) for kind in kinds}
        postgresql = book.service(platform.provider, "postgresql")
        databases = [
            Database(instance=size.name, storage_gib=gib, multi_az=double)
            for size in (postgresql.sizes if postgresql else ())
            for gib in STORAGE_GIB for double in (False, True)
        ]  # fmt: skip
        for region in regions_of(catalog, platform):
            space = Space(
                platform=platform, region=region, counts=counts_of(platform, tuple(range(1, 17))),
                shapes=shapes_of(platform) or (Shape("machine", 4.0, 8192),),
                commitments=sold.of(platform, region), databases=(None, *databases),
            )  # fmt: skip
            slots: list[tuple[Attached | None, ...]] = []
            for service in offer.values():
                room = cells // (space.cells * int(np.prod([len(s) for s in slots] or [1])))
                if service is None or room < 2:
                    continue
                some = list(alternatives(service))[: min(room, ALTERNATIVES_MAX) - 1]
                slots.append((None, *some))
            made.append(msgspec.structs.replace(space, slots=tuple(slots)))
    return made


def timed(results: dict[str, list[float]], name: str, began: float) -> None:
    results.setdefault(name, []).append(time.perf_counter() - began)


def one_round(every: list[Space], book: PriceBook, took: dict[str, list[float]]) -> list[Tables]:
    """Build, price, add and search once."""
    began = time.perf_counter()
    made = [tables(space, book, usage) for space in every]
    timed(took, "build", began)
    began = time.perf_counter()
    cells = sum(block.micro_usd.size for of in made for block in blocks(of))
    timed(took, "price", began)
    assert cells == sum(space.cells for space in every)
    sides = [(max(1, space.cells // 1000), min(1000, space.cells)) for space in every]
    began = time.perf_counter()
    for long, short in sides:
        np.zeros((long, 1), np.int64) + np.zeros((1, short), np.int64)
    timed(took, "numpy broadcast", began)
    length = min(cells, ARRAY_MAX)
    one, other = np.ones(length, np.int64), np.ones(length, np.int64)
    began = time.perf_counter()
    one + other
    took.setdefault("numpy two arrays", []).append((time.perf_counter() - began) * cells / length)
    began = time.perf_counter()
    cheapest_in(made, 10)
    timed(took, "cheapest", began)
    return made


def line_by_line(made: list[Tables], book: PriceBook, sample: int) -> dict[str, float]:
    """`price` on a random sample over all spaces; every total has to be the same."""
    chance, asked = random.Random(SEED), []
    for number in range(sample):
        of = made[number % len(made)]
        asked.append((of, tuple(chance.randrange(length) for length in of.space.axes)))
    bills, began = [], time.perf_counter()
    for of, index in asked:
        design = of.space.design(index)
        bills.append(price(design, of.space.platform, book, usage(design)).monthly_usd)
    seconds = time.perf_counter() - began
    for (of, index), total in zip(asked, bills, strict=True):
        assert of.total(index) == (None if total is None else int(total * 10**6))
    known = sum(total is not None for total in bills)
    return {"sample": sample, "priced": known, "different": 0,
            "designs_per_s": round(sample / seconds)}  # fmt: skip


def catalogue(catalog: Catalog, cells: int, rounds: int, sample: int) -> dict[str, object]:
    every, book = spaces(catalog, cells), PriceBook(catalog)
    took: dict[str, list[float]] = {}
    for turn in range(rounds + 1):
        if turn == 1:
            took.clear()  # the first round warms up
        made = one_round(every, book, took)
    designs = sum(space.cells for space in every)
    median = {name: statistics.median(seconds) for name, seconds in took.items()}

    def rate(*parts: str) -> int:
        return round(designs / sum(median[part] for part in parts))

    row = {
        "designs": designs,
        "spaces": len(every),
        "platforms": len(catalog.platforms),
        "services": len(catalog.services),
        "price_rows": len(catalog.prices),
        "catalog_digest": catalog.digest,
        "limit_designs_per_s": LIMIT_PER_S,
        "with_building_per_s": rate("build", "price"),
        "without_building_per_s": rate("price"),
        "numpy_broadcast_per_s": rate("numpy broadcast"),
        "numpy_two_arrays_per_s": rate("numpy two arrays"),
        "cheapest_ten_s": round(median["cheapest"], 4),
        "table_entries": sum(part.size for of in made for part in of.parts.values()),
        "line_by_line": line_by_line(made, book, sample),
        "rounds_s": {name: [round(s, 4) for s in seconds] for name, seconds in took.items()},
    }
    print(f"{designs:,} designs in {len(every)} spaces of {len(catalog.platforms)} platforms")
    for name in ("with_building", "without_building", "numpy_broadcast", "numpy_two_arrays"):
        print(f"  {name.replace('_', ' '):24} {row[f'{name}_per_s']:>15,} designs/s")
    print(f"  {'price, line by line':24} {row['line_by_line']['designs_per_s']:>15,} designs/s")
    print(f"  the ten cheapest in {median['cheapest']:.3f} s")
    return row


class Side:
    """A process that answers one question per line."""

    def __init__(self, argv: list[str], environment: dict[str, str]) -> None:
        self.began = time.perf_counter()
        self.process = subprocess.Popen(
            argv, env=environment, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )  # fmt: skip
        assert self.process.stdout is not None
        self.process.stdout.readline()  # ready
        self.first = self.ask()
        self.first_s = time.perf_counter() - self.began

    def ask(self) -> dict:
        assert self.process.stdin is not None and self.process.stdout is not None
        self.process.stdin.write("go\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())

    def stop(self) -> None:
        self.process.stdin.close()
        self.process.wait(30)


def skypilot(folder: Path, given: Path | None) -> tuple[list[str], str]:
    """SkyPilot's Python, installed when it is not given; else the reason why not."""
    home = given or folder / "skypilot"
    python = home / "bin/python"
    if not python.exists():
        uv = Path(sys.executable).parent / "uv"
        wanted = f"skypilot[aws,gcp,azure]=={SKYPILOT}"
        for argv in ([uv, "venv", "-q", "--python", "3.11", home],
                     [uv, "pip", "install", "-q", "--python", python, wanted]):  # fmt: skip
            done = subprocess.run(argv, capture_output=True, text=True, check=False)
            if done.returncode:
                return [], f"SkyPilot cannot be installed: {done.stderr.strip()[-300:]}"
    return [str(python), str(HERE / "sky_side.py")], ""


def side_by_side(catalog: Catalog, rounds: int, given: Path | None) -> dict[str, object]:
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        catalogs = folder / "home/.sky/catalogs/v8"
        told: dict[str, object] = {**rows.write(catalogs, catalog), "asked": "4 vCPU+, 8 GiB+"}
        environment = {
            "HOME": str(folder / "home"), "PATH": os.environ["PATH"],
            "PYTHONPATH": os.environ.get("PYTHONPATH", ""),
        }  # fmt: skip
        apart = {**environment, "PYTHONPATH": "", "SKYPILOT_DISABLE_USAGE_COLLECTION": "1",
                 "AWS_EC2_METADATA_DISABLED": "true"}  # fmt: skip
        argv, why_not = skypilot(folder, given)
        sides = {"ours": ([sys.executable, str(HERE / "our_side.py"), str(catalogs)], environment)}
        if argv:
            sides["skypilot"] = (argv, apart)
        else:
            told["skypilot_left_out"] = why_not
        first: dict[str, list[float]] = {name: [] for name in sides}
        warm: dict[str, list[dict]] = {name: [] for name in sides}
        for _ in range(2):
            for name, (command, variables) in sides.items():
                side = Side(command, variables)
                first[name].append(round(side.first_s, 3))
                side.stop()
        running = {name: Side(*side) for name, side in sides.items()}
        for name, side in running.items():
            first[name].append(round(side.first_s, 3))
        for _ in range(rounds):
            for name, side in running.items():
                warm[name].append(side.ask())
        for side in running.values():
            side.stop()
        for name in sides:
            told[name] = summary(first[name], warm[name])
        if argv:
            told["same_rows"] = same_rows(catalogs, warm["skypilot"][-1]["every"])
            mine, theirs = told["ours"], told["skypilot"]
            told["cpu_times_faster"] = round(theirs["warm_cpu_ms"] / mine["warm_cpu_ms"], 1)
            told["candidates_times"] = round(
                theirs["candidates"] and mine["candidates"] / theirs["candidates"]
            )
        told["cheapest_row"] = cheapest_row(catalogs)
        assert told["cheapest_row"] == told["ours"]["cheapest"]["usd_hour"]
        return told


def summary(first: list[float], warm: list[dict]) -> dict[str, object]:
    row = {
        "first_answer_s": statistics.median(first),
        "warm_wall_ms": statistics.median(one["wall_ms"] for one in warm),
        "warm_cpu_ms": statistics.median(one["cpu_ms"] for one in warm),
        "candidates": warm[-1]["candidates"],
        "cheapest": warm[-1]["cheapest"],
        "first_rounds_s": first,
        "warm_rounds_ms": [one["wall_ms"] for one in warm],
    }
    best = row["cheapest"]
    print(f"  {row['candidates']:>7,} candidates  warm {row['warm_wall_ms']:>8,.1f} ms"
          f"  first answer {row['first_answer_s']:.1f} s  {best['cloud']} {best['type']}"
          f" in {best['place']} at {best['usd_hour']} USD/h")  # fmt: skip
    return row


def every_row(catalogs: Path) -> dict[tuple[str, str, str], tuple[float, float, Decimal]]:
    """The files once more, read without either side."""
    found = {}
    for file in catalogs.glob("*/vms.csv"):
        with file.open(newline="") as stream:
            for row in csv.DictReader(stream):
                large = (float(row["vCPUs"]), float(row["MemoryGiB"]), Decimal(row["Price"]))
                for place in (row.get("AvailabilityZone"), row["Region"]):
                    found[file.parent.name, row["InstanceType"], place] = large
    return found


def same_rows(catalogs: Path, every: list[list]) -> str:
    """SkyPilot's candidates cost what the rows say, so both sides read the same prices."""
    known = every_row(catalogs)
    same = sum(float(known[cloud, name, place][2]) == usd for cloud, name, place, usd in every)
    return f"{same} of {len(every)}"


def cheapest_row(catalogs: Path) -> float:
    return float(min(usd for vcpu, gib, usd in every_row(catalogs).values()
                     if vcpu >= 4 and gib >= 8))  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description="Speed of the search over designs")
    parser.add_argument("--out", type=Path)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--cells", type=int, default=4_000_000, help="designs in each space")
    parser.add_argument("--sample", type=int, default=10_000, help="designs priced line by line")
    parser.add_argument("--catalog", type=Path, help="another catalogue than the packaged one")
    parser.add_argument("--skypilot", type=Path, help="a virtual environment that holds SkyPilot")
    args = parser.parse_args()
    catalog = load_from(args.catalog) if args.catalog else load()
    load_average = os.getloadavg()
    found = {
        "catalogue": catalogue(catalog, args.cells, args.rounds, args.sample),
        "side_by_side": side_by_side(catalog, args.rounds, args.skypilot),
    }
    result = {
        "benchmark": "search",
        "started_at": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "machine": msgspec.to_builtins(describe()),
        "load_average": load_average,
        "results": found,
    }
    if args.out:
        args.out.write_text(json.dumps(result, indent=2) + "\n")


if __name__ == "__main__":
    main()
