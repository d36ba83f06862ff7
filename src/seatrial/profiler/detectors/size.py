"""Size: what gets installed weighs, on disk and in memory, and what CUDA adds to it."""

from __future__ import annotations

import ast
import re
import tomllib
from collections.abc import Iterator, Sequence
from functools import cache
from importlib.resources import files
from pathlib import PurePosixPath

from seatrial.kernel.values import Value
from seatrial.kernel.workload import Fact, Proof
from seatrial.profiler.dependencies import closure
from seatrial.profiler.dependencies.images import Image, images
from seatrial.profiler.dependencies.install import of
from seatrial.profiler.dependencies.names import distributions
from seatrial.profiler.dependencies.python import folder_of
from seatrial.profiler.dependencies.reading import Install, Package, shown
from seatrial.profiler.dependencies.wheels import INTERPRETER, MB, Wheel, wheel, wheels
from seatrial.profiler.dependencies.written import CPU_INDEX
from seatrial.profiler.detectors import gpu
from seatrial.profiler.detectors.late_loads import late_loads
from seatrial.profiler.part import Part
from seatrial.profiler.rules import fact

MIB = 2**20
EXPANDS = 3.2
"""Installed size over wheel size of packages of which only the wheel is known: the median of
those above 1 MB in wheels.csv, 2026-11-21."""
PARTS_SHOWN = 6
_CUDA = re.compile(r"nvidia-.*|cuda-(?:toolkit|bindings|pathfinder|python)|triton")
_WEIGHTS = re.compile(
    r"[^\s*?<>|\"':]*\.(?:safetensors|pt|pth|ckpt|onnx|gguf|ggml|tflite|h5|hdf5|keras|joblib|pkl"
    r"|pickle|skops|cbm|ubj|npz|bin|model)"
)


class Weight(Value):
    """The sum of some packages in MB, and the names of those whose size is not known."""

    mb: float
    known: int
    unknown: tuple[str, ...]


def detect(part: Part) -> Iterator[Fact]:
    """Sizes of the whole app at its main component, memory at each."""
    install = of(part)
    if part.main and install.packages:
        yield from _disk(part, install)
    yield from memory(part, install)


def _disk(part: Part, install: Install) -> Iterator[Fact]:
    image = next(_images(part), None)
    cpu = install.cpu or (image is not None and CPU_INDEX in image.text)
    weight = installed(install.packages, cpu)
    share = weight.known / max(1, len(install.packages))
    proof = _proof(part)
    value = f"{weight.mb:,.0f} MB in {len(install.packages)} packages"
    if weight.unknown:
        value += f", without {len(weight.unknown)} of unknown size: {shown(weight.unknown)}"
    yield fact(
        "size.installed", proof.file, value, file=proof.file, note=_dated(),
        confidence=round(0.9 * share, 2),
    )  # fmt: skip
    base = _base(image)
    app_mb = sum(file.size_bytes for file in part.source.files) / MB
    if base is not None:
        name, base_mb, source = base
        total = base_mb + weight.mb + app_mb
        yield fact(
            "size.image", name,
            f"{total:,.0f} MB on disk: {name} {base_mb:,.0f}, packages {weight.mb:,.0f}, "
            f"the app's files {app_mb:,.1f}",
            file=image.file if image is not None else proof.file,
            line=image.line if image is not None else 0, note=source,
            confidence=round(0.8 * share, 2),
        )  # fmt: skip
    if not cpu:
        yield from _cuda(part, install)


def installed(packages: Sequence[Package], cpu: bool) -> Weight:
    """What packages weigh once installed."""
    total, known, unknown = 0.0, 0, []
    for one in packages:
        row = wheel(one.name, cpu)
        if row is not None and row.installed_mb is not None and _fits(row, one):
            total, known = total + row.installed_mb, known + 1
        elif one.wheel_bytes:
            total, known = total + one.wheel_bytes / MB * EXPANDS, known + 1
        elif row is not None and row.installed_mb is not None:
            total, known = total + row.installed_mb, known + 1
        else:
            unknown.append(one.name)
    return Weight(mb=total, known=known, unknown=tuple(unknown))


def _fits(row: Wheel, one: Package) -> bool:
    """Whether a row's size is closer than what the lock says of the wheel: by its version."""
    if not one.wheel_bytes or not row.compressed_mb:
        return True
    return 0.8 < one.wheel_bytes / MB / row.compressed_mb < 1.25


