"""How fast is a repository profiled, and how much memory does that take?

Made-up monorepos of 1,000 and 20,000 files (60 % Python, the rest JSON, Markdown, TypeScript and
images), in two variants: `wide`, where the app imports nearly everything, and `narrow`, where it
imports little. Each run is a fresh process, rounds are interleaved, medians are shown; every
round is in the result. Beside it, in the same run:

- read: `os.walk` and reading every file, the floor of any tool that looks at everything;
- grep: `grep -rlE fastapi|flask`, what a tool that only looks for words does;
- parse: `ast.parse` of every Python file with the collector off, one tree at a time;
- command: `seatrial profile DIR --json`, with start-up and output.

    python benchmarks/profiler/bench_profiler.py --out result.json
    python benchmarks/profiler/bench_profiler.py --profile wide-1000       # where the time goes
"""

from __future__ import annotations

import argparse
import ast
import cProfile
import datetime
import gc
import json
import os
import pstats
import random
import resource
import statistics
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from pathlib import Path

LIMIT_S = {1_000: 1.0, 20_000: 15.0}
LIMIT_MIB = {20_000: 600}
SEED = 20261121
FILES_PER_DOMAIN = 20
MODULES = 11

HEAD = '''"""{title} of {domain}: kept apart so that it can be tested by itself."""

from __future__ import annotations

{imports}

logger = logging.getLogger(__name__)
LIMIT = {limit}
NAMES: dict[str, str] = {{"a": "first", "b": "second"}}
'''

CLASS = '''

class {name}(Base):
    """One {noun} with its owner and state."""

    __tablename__ = "{table}"

    id = Column(Integer, primary_key=True)
    name = Column(String(200), nullable=False, index=True)
    owner_id = Column(Integer, ForeignKey("users.id"), nullable=False)
    created_at = Column(DateTime, default=datetime.datetime.utcnow)
    owner = relationship("User", back_populates="{table}")

    def as_dict(self) -> dict[str, object]:
        """What the API shows."""
        return {{"id": self.id, "name": self.name, "created_at": self.created_at.isoformat()}}

    def rename(self, session: Session, name: str) -> None:
        if not name or len(name) > LIMIT:
            raise ValueError(f"{{name!r}} cannot be the name of a {noun}")
        self.name = name.strip()
        session.add(self)
        session.commit()
'''

FUNCTION = '''

def {name}(session: Session, key: str, limit: int = 50, **filters: str) -> list[dict[str, object]]:
    """All {noun} rows for `key`, newest first."""
    query = select({cls}).where({cls}.name == key).order_by({cls}.created_at.desc())
    for column, value in sorted(filters.items()):
        if not hasattr({cls}, column):
            logger.warning("unknown filter %s for %s", column, key)
            continue
        query = query.where(getattr({cls}, column) == value)
    rows = session.execute(query.limit(min(limit, LIMIT))).scalars().all()
    found = [row.as_dict() for row in rows if row.name]
    logger.info("%d of %s", len(found), json.dumps(NAMES.get(key)))
    return found
'''

CLIENT = '''

async def {name}(client: httpx.AsyncClient, payload: dict[str, object]) -> dict[str, object] | None:
    """Send one {noun} to the service next door; none when it did not take it."""
    try:
        answer = await client.post(f"{{BASE_URL}}/{table}", json=payload, timeout=5.0)
        answer.raise_for_status()
    except httpx.HTTPError as error:
        logger.error("{noun} not taken: %s", error)
        return None
    body = answer.json()
    return {{**body, "taken": True, "count": sum(len(str(v)) for v in body.values())}}
'''

UTIL = '''

def {name}(values: list[float], width: int = 10, label: str = "{noun}") -> dict[str, float]:
    """The {noun} figures of one window, rounded as the report shows them."""
    windows = [values[n : n + width] for n in range(0, len(values), width)]
    means = [sum(window) / len(window) for window in windows if window]
    if not means:
        return {{f"{{label}}_mean": 0.0, f"{{label}}_spread": 0.0}}
    middle = sorted(means)[len(means) // 2]
    spread = max(abs(mean - middle) for mean in means)
    logger.debug("%s: %d windows", label, len(windows))
    return {{f"{{label}}_mean": round(middle, 3), f"{{label}}_spread": round(spread, 3)}}
'''

ROUTE = '''

@router.{verb}("/{table}/{{item_id}}/{name}")
def {name}(item_id: int, limit: int = 20, session: Session = Depends(get_session)) -> object:
    """{noun} by its number."""
    row = session.get({cls}, item_id)
    if row is None:
        raise HTTPException(status_code=404, detail="no such {noun}")
    logger.info("%s asked for", item_id)
    return {{"item": row.as_dict(), "limit": limit, "more": [n * 2 for n in range(limit)]}}
'''


