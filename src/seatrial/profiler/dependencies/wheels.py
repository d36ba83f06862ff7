"""The table of wheels: what distributions weigh, need, are imported as and take in memory."""

from __future__ import annotations

import csv
from functools import cache
from importlib.resources import files

from seatrial.kernel.values import Value

MB = 1_000_000
INTERPRETER = "python"
"""The row of Python itself: its memory once a web app's standard library is loaded."""


class Wheel(Value):
    """One distribution's row; sizes in MB, memory in MiB, none where it was not measured.

    `import_mib` is its own share of the memory that importing it takes, `loads` what else is
    loaded by that. `source` and `as_of` say where the numbers are from.
    """

    distribution: str
    version: str
    compressed_mb: float | None
    installed_mb: float | None
    import_mib: float | None
    imports: tuple[str, ...]
    requires: tuple[str, ...]
    loads: tuple[str, ...]
    source: str
    as_of: str


@cache
def wheels() -> dict[str, Wheel]:
    """All rows by canonical name; `torch+cpu` is the CPU build of `torch`."""
    table = files("seatrial.profiler") / "data" / "wheels.csv"
    rows = csv.DictReader(table.read_text(encoding="utf-8").splitlines())
    return {row["distribution"]: _wheel(row) for row in rows}


def wheel(name: str, cpu: bool = False) -> Wheel | None:
    """The row of a distribution; that of its CPU build where that is asked for."""
    table = wheels()
    return (table.get(f"{name}+cpu") if cpu else None) or table.get(name)


def _wheel(row: dict[str, str]) -> Wheel:
    def number(column: str) -> float | None:
        return float(row[column]) if row[column] else None

    return Wheel(
        distribution=row["distribution"], version=row["version"],
        compressed_mb=number("compressed_mb"), installed_mb=number("installed_mb"),
        import_mib=number("import_mib"), imports=tuple(row["imports"].split()),
        requires=tuple(row["requires"].split()), loads=tuple(row["loads"].split()),
        source=row["source"], as_of=row["as_of"],
    )  # fmt: skip