def _cuda(part: Part, install: Install) -> Iterator[Fact]:
    names = {one.name for one in install.packages}
    if "torch" not in names or gpu.needed(part) is not None:
        return
    extra = [one for one in install.packages if _CUDA.fullmatch(one.name)]
    if install.lock and not extra:
        return  # A lock without them takes another build.
    saved = _saving(install, extra)
    if saved < 100:
        return
    by = closure.bringer(tuple(part.dependencies.values()), install.packages, "torch")
    if by is None:
        return
    through = "" if by.name == "torch" else f", which {by.name} brings"
    optional = gpu.optional(part) is not None
    where = "the code runs without a GPU too" if optional else "nothing in the code uses a GPU"
    yield fact(
        "size.cuda-wheels", f"torch{through}",
        f"{where}; PyTorch's CPU build would save about {saved:,.0f} MB of {_whole(install):,.0f}",
        file=by.proof.file, line=by.proof.line, note=_dated(), confidence=0.6 if optional else 0.9,
    )  # fmt: skip


def _saving(install: Install, extra: Sequence[Package]) -> float:
    """What the CPU build of PyTorch saves in MB."""
    big, small = wheel("torch"), wheel("torch", cpu=True)
    if big is None or small is None:
        return 0.0
    saved = (big.installed_mb or 0) - (small.installed_mb or 0)
    return saved + installed(extra, cpu=False).mb


def _whole(install: Install) -> float:
    return installed(install.packages, cpu=False).mb


def memory(part: Part, install: Install) -> Iterator[Fact]:
    """The memory of one worker, with what it is made of."""
    table, loaded = wheels(), imported(part, install)
    base = table[INTERPRETER].import_mib or 0.0
    shares: dict[str, float] = {}
    unmeasured: list[str] = []
    for name in loaded:
        row = wheel(name, cpu=True)
        if row is not None and row.import_mib is not None:
            shares[row.distribution.partition("+")[0]] = row.import_mib
        else:
            unmeasured.append(name)
    models = _models(part)
    total = base + sum(shares.values()) + sum(models.values())
    parts = [f"Python {base:.0f}"]
    largest = sorted(shares.items(), key=lambda pair: (-pair[1], pair[0]))
    parts += [f"{name} {size:.0f}" for name, size in largest[:PARTS_SHOWN] if size >= 1]
    rest = sum(size for _, size in largest[len(parts) - 1 :])
    parts += [f"other packages {rest:.0f}"] if rest >= 1 else []
    parts += [f"model files {sum(models.values()):.0f}"] if sum(models.values()) >= 1 else []
    value = f"{total:.0f} MiB: {', '.join(parts)}"
    if unmeasured:
        value += f"; not measured: {shown(unmeasured)}"
    share = len(shares) / max(1, len(loaded))
    yield fact(
        "memory.worker-estimate", part.name, value, file=part.paths[0] if part.paths else "",
        note=_dated(), confidence=round(0.3 + 0.4 * share, 2),
    )  # fmt: skip


def imported(part: Part, install: Install) -> list[str]:
    """The distributions that a component's imports and calls load, of those that get installed."""
    there = {one.name for one in install.packages}
    names = {name for path in part.paths for name, _ in part.source.imports(path)}
    direct = set(late_loads(part) & there)
    for name in sorted(names):
        direct |= {one for one in distributions(name) if one in there}
    found = set(direct)
    for name in direct:
        row = wheel(name, cpu=True)
        found |= there.intersection(row.loads) if row is not None else set()
    return sorted(found)


def _models(part: Part) -> dict[str, float]:
    """The weight files of the app that the component's code names, in MiB."""
    named: set[str] = set()
    for path in part.paths:
        for node in part.source.nodes_of(path, ast.Constant):
            if isinstance(node.value, str):
                text = node.value
                if len(text) < 300 and _WEIGHTS.fullmatch(text):
                    named.add(PurePosixPath(text).name)
    return {file.path: file.size_bytes / MIB for file in part.source.files if file.name in named}


def _images(part: Part) -> Iterator[Image]:
    found = sorted({folder_of(one.proof.file) for one in part.dependencies.values()}, key=len)
    for folder in dict.fromkeys([*found, "."]):
        yield from images(part.source, folder)


@cache
def _bases() -> tuple[dict[str, float], str]:
    text = (files("seatrial.profiler") / "data" / "images.toml").read_text(encoding="utf-8")
    tables = tomllib.loads(text)
    return {name: float(size) for name, size in tables["mb"].items()}, tables["source"]


def _base(image: Image | None) -> tuple[str, float, str] | None:
    """The base image, its size in MB and where that is from; none for one of unknown size."""
    sizes, source = _bases()
    if image is None:
        return "python:slim", sizes["slim"], source
    kind = image.base.partition(":")[2]
    if image.base.split(":")[0].rpartition("/")[2] != "python":
        return None
    key = "slim" if "slim" in kind else "alpine" if "alpine" in kind else "full"
    return image.base, sizes[key], source


def _proof(part: Part) -> Proof:
    first = min(part.dependencies.values(), key=lambda one: one.name, default=None)
    return first.proof if first is not None else Proof(kind="source", rule="size.installed")


def _dated() -> str:
    row = wheels()[INTERPRETER]
    return f"{row.source}, {row.as_of}"