SQL = [
    "import datetime",
    "from sqlalchemy import Column, DateTime, ForeignKey, Integer, String, select",
    "from sqlalchemy.orm import Session, relationship",
]
IMPORTS = {
    "routes": ["from fastapi import APIRouter, Depends, HTTPException", *SQL],
    "models": SQL,
    "client": ["import httpx", "from pydantic import BaseModel"],
    "util": ["import math", "from collections import Counter"],
}
PARTS = {"routes": ROUTE, "models": FUNCTION, "client": CLIENT, "util": UTIL}


def python_file(chance: random.Random, domain: str, number: int, wide: bool) -> str:
    """One module of 60 to 150 lines; number 0 of a domain holds its routes."""
    noun = chance.choice(("order", "invoice", "booking", "document", "message", "profile"))
    kind = chance.choice(("models", "models", "client", "util", "util")) if number else "routes"
    imports = ["import json", "import logging", *IMPORTS[kind], ""]
    limit = "100"
    if number:
        imports.append(f"from {domain}.mod_{chance.randrange(number):02} import LIMIT as UPPER")
    elif wide:
        imports += [f"from {domain} import mod_{n:02}" for n in range(1, MODULES)]
    if kind in ("routes", "models"):
        imports.append("from platform_core.base import Base, get_session")
    if kind == "routes":
        imports += ["", "router = APIRouter()"]
    if kind == "client":
        imports.append(f'BASE_URL = "http://{domain}:8000"')
    if not chance.randrange(10):
        imports.insert(0, "import os")
        limit = f'int(os.environ.get("{domain.upper()}_LIMIT", "100"))'
    words = {"noun": noun, "cls": f"{noun.title()}{number}", "table": f"{noun}s_{number}"}
    parts = [HEAD.format(
        title=f"Part {number}", domain=domain, imports="\n".join(imports), limit=limit
    )]  # fmt: skip
    if kind in ("routes", "models"):
        parts.append(CLASS.format(name=words["cls"], **words))
    for turn in range(chance.randrange(4, 9)):
        verb = chance.choice(("get", "post", "delete"))
        parts.append(PARTS[kind].format(name=f"{noun}_{turn}", verb=verb, **words))
    return "".join(parts)


