"""Sizes and memory: the table of wheels, and what is made of it."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date

import pytest
from packaging.utils import canonicalize_name

from seatrial.profiler import dependencies
from seatrial.profiler.dependencies import Package, closure
from seatrial.profiler.dependencies.wheels import INTERPRETER, wheel, wheels
from seatrial.profiler.detectors import gpu, size
from seatrial.profiler.part import Part
from seatrial.profiler.source import Source

ASKS = "torch.cuda.is_available"
Write = Callable[[dict[str, str | bytes]], Source]


def part(source: Source) -> Part:
    install = dependencies.detect(source)
    return Part(
        source=source, name="web", kind="web", framework="FastAPI", entry="app:app",
        paths=("app.py",), dependencies={one.name: one for one in install.dependencies},
    )  # fmt: skip


def mebibytes(source: Source) -> int:
    (fact,) = size.memory(part(source), dependencies.detect(source))
    found = re.match(r"(\d+) MiB: ", fact.value)
    assert found
    return int(found[1])


def test_every_row_says_where_it_is_from() -> None:
    table = wheels()
    assert len(table) >= 150
    for name, row in table.items():
        assert name.partition("+")[0] == canonicalize_name(name.partition("+")[0])
        assert row.source and date.fromisoformat(row.as_of)
        assert all(one == canonicalize_name(one) for one in row.requires)
        for number in (row.compressed_mb, row.installed_mb, row.import_mib):
            assert number is None or number >= 0
    measured = [row for row in table.values() if row.import_mib is not None]
    assert len(measured) >= 150 and table[INTERPRETER].import_mib


def test_wheel_to_installed_is_what_the_table_says() -> None:
    ratios = sorted(
        row.installed_mb / row.compressed_mb
        for row in wheels().values()
        if row.compressed_mb and row.installed_mb and row.compressed_mb > 1
    )
    assert pytest.approx(ratios[len(ratios) // 2], rel=0.05) == size.EXPANDS


def test_what_extras_bring_is_known() -> None:
    names = {name for (name, _), _ in closure._EXTRAS.items()}
    assert all(name == canonicalize_name(name) for name in names)


def test_installed_size() -> None:
    flask = wheel("flask")
    assert flask is not None and flask.installed_mb
    weight = size.installed((Package(name="flask"), Package(name="no-such-thing")), cpu=False)
    assert (weight.mb, weight.known, weight.unknown) == (flask.installed_mb, 1, ("no-such-thing",))
    # A lock knows the wheel of another release better than the table does.
    other = size.installed((Package(name="flask", wheel_bytes=50_000_000),), cpu=False)
    assert other.mb == pytest.approx(50 * size.EXPANDS)
    assert size.installed((Package(name="odd", wheel_bytes=1_000_000),), cpu=False).known == 1


def test_cuda_is_most_of_pytorch(app: Write) -> None:
    code = "import torch\nx = torch.zeros(1)\n"
    big = dependencies.detect(app({"app.py": code, "requirements.txt": "torch==2.4.1\n"}))
    names = {one.name for one in big.packages}
    assert "torch" in names and any(name.startswith("nvidia-") for name in names)
    assert size.installed(big.packages, cpu=False).mb > 2_000
    small = closure.of(big.dependencies, None, cpu=True)[0]
    assert not any(one.name.startswith("nvidia-") for one in small)
    assert size.installed(small, cpu=True).mb < 1_000


def test_memory_adds_up(app: Write) -> None:
    asked = "requirements.txt"
    python = wheels()[INTERPRETER].import_mib
    assert python is not None
    plain = mebibytes(app({"app.py": "import json\n", asked: "pandas==2.2.2\n"}))
    assert plain == round(python)
    pandas = mebibytes(app({"app.py": "import pandas\n", asked: "pandas==2.2.2\n"}))
    row, numpy = wheel("pandas"), wheel("numpy")
    assert row is not None and numpy is not None and row.import_mib and numpy.import_mib
    assert pandas >= round(python + row.import_mib + numpy.import_mib) - 1


@pytest.mark.parametrize(
    ("code", "what", "need"),
    [
        ("import torch\nm.cuda()", ".cuda()", True),
        ("import torch\nd = torch.device('cuda:1')", 'torch.device("cuda:1")', True),
        ("import transformers\np = pipeline('x', device='cuda')", 'device="cuda"', True),
        ("import torch\nd = 'cuda' if torch.cuda.is_available() else 'cpu'", ASKS, False),
        ("import torch\nif torch.cuda.is_available():\n    m.cuda()", ASKS, False),
        ("import transformers\nA.load('x', device_map='auto')", 'device_map="auto"', False),
        ("import torch\nm.to('cpu')", "", False),
        ("x.to('cuda')", "", False),
        ("import torch\nname = 'cuda'\nprint('cuda')", "", False),
    ],
)  # fmt: skip
def test_gpu(app: Write, code: str, what: str, need: bool) -> None:
    here = part(app({"app.py": code + "\n", "requirements.txt": "torch\ntransformers\n"}))
    facts = list(gpu.detect(here))
    assert [(one.rule, one.subject) for one in facts] == (
        [("gpu.wanted" if need else "gpu.optional", what)] if what else []
    )
