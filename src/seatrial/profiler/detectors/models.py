"""Models: weight files in the app, and the places where models are loaded."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import PurePosixPath

from seatrial.kernel.workload import Fact
from seatrial.profiler.detectors import ml_calls
from seatrial.profiler.detectors.constants import resolve
from seatrial.profiler.detectors.index import Index, indexes
from seatrial.profiler.part import Part
from seatrial.profiler.reach import last, literal
from seatrial.profiler.rules import fact
from seatrial.profiler.source import Source

_WEIGHTS = (
    "safetensors", "pt", "pth", "ckpt", "onnx", "gguf", "ggml", "tflite", "h5", "hdf5", "keras",
    "joblib", "pkl", "pickle", "skops", "cbm", "ubj", "mlmodel", "pmml", "npz",
)  # fmt: skip
WEIGHT_SUFFIXES = tuple(f".{suffix}" for suffix in _WEIGHTS)
# Reading these runs whatever code the file says.
_CODE = frozenset({"pkl", "pickle", "joblib", "pt", "pth", "ckpt"})
_FILE = re.compile(rf"[^\s*?<>|\"':]*\.({'|'.join(_WEIGHTS)})")
_LFS = b"version https://git-lfs"
FILES_TOLD_MAX = 50
PICKLES_TOLD_MAX = 5
_FIXTURES = frozenset({"tests", "test", "testdata", "fixtures", "nltk_data"})


def detect(part: Part) -> Iterator[Fact]:
    """Weight files that are there, those the code names, and every load of a model."""
    present = list(_present(part.source)) if part.main else []
    yield from present
    there = {PurePosixPath(path).name for path in _weight_files(part.source)}
    for index in indexes(part):
        for call in index.of(ast.Call) if ml_calls.may_load(index) else ():
            yield from _load(part, index, call)
        for node in index.strings:
            text = str(node.value)
            if not text.endswith(WEIGHT_SUFFIXES) or len(text) >= 300:
                continue
            found = _FILE.fullmatch(text)
            name = PurePosixPath(text).name if found else ""
            if found and name not in there and not name.startswith("."):
                there.add(name)
                yield fact(
                    "model.named", text, "not in the app: built or fetched later",
                    file=index.path, line=node.lineno,
                )  # fmt: skip


def _weight_files(source: Source) -> list[str]:
    return [file.path for file in source.files if file.path.lower().endswith(WEIGHT_SUFFIXES)]


def _present(source: Source) -> Iterator[Fact]:
    pickles = 0
    for path in _weight_files(source)[:FILES_TOLD_MAX]:
        suffix = PurePosixPath(path).suffix.lstrip(".").lower()
        size_bytes = source.size_bytes(path)
        yield fact("model.file", path, f"{size_bytes} bytes", file=path)
        if size_bytes < 1024 and source.read_head(path, len(_LFS)) == _LFS:
            yield fact(
                "model.lfs-pointer", path, "only a Git LFS pointer: run `git lfs pull`", file=path
            )
        elif suffix in _CODE and not _FIXTURES & set(PurePosixPath(path).parts[:-1]):
            pickles += 1
            if pickles <= PICKLES_TOLD_MAX:
                yield fact("model.code", path, "a pickle: loading it can run any code", file=path)


def _load(part: Part, index: Index, call: ast.Call) -> Iterator[Fact]:
    found = ml_calls.loads(index, call)
    if found is None:
        return
    texts = [literal(given) or resolve(part, index, given) for given in call.args[:2]]
    what = next((text for text in texts if text), "")
    shown = found or last(call.func)
    yield fact("model.load", what or shown, shown, file=index.path, line=call.lineno)