def generate(root: Path, files: int, wide: bool) -> None:
    """Write a monorepo of `files` files; the same ones every time."""
    chance = random.Random(SEED)
    written = 0

    def write(path: str, content: str | bytes) -> None:
        nonlocal written
        file = root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content.encode() if isinstance(content, str) else content)
        written += 1

    domains = [f"domain_{n:04}" for n in range(files // FILES_PER_DOMAIN)]
    used = domains if wide else domains[: max(1, len(domains) // 50)]
    includes = "".join(f"from {name}.mod_00 import router as {name}\n" for name in used)
    adds = "".join(f'app.include_router({name}, prefix="/{name}")\n' for name in used)
    write("main.py", f"from fastapi import FastAPI\n{includes}\napp = FastAPI()\n{adds}")
    write("requirements.txt", "fastapi==0.115.0\nuvicorn\nhttpx\nsqlalchemy\npsycopg[binary]\n")
    write("platform_core/__init__.py", "")
    write("platform_core/base.py", "from sqlalchemy.orm import DeclarativeBase\n\n\nclass Base("
          "DeclarativeBase):\n    ...\n\n\ndef get_session():\n    yield None\n")  # fmt: skip
    for name in domains:
        write(f"{name}/__init__.py", "")
        for number in range(MODULES):
            write(f"{name}/mod_{number:02}.py", python_file(chance, name, number, wide))
        rows = [{"id": n, "name": f"row {n}", "tags": ["a", "b"] * 4} for n in range(60)]
        write(f"{name}/fixtures/rows.json", json.dumps(rows, indent=1))
        write(f"{name}/README.md", f"# {name}\n\n" + "Words about what it does.\n" * 60)
        write(f"{name}/openapi.yaml", "paths:\n" + "  /x: {get: {summary: words}}\n" * 80)
        write(f"{name}/CHANGES.md", "# Changes\n\n" + "- one more thing\n" * 50)
        for number in range(3):
            text = "export const a = (x: number) => { return x * 2; };\n" * 90
            write(f"frontend/src/{name}/View{number}.tsx", text)
        write(f"frontend/public/{name}.png", chance.randbytes(20_000))
    while written < files:
        write(f"docs/page_{written}.md", "# Page\n" + "More words.\n" * 50)


def run_profile(root: Path) -> dict[str, float]:
    """The profile in this process; the import of the profiler is not counted."""
    from seatrial.kernel.demand import AppSettings
    from seatrial.profiler.profile import profile
    from seatrial.profiler.source import Source

    began = time.perf_counter()
    workload = profile(Source.open(root), AppSettings())
    took = time.perf_counter() - began
    facts = sum(len(component.facts) for component in workload.components)
    return {"s": took, "facts": facts, "routes": len(workload.components[0].routes)}


def run_parse(root: Path) -> dict[str, float]:
    """`ast.parse` of every Python file."""
    warnings.simplefilter("ignore")
    gc.disable()
    began = time.perf_counter()
    for folder, _, names in os.walk(root):
        for name in names:
            if name.endswith(".py"):
                ast.parse(Path(folder, name).read_bytes())
    return {"s": time.perf_counter() - began}


def run_read(root: Path) -> dict[str, float]:
    """Reading every file."""
    began, size = time.perf_counter(), 0
    for folder, _, names in os.walk(root):
        for name in names:
            with open(os.path.join(folder, name), "rb") as file:
                size += len(file.read())
    return {"s": time.perf_counter() - began, "mib": size / 2**20}


def run_command(argv: list[str]) -> dict[str, float]:
    """A command from start to end."""
    began = time.perf_counter()
    subprocess.run(argv, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return {"s": time.perf_counter() - began}


def run_grep(root: Path) -> dict[str, float]:
    """What looking for words costs."""
    return run_command(["grep", "-rlE", "--include=*.py", "fastapi|flask", str(root)])


def run_cli(root: Path) -> dict[str, float]:
    """`seatrial profile` as a person starts it."""
    with tempfile.TemporaryDirectory() as state:
        return run_command([
            sys.executable, "-m", "seatrial", "profile", str(root), "--json", "--state-dir", state,
        ])  # fmt: skip


RUNS: dict[str, Callable[[Path], dict[str, float]]] = {
    "profile": run_profile, "command": run_cli, "parse": run_parse, "read": run_read,
    "grep": run_grep,
}  # fmt: skip


def child(kind: str, root: Path) -> None:
    """One measurement, as JSON on stdout."""
    row = RUNS[kind](root)
    own = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    below = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    print(json.dumps({**row, "peak_mib": max(own, below) / 1024}))


def show_profile(name: str, root: Path) -> None:
    """Where the time of one profile goes."""
    variant, files = name.split("-")
    generate(root, int(files), variant == "wide")
    recorder = cProfile.Profile()
    recorder.runcall(run_profile, root)
    pstats.Stats(recorder).sort_stats("tottime").print_stats(40)


def measure(folder: Path, sizes: list[int], rounds: int) -> dict[str, dict[str, object]]:
    """All variants and sizes, round by round."""
    roots: dict[str, Path] = {}
    for files in sizes:
        for variant in ("wide", "narrow"):
            roots[f"{variant}-{files}"] = root = folder / f"{variant}-{files}"
            generate(root, files, variant == "wide")
    taken: dict[tuple[str, str], list[dict[str, float]]] = {}
    for turn in range(rounds + 1):
        for name, root in roots.items():
            for kind in RUNS:
                argv = [sys.executable, __file__, "--child", kind, str(root)]
                out = subprocess.run(argv, check=True, stdout=subprocess.PIPE).stdout
                if turn:  # the first round warms the disk cache
                    taken.setdefault((name, kind), []).append(json.loads(out))
    rows: dict[str, dict[str, object]] = {}
    for (name, kind), every in taken.items():
        files = int(name.split("-")[1])
        row: dict[str, object] = {
            "median_s": round(statistics.median(one["s"] for one in every), 3),
            "peak_mib": round(max(one["peak_mib"] for one in every), 1),
            "limit_s": LIMIT_S.get(files) if kind == "profile" else None,
            "limit_mib": LIMIT_MIB.get(files) if kind == "profile" else None,
            "rounds": [{key: round(value, 4) for key, value in one.items()} for one in every],
        }
        rows[f"{kind} {name}"] = row
        limit = f"   limit {row['limit_s']} s" if row["limit_s"] else ""
        print(f"{kind:8} {name:14} {row['median_s']:8} s  {row['peak_mib']:8} MiB{limit}")
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description="Speed and memory of the profiler")
    parser.add_argument("--out", type=Path)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--sizes", type=int, nargs="+", default=[1_000, 20_000])
    parser.add_argument("--profile", metavar="VARIANT-FILES", help="print where the time goes")
    parser.add_argument("--generate", nargs=2, metavar=("VARIANT-FILES", "DIR"))
    parser.add_argument("--child", nargs=2, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.child:
        child(args.child[0], Path(args.child[1]))
        return
    if args.generate:
        variant, files = args.generate[0].split("-")
        generate(Path(args.generate[1]), int(files), variant == "wide")
        return
    with tempfile.TemporaryDirectory() as folder:
        if args.profile:
            show_profile(args.profile, Path(folder))
            return
        rows = measure(Path(folder), args.sizes, args.rounds)
    from seatrial.trials.machine import describe  # the children that only read do not need it

    machine = describe()
    result = {
        "benchmark": "profiler",
        "started_at": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "machine": {name: getattr(machine, name) for name in machine.__struct_fields__},
        "load_average": os.getloadavg(),
        "results": rows,
    }
    if args.out:
        args.out.write_text(json.dumps(result, indent=2) + "\n")


if __name__ == "__main__":
    main()
