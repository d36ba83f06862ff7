"""Writes src/seatrial/profiler/data/wheels.csv anew: `make catalogue-wheels TORCH_CPU=...`.

For each group of wheels.toml an environment is made with uv from the package index. RECORD tells
the sizes of the installed files, the lock those of the wheels (where the index does not say, the
files are compressed here, as a wheel and an image's layer are), `wheel_probe.py` what importing
costs. CUDA wheels are not installed: PyTorch's default Linux wheel and what it needs are
downloaded and read as zip files. PyTorch's CPU build comes from --torch-cpu, a folder or an index
page that has its wheel. It takes about an hour and 20 GB of disk.
"""

from __future__ import annotations

import argparse
import csv
import json
import platform
import subprocess
import sys
import tempfile
import tomllib
import zipfile
import zlib
from collections import defaultdict
from collections.abc import Iterator
from datetime import date
from email.message import Message
from email.parser import HeaderParser
from pathlib import Path, PurePosixPath

import uv
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

HERE = Path(__file__).parent
TARGET = HERE.parent / "src/seatrial/profiler/data/wheels.csv"
MB = 1_000_000
COLUMNS = (
    "distribution", "version", "compressed_mb", "installed_mb", "import_mib", "imports", "requires",
    "loads", "source", "as_of",
)  # fmt: skip
LINUX = {
    "sys_platform": "linux", "os_name": "posix", "platform_system": "Linux",
    "platform_machine": "x86_64", "implementation_name": "cpython", "python_version": "3.11",
    "platform_python_implementation": "CPython", "python_full_version": "3.11.9", "extra": "",
}  # fmt: skip
CPU = {"torch": "torch+cpu"}
"""Distributions that are measured in another build than the one the index gives on Linux."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--torch-cpu", required=True, help="folder with PyTorch's CPU wheel")
    parser.add_argument("--work", default="", help="folder that is kept between runs")
    parser.add_argument("--groups", nargs="*", help="only these groups")
    given = parser.parse_args()
    wanted = tomllib.loads((HERE / "wheels.toml").read_text())
    rows: dict[str, dict[str, str]] = {}
    failed: list[str] = []
    with tempfile.TemporaryDirectory() as folder:
        work = Path(given.work or folder)
        work.mkdir(parents=True, exist_ok=True)
        for group, names in wanted["groups"].items():
            if given.groups and group not in given.groups:
                continue
            print(group, file=sys.stderr)
            try:
                found = list(measured(work / group, names, wanted["probe"], given.torch_cpu))
            except subprocess.SubprocessError as error:
                failed.append(group)
                print(f"  {group}: {error}", file=sys.stderr)
                continue
            for row in found:
                old = rows.get(row["distribution"])
                if old is None or (not old["import_mib"] and row["import_mib"]):
                    rows[row["distribution"]] = row
        if not given.groups or "torch" in given.groups:
            for row in downloaded(work / "cuda", "torch"):
                rows.setdefault(row["distribution"], row)
    with TARGET.open("w", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows[name] for name in sorted(rows))
    if failed:
        raise SystemExit(f"not measured: {', '.join(failed)}")


def measured(
    place: Path, names: list[str], probes: dict[str, str], torch_cpu: str
) -> Iterator[dict[str, str]]:
    """The rows of one group."""
    python = place / "bin/python"
    wheels = install(place, names, torch_cpu)
    listed = [canonicalize_name(Requirement(name).name) for name in names]
    found = {canonicalize_name(dist.name): dist for dist in installed(place)}
    metas: dict[str, Message] = {name: dist.meta for name, dist in found.items()}
    cost: dict[str, float] = {}
    loads: dict[str, list[str]] = {}
    seen: dict[str, float] = defaultdict(float)
    for name in listed:
        modules = [one for one in found[name].imports if not one.startswith("_")]
        # The module named like the distribution, where there is one: others are helpers.
        likely = [one for one in modules if one == name.replace("-", "_")] or modules[:1]
        statement = probes.get(name) or "; ".join(f"import {one}" for one in likely)
        split = probe(python, name, statement)
        if split is None:
            print(f"  {name}: {statement!r} failed", file=sys.stderr)
            continue
        cost[name] = max(0.0, split.pop(name, 0.0))
        loads[name] = sorted(other for other, size in split.items() if other)
        for other, size in split.items():
            seen[other] = max(seen[other], size)
    cost = {**seen, **cost}
    cost.pop("", None)
    release = ".".join(platform.python_version_tuple()[:2])
    source = f"measured on Linux x86-64, CPython {release}"
    for name, dist in found.items():
        yield {
            "distribution": CPU.get(name, name), "version": dist.version.partition("+")[0],
            "compressed_mb": mb(wheels.get(name) or dist.compressed()),
            "installed_mb": mb(dist.size),
            "import_mib": f"{cost[name]:.1f}" if name in cost else "",
            "imports": " ".join(dist.imports), "requires": " ".join(requires(dist.meta, metas)),
            "loads": " ".join(loads.get(name, [])), "source": source,
            "as_of": date.today().isoformat(),
        }  # fmt: skip
    if "flask" in listed:
        yield interpreter(python, seen[""], source)


def interpreter(python: Path, library: float, source: str) -> dict[str, str]:
    """The row of Python itself: an idle interpreter and what web packages load of its library."""
    text = "print(next(l.split()[1] for l in open('/proc/self/smaps_rollup') if l[:4] == 'Pss:'))"
    idle = int(run([str(python), "-c", text])) / 1024
    return dict.fromkeys(COLUMNS, "") | {
        "distribution": "python", "version": platform.python_version(),
        "import_mib": f"{idle + library:.1f}", "source": source, "as_of": date.today().isoformat(),
    }  # fmt: skip


class Installed:
    """One installed distribution: what its RECORD and METADATA say."""

    def __init__(self, info: Path) -> None:
        meta = HeaderParser().parsestr((info / "METADATA").read_text(errors="replace"))
        self.name, self.version = meta["Name"], meta["Version"]
        with (info / "RECORD").open(newline="") as file:
            files = [row[0] for row in csv.reader(file) if row]
        files = [name for name in files if not name.endswith(".pyc")]
        paths = [info.parent / name for name in files]
        self.paths = [path for path in paths if path.is_file()]
        self.size = sum(path.stat().st_size for path in self.paths)
        self.imports = modules(files)
        self.meta = meta

    def compressed(self) -> int:
        """The size of its files as deflate makes them, at the level of zip and gzip."""
        return sum(len(zlib.compress(path.read_bytes(), 6)) for path in self.paths)


def installed(place: Path) -> Iterator[Installed]:
    for info in sorted(place.glob("lib/python3*/site-packages/*.dist-info")):
        yield Installed(info)


def modules(files: list[str]) -> list[str]:
    """The importable names at the top: `yaml`, and `google.genai` of a namespace package."""
    paths = [PurePosixPath(name) for name in files]
    packages = {str(path.parent) for path in paths if path.name == "__init__.py"}
    tops: set[str] = set()
    for path in paths:
        if path.parts[0].startswith("..") or ".dist-info" in path.parts[0]:
            continue
        if path.suffix not in (".py", ".so"):
            continue
        if len(path.parts) == 1:
            tops.add(path.name.split(".")[0])
        elif path.parts[0] in packages:
            tops.add(path.parts[0])
        else:
            above = [str(one) for one in path.parents if str(one) in packages]
            if above:
                tops.add(above[-1].replace("/", "."))
    named = {name for name in tops if all(part.isidentifier() for part in name.split("."))}
    return sorted(named - {"tests", "test", "docs", "examples", "benchmarks", "setup"})


def requires(meta: Message, others: dict[str, Message]) -> list[str]:
    """What a distribution always needs on Linux, what the extras it asks for bring included."""
    found: set[str] = set()
    waiting = [(meta, "")]
    while waiting:
        one, extra = waiting.pop()
        for text in one.get_all("Requires-Dist", []):
            asked = Requirement(text)
            needed = asked.marker is None or asked.marker.evaluate({**LINUX, "extra": extra})
            if not needed or (extra and "extra" not in str(asked.marker)):
                continue
            name = canonicalize_name(asked.name)
            found.add(name)
            if name in others:
                waiting += [(others[name], brought) for brought in asked.extras]
    return sorted(found)


def install(place: Path, names: list[str], torch_cpu: str) -> dict[str, int]:
    """Make the environment of a group; the sizes of its wheels in bytes."""
    binary, python = uv.find_uv_bin(), str(place / "bin/python")
    lock = place / "pylock.toml"
    extra: list[str] = []
    if any(name.startswith("torch") for name in names):
        extra = ["--find-links", torch_cpu]
        names = ["torch==2.13.0+cpu" if name == "torch" else name for name in names]
    if not lock.exists():
        run([binary, "venv", "--clear", "--python", sys.executable, str(place)])
        asked = place / "asked.in"
        asked.write_text("\n".join(names) + "\n")
        run([binary, "pip", "compile", "--python", python, "--format", "pylock.toml",
             "-o", str(place / "pylock.new.toml"), *extra, str(asked)])  # fmt: skip
        run(
            [
                binary,
                "pip",
                "install",
                "--compile-bytecode",
                "--python",
                python,
                *extra,
                "-r",
                str(asked),
            ]
        )
        (place / "pylock.new.toml").rename(lock)
    sizes: dict[str, int] = {}
    for package in tomllib.loads(lock.read_text())["packages"]:
        named = {
            one.get("name") or one.get("url") or one.get("path"): one.get("size", 0)
            for one in package.get("wheels", [])
        }
        fit = [size for name, size in named.items() if fits(name)]
        if fit:
            sizes[canonicalize_name(package["name"])] = max(fit)
    return sizes


def fits(name: str) -> bool:
    """Whether a wheel is for CPython on x86-64 Linux with glibc."""
    abi, tags = name.removesuffix(".whl").split("-")[-3:-1], name.rpartition("-")[2]
    minor = f"cp3{sys.version_info.minor}"
    right = abi[0] == minor or "abi3" in abi[1] or abi[0].startswith("py")
    return right and (
        "any" in tags or ("linux" in tags and "x86_64" in tags and "musl" not in tags)
    )


def downloaded(place: Path, name: str) -> Iterator[dict[str, str]]:
    """The rows of a distribution's default wheel and of the CUDA wheels that it needs."""
    if not place.exists():
        # uv has no `download`; pip comes with an environment that is seeded with it.
        run([uv.find_uv_bin(), "venv", "--clear", "--seed", str(place.with_name("pip"))])
        pip = [str(place.with_name("pip") / "bin/python"), "-m", "pip"]
        run([*pip, "download", "--quiet", "--only-binary", ":all:", "--dest", str(place), name])
    read: dict[str, tuple[Path, Message, list[str], int]] = {}
    for file in sorted(place.glob("*.whl")):
        with zipfile.ZipFile(file) as wheel:
            info = next(one for one in wheel.namelist() if one.endswith(".dist-info/METADATA"))
            meta = HeaderParser().parsestr(wheel.read(info).decode(errors="replace"))
            size = sum(one.file_size for one in wheel.infolist())
            read[canonicalize_name(meta["Name"])] = (file, meta, wheel.namelist(), size)
    metas = {one: meta for one, (_, meta, _, _) in read.items()}
    for one, (file, meta, names, size) in read.items():
        yield {
            "distribution": one, "version": meta["Version"],
            "compressed_mb": mb(file.stat().st_size), "installed_mb": mb(size), "import_mib": "",
            "imports": " ".join(modules(names)), "requires": " ".join(requires(meta, metas)),
            "loads": "", "source": "the wheel's own listing", "as_of": date.today().isoformat(),
        }  # fmt: skip


def probe(python: Path, own: str, statement: str) -> dict[str, float] | None:
    """Memory in MiB that a statement takes, by distribution; none when it fails."""
    command = [str(python), str(HERE / "wheel_probe.py"), statement]
    try:
        told = json.loads(run(command).splitlines()[-1])
    except (subprocess.SubprocessError, IndexError, ValueError):
        return None
    whole, split = told["after"] - told["base"], told["split"]
    scale = whole / sum(split.values()) if sum(split.values()) > whole else 1.0
    named: dict[str, float] = defaultdict(float)
    for name, size in split.items():
        named[canonicalize_name(name) if name else ""] += size * scale
    # What a client or a model takes once it is made is its maker's.
    named[own] += max(0.0, whole - sum(split.values()))
    return named


def run(command: list[str]) -> str:
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=1800, cwd="/", check=False
    )
    if done.returncode:
        print(done.stderr[-1500:], file=sys.stderr)
        done.check_returncode()
    return done.stdout


def mb(size: int) -> str:
    return f"{size / MB:.2f}" if size else ""


if __name__ == "__main__":
    main()
