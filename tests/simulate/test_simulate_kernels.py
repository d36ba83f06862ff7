"""Kernels: made once, of these sources, without a compiler where there is a module; and typed."""

from __future__ import annotations

import ctypes
import importlib
import os
import subprocess
import sys
from pathlib import Path

import llvmlite.binding as llvm
import numpy as np
import pytest

from seatrial.assessor.simulate import chance, kernels, lowering, machine, station
from seatrial.assessor.simulate.kernels import Kernel, Rows, Scalar, kernel, part, rows

SIMULATE = """
import sys
from seatrial.assessor.simulate import service
from seatrial.kernel.simulation import RouteLaw
law = RouteLaw(path="/", weight=1, wall_s=(0.1, 0.2), cpu_share=0.5)
print(service.samples([law], 1000, 1)[1].sum())
assert "numba" not in sys.modules, "numba was loaded"
"""


def test_what_is_made_is_kept_and_numba_is_not_loaded() -> None:
    machine.prepare(lambda _: None)
    folder = Path(os.environ[machine.FOLDER])
    before = {path.name: path.stat().st_mtime_ns for path in folder.iterdir()}
    done = subprocess.run(
        [sys.executable, "-c", SIMULATE], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    after = {path.name: path.stat().st_mtime_ns for path in folder.iterdir()}
    # The lock is touched at most.
    assert {name for name in after if after[name] != before.get(name)} <= {"lock"}


def test_all_sources_of_kernels_count(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for file in (machine.HERE / "replay.py", machine.HERE / "layout.py"):
        (tmp_path / file.name).write_bytes(file.read_bytes())
    monkeypatch.setattr(machine, "HERE", tmp_path)
    before = machine.digest()
    assert machine.digest() == before
    # A file with constants only: numba itself would not look at it.
    (tmp_path / "layout.py").write_text("HOURS = 169")
    assert machine.digest() != before


def test_a_module_of_other_sources_is_not_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shipped, made = tmp_path / "kernels.bc", tmp_path / "made.bc"
    monkeypatch.setattr(machine, "SHIPPED", shipped)
    shipped.write_bytes(b"of others\nwrong")
    made.write_bytes(b"of these\nright")
    told: list[str] = []
    assert machine._module(made, "of these", told.append) == b"right"
    shipped.write_bytes(b"of these\nshipped")
    assert machine._module(made, "of these", told.append) == b"shipped"
    assert not told


def test_the_shipped_module_is_of_these_sources() -> None:
    if not machine.SHIPPED.is_file():
        pytest.skip("only what `make` built has one")
    assert machine.SHIPPED.read_bytes().partition(b"\n")[0].decode() == machine.digest()


@part
def _doubled(value):  # type: ignore[no-untyped-def]
    return 2.0 * value


def _summed(table, weights, count, start):  # type: ignore[no-untyped-def]
    total = start + float(chance.mix(np.uint64(count)) >> np.uint64(60))
    for row in range(table.shape[0]):
        for column in range(table.shape[1]):
            total += _doubled(table[row, column]) * weights[column]
    table[0, 0] = -1.0
    return total


def test_a_kernel_says_what_python_says(monkeypatch: pytest.MonkeyPatch) -> None:
    takes = (rows("f8[:,:]"), rows("i8*"), Scalar("i8"), Scalar("f8"))
    one = Kernel(_summed, takes, "f8")
    table, weights = np.arange(6.0).reshape(2, 3), np.array([1, 10, 100])
    module = lowering.lowered([one])
    engine = llvm.create_mcjit_compiler(llvm.parse_assembly(""), machine._this())
    engine.add_object_file(llvm.ObjectFileRef.from_data(machine._compiled(module)))
    engine.finalize_object()
    monkeypatch.setattr(machine, "address", engine.get_function_address)
    wanted = _summed(table.copy(), weights, np.uint64(3), 0.5)
    assert one(table, weights, 3, 0.5) == wanted
    assert table[0, 0] == -1.0, "it works on what it was given, not on a copy"
    assert _doubled(2.0) == 4.0, "Python has its own functions back"


def test_arrays_of_another_kind_are_refused() -> None:
    takes = Rows(np.dtype("f8"), axes=2)
    assert list(takes.words(np.zeros((2, 3))))[1:] == [2, 3]
    apart = np.zeros((4, 6))[::2, ::2]
    for wrong in (np.zeros(3), np.zeros((2, 3), np.int64), np.zeros((3, 2)).T, apart):
        with pytest.raises(AssertionError):
            list(takes.words(wrong))
    with pytest.raises(AssertionError, match="by place"):
        station.play(g=np.zeros(9, np.int64), vcpu=1.0)
    with pytest.raises(ValueError, match="shorter"):
        station.play(np.zeros(9, np.int64))


def test_every_kernel_has_a_name_of_its_own() -> None:
    importlib.import_module("seatrial.assessor.simulate.run")
    symbols = [one.symbol for one in kernels.KERNELS]
    assert len(set(symbols)) == len(symbols) > 5
    assert kernel("f8", "i8[:]")(_summed).takes == (Scalar("f8"), Rows(np.dtype("i8")))
    kernels.KERNELS.pop()
    assert station.play.takes[0].c_types == [ctypes.c_void_p]
