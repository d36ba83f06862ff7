"""Secrets that stand in the source: found by their form, in every text file, and never told."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import PurePosixPath

from seatrial.kernel.workload import Fact
from seatrial.profiler.detectors import secret_forms, secret_words, settings_files
from seatrial.profiler.detectors.env import is_secret
from seatrial.profiler.part import Part
from seatrial.profiler.rules import fact
from seatrial.profiler.source import Source

BYTES_MAX = 1024**2
TOLD_MAX = 50
A_FILE_MAX = 5
_NO_TEXT = (
    ".png", ".jpg", ".jpeg", ".gif", ".webp", ".ico", ".svg", ".pdf", ".zip", ".gz", ".tgz", ".xz",
    ".bz2", ".7z", ".whl", ".so", ".dll", ".exe", ".bin", ".woff", ".woff2", ".ttf", ".eot", ".otf",
    ".mp3", ".mp4", ".wav", ".ogg", ".webm", ".mov", ".pyc", ".parquet", ".npy", ".npz", ".pkl",
    ".pickle", ".joblib", ".pt", ".pth", ".onnx", ".safetensors", ".gguf", ".h5", ".keras", ".ckpt",
    ".db", ".sqlite", ".sqlite3", ".po", ".pot", ".mo", ".map", ".min.js", ".min.css", ".lock",
    ".csv", ".tsv", ".jsonl", ".xlsx", ".docx", ".pptx", ".faiss", ".index", ".arrow", ".snap",
    ".xlf",
    # Documentation shows what a secret looks like.
    ".md", ".rst", ".mdx", ".adoc",
)  # fmt: skip
_NO_FILES = frozenset({"package-lock.json", "pnpm-lock.yaml", "composer.lock", "license", "licence",
                       ".secrets.baseline"})  # fmt: skip
_EXAMPLE = re.compile(r"example|sample|template|\.dist$|\.tpl$|mock|fake|dummy|snapshot|test", re.I)
_FOLDERS = frozenset({
    "tests", "test", "testing", "__tests__", "testdata", "fixtures", "spec", "specs", "docs", "doc",
    "examples", "example", "samples", "cypress", "e2e", "integration_tests", "playground", "mocks",
    "cassettes", "snapshots", "vendor", "third_party", "demo_data", "locale", "locales", "i18n",
    "translations",
})  # fmt: skip


def detect(part: Part) -> Iterator[Fact]:
    """What looks like a secret in the whole source; once, with the main component."""
    if not part.main:
        return
    told = 0
    for path in _texts(part.source):
        if not part.source.mentions(path, secret_forms.words()):
            continue
        text = part.source.read_text(path)
        for one in list(secret_forms.in_text(path, text or ""))[:A_FILE_MAX]:
            told += 1
            if told <= TOLD_MAX:
                yield one
    yield from _env_files(part.source)


def _texts(source: Source) -> Iterator[str]:
    """The files that may hold a secret that matters."""
    for file in source.files:
        path = file.path
        if file.size_bytes > BYTES_MAX or path.lower().endswith(_NO_TEXT):
            continue
        if file.name.lower() in _NO_FILES or _EXAMPLE.search(file.name):
            continue
        if "/" in path and _FOLDERS & set(path.lower().split("/")[:-1]):
            continue
        yield path


def _env_files(source: Source) -> Iterator[Fact]:
    """`.env` files that are not ignored and hold values that look real."""
    ignored = source.read_text(".gitignore") or ""
    for path in _texts(source):
        name = path.rpartition("/")[2]
        if not settings_files.is_env_file(name) or _is_ignored(path, ignored):
            continue
        names = [
            setting.key
            for setting in settings_files.parse(path, source.read_text(path) or "")
            if not setting.env and is_secret(setting.key) and secret_words.is_strong(setting.value)
        ]
        if names:
            more = f" and {len(names) - 5} more" if len(names) > 5 else ""
            yield fact("secret.env-file", path, ", ".join(names[:5]) + more, file=path)


def _is_ignored(path: str, ignored: str) -> bool:
    name = PurePosixPath(path).name
    lines = {line.strip().strip("/") for line in ignored.splitlines()}
    return bool({path, name, f"**/{name}", f"{name}*", "*.env", ".env*"} & lines)
