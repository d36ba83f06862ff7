"""JavaScript frontends: every package.json that builds or serves pages."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator, Sequence
from pathlib import PurePosixPath
from posixpath import normpath
from typing import Any

from seatrial.kernel.values import Value
from seatrial.profiler.components.draft import Draft
from seatrial.profiler.declared.start import Start
from seatrial.profiler.modules import beside, join, parent
from seatrial.profiler.reach import dotted
from seatrial.profiler.rules import fact
from seatrial.profiler.source import Source

PACKAGE_BYTES_MAX = 256 * 1024
FRONTENDS_MAX = 8
FILES_READ_MAX = 300
FILE_BYTES_MAX = 128 * 1024


class Kind(Value):
    """A frontend framework: what is installed for it, where its build goes, whether it serves."""

    name: str
    needs: tuple[str, ...]
    output: str
    port: int = 0


# The first whose packages are all there. A port: it is a server of its own, else static files.
KINDS = (
    Kind(name="next", needs=("next",), output=".next", port=3000),
    Kind(name="nuxt", needs=("nuxt",), output=".output", port=3000),
    Kind(name="remix", needs=("@remix-run/react",), output="build", port=3000),
    Kind(name="react-router", needs=("@react-router/dev",), output="build", port=3000),
    Kind(name="sveltekit", needs=("@sveltejs/kit",), output="build", port=3000),
    Kind(name="astro", needs=("astro",), output="dist"),
    Kind(name="gatsby", needs=("gatsby",), output="public"),
    Kind(name="angular", needs=("@angular/core",), output="dist"),
    Kind(name="create-react-app", needs=("react-scripts",), output="build"),
    Kind(name="vue-cli", needs=("@vue/cli-service",), output="dist"),
    Kind(name="vite-react", needs=("vite", "react"), output="dist"),
    Kind(name="vite-vue", needs=("vite", "vue"), output="dist"),
    Kind(name="vite-svelte", needs=("vite", "svelte"), output="dist"),
    Kind(name="vite-preact", needs=("vite", "preact"), output="dist"),
    Kind(name="vite-solid", needs=("vite", "solid-js"), output="dist"),
    Kind(name="parcel", needs=("parcel",), output="dist"),
    Kind(name="webpack-react", needs=("webpack", "react"), output="dist"),
    Kind(name="webpack-vue", needs=("webpack", "vue"), output="dist"),
    Kind(name="vite", needs=("vite",), output="dist"),
)
# Libraries, tools and apps for other places than the browser.
_ELSEWHERE = ("react-native", "expo", "electron", "vscode", "@docusaurus/core", "vitepress",
              "vuepress", "playwright-core")  # fmt: skip
_LOCKS = (
    ("pnpm-lock.yaml", "pnpm"), ("yarn.lock", "yarn"), ("bun.lock", "bun"), ("bun.lockb", "bun"),
    ("package-lock.json", "npm"), ("npm-shrinkwrap.json", "npm"),
)  # fmt: skip
_SOURCES = (".ts", ".tsx", ".js", ".jsx", ".vue", ".svelte", ".mjs", ".astro")
_API = re.compile(
    r"\b(?:VITE|NEXT_PUBLIC|REACT_APP|NUXT_PUBLIC|PUBLIC|VUE_APP|GATSBY)_[A-Z0-9_]{0,60}"
    r"(?:API|URL|HOST|BACKEND|ENDPOINT|SERVER|WS)[A-Z0-9_]{0,60}"
)
_LOCAL = re.compile(r"^([A-Z0-9_]{1,100})\s*=\s*[\"']?https?://(?:localhost|127\.0\.0\.1)", re.M)
_OUT_DIR = re.compile(r"outDir\s*:\s*[\"'`]([^\"'`\n]{1,200})")
_SERVES = frozenset({"StaticFiles", "send_from_directory", "Flask", "FileResponse", "Blueprint",
                     "send_file", "Quart", "static", "add_static"})  # fmt: skip
_NAMES = frozenset({"STATICFILES_DIRS", "STATIC_ROOT", "TEMPLATES", "WHITENOISE_ROOT"})
_SERVING_WORDS = frozenset({*_SERVES, *_NAMES} - {"static", "Blueprint"})
_OUT_ROOT = re.compile(r"^\s*root\s*:\s*\S", re.M)
_DEV = re.compile(r"\b(?:next dev|vite(?: dev)?$|run dev\b|ng serve|react-scripts start|nuxt dev)")


def detect(source: Source, starts: Sequence[Start]) -> list[Draft]:
    """One draft a frontend, the ones nearest to the root first."""
    found = [
        file.path for file in source.files if file.name == "package.json" and not beside(file.path)
    ]
    drafts: list[Draft] = []
    for path in sorted(found, key=lambda p: (p.count("/"), p)):
        draft = _draft(source, path, starts)
        if draft is not None:
            drafts.append(draft)
        if len(drafts) == FRONTENDS_MAX:
            break
    return drafts


def _read(source: Source, path: str) -> dict[str, Any] | None:
    if source.size_bytes(path) > PACKAGE_BYTES_MAX:
        return None
    try:
        data = json.loads(source.read_text(path) or "")
    except (ValueError, RecursionError):
        return None
    return data if isinstance(data, dict) else None


def _table(data: dict[str, Any], name: str) -> dict[str, Any]:
    value = data.get(name)
    return value if isinstance(value, dict) else {}


def _draft(source: Source, path: str, starts: Sequence[Start]) -> Draft | None:
    data = _read(source, path)
    folder = parent(path)
    if data is None:
        return None
    scripts = {k: v for k, v in _table(data, "scripts").items() if isinstance(v, str)}
    installed = _table(data, "dependencies").keys() | _table(data, "devDependencies").keys()
    kind = next((one for one in KINDS if installed.issuperset(one.needs)), None)
    if kind is None or not scripts.keys() & {"build", "start"}:
        return None
    if installed.intersection(_ELSEWHERE) or _table(data, "peerDependencies"):
        return None
    if kind.name.startswith("vite") and not _has_page(source, folder):
        return None  # it bundles assets for the templates of the Python app
    port = _port(source, folder, kind)
    manager, lock = _manager(source, folder, data)
    wanted = "start" if port and "start" in scripts else "build"
    if wanted not in scripts:
        wanted = "build" if "build" in scripts else "start"
    name = "frontend" if folder == "." else PurePosixPath(folder).name
    draft = Draft(
        name, "frontend", kind.name, folder, (manager, "run", wanted), path, folder, port,
        [fact("frontend.found", folder, kind.name, file=path, line=1)],
    )  # fmt: skip
    output = _output(source, folder, kind)
    how = "a server" if port else "static files"
    draft.facts.append(
        fact("frontend.build", normpath(join(folder, output)), f"{how}: {manager} run build",
             file=lock or path)
    )  # fmt: skip
    if not lock:
        draft.facts.append(fact("frontend.no-lockfile", folder, file=path))
    node = _node(source, folder, data)
    if node is not None:
        draft.facts.append(node)
    draft.facts += _api(source, folder)
    if not port:
        draft.facts += list(_served(source, folder, output))[:1]
    draft.facts += _dev(folder, starts)
    return draft


def _port(source: Source, folder: str, kind: Kind) -> int:
    """The port of a frontend that is a server; 0 when its build is files."""
    if kind.name == "next" and "export" in _config(source, folder, "next.config", "output"):
        return 0
    if kind.name == "sveltekit" and _has(source, folder, "svelte.config", "adapter-static"):
        return 0
    if kind.name == "astro" and "server" in _config(source, folder, "astro.config", "output"):
        return 4321
    return kind.port


def _has_page(source: Source, folder: str) -> bool:
    """Vite starts from an index.html, beside its configuration or in the root that this names."""
    root = _OUT_ROOT.search("\n".join(_configs(source, folder, "vite.config")))
    return join(folder, "index.html") in source or root is not None


def _configs(source: Source, folder: str, stem: str) -> Iterator[str]:
    for ending in ("js", "mjs", "cjs", "ts", "mts"):
        path = join(folder, f"{stem}.{ending}")
        if path in source:
            yield (source.read_text(path) or "")[:FILE_BYTES_MAX]


def _has(source: Source, folder: str, stem: str, word: str) -> bool:
    return any(word in text for text in _configs(source, folder, stem))


def _config(source: Source, folder: str, stem: str, key: str) -> str:
    """What a configuration file sets a key to, as text."""
    for text in _configs(source, folder, stem):
        found = re.search(rf"\b{key}\s*:\s*[\"'`]([\w-]{{1,40}})", text)
        if found:
            return found[1]
    return ""


def _output(source: Source, folder: str, kind: Kind) -> str:
    if kind.name.startswith("vite"):
        for text in _configs(source, folder, "vite.config"):
            found = _OUT_DIR.search(text)
            if found:
                return found[1].removeprefix("./")
    if kind.name == "next" and _config(source, folder, "next.config", "output") == "export":
        return "out"
    return kind.output


def _manager(source: Source, folder: str, data: dict[str, Any]) -> tuple[str, str]:
    """The package manager and the lock file; a workspace has its lock file further up."""
    places = [folder]
    while places[-1] != ".":
        places.append(parent(places[-1]))
    for place in places:
        for file, manager in _LOCKS:
            if join(place, file) in source:
                return manager, join(place, file)
    named = str(data.get("packageManager", "")).partition("@")[0]
    return (named if named in ("npm", "pnpm", "yarn", "bun") else "npm"), ""


def _node(source: Source, folder: str, data: dict[str, Any]) -> Any:
    wanted = _table(data, "engines").get("node")
    if isinstance(wanted, str) and wanted:
        return fact("frontend.node", wanted[:50], file=join(folder, "package.json"))
    for place in dict.fromkeys((folder, ".")):
        for name in (".nvmrc", ".node-version"):
            text = (source.read_text(join(place, name)) or "").strip()
            if text and len(text) < 50:
                return fact("frontend.node", text, file=join(place, name), line=1)
    return None


def _api(source: Source, folder: str) -> Iterator[Any]:
    """Variables that carry an address and are written into the build."""
    seen: set[str] = set()
    read = 0
    prefix = "" if folder == "." else f"{folder}/"
    for file in source.files:
        path = file.path
        if not path.startswith(prefix) or file.size_bytes > FILE_BYTES_MAX or beside(path):
            continue
        name = PurePosixPath(path).name
        if not path.endswith(_SOURCES) and not name.startswith(".env"):
            continue
        read += 1
        if read > FILES_READ_MAX:
            return
        text = source.read_text(path) or ""
        for found in _API.finditer(text):
            if found[0] not in seen and found[0] != "PUBLIC_URL" and len(seen) < 20:
                seen.add(found[0])
                line = text.count("\n", 0, found.start()) + 1
                yield fact("frontend.api-env", found[0], file=path, line=line)
        if name == ".env.production":
            for local in _LOCAL.finditer(text):
                line = text.count("\n", 0, local.start()) + 1
                yield fact("frontend.api-localhost", local[1], file=path, line=line)


def _served(source: Source, folder: str, output: str) -> Iterator[Any]:
    """Where the Python code hands out the folder that the build makes."""
    last = PurePosixPath(output).name
    near = PurePosixPath(folder).name
    for path in source.python_files:
        if beside(path) or not source.mentions(path, _SERVING_WORDS):
            continue
        if not source.mentions(path, frozenset({last})):
            continue
        for node in source.nodes(path):
            if isinstance(node, ast.Call):
                called = dotted(node.func).rpartition(".")[2]
                if called not in _SERVES and called not in ("Path", "join"):
                    continue
            elif not isinstance(node, ast.Assign) or not any(
                dotted(target) in _NAMES or dotted(target).isupper() for target in node.targets
            ):
                continue
            parts = _parts(node)
            if last in parts and (folder == "." or near in parts):
                yield fact("frontend.served-by-app", normpath(join(folder, output)), file=path,
                           line=node.lineno)  # fmt: skip
                return


def _parts(node: ast.AST) -> set[str]:
    """The parts of all paths written below a node."""
    return {
        part
        for one in ast.walk(node)
        if isinstance(one, ast.Constant) and isinstance(one.value, str) and len(one.value) < 300
        for part in one.value.replace("\\", "/").split("/")
    }


def _dev(folder: str, starts: Sequence[Start]) -> Iterator[Any]:
    """A development server where the app is started for good."""
    for start in starts:
        if start.role == "frontend" and not start.dev and _DEV.search(start.command):
            inside = start.app_dir == folder or folder == "." or folder in start.command
            if inside and start.origin in ("Procfile", "Dockerfile"):
                yield fact("frontend.dev-server", start.command, file=start.file, line=start.line)
