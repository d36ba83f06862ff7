"""Machine learning in the process: with what, when its models are loaded, and from where."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import PurePosixPath

from seatrial.kernel.workload import Fact
from seatrial.profiler.detectors import guards, ml_calls, ml_runs
from seatrial.profiler.detectors.constants import resolve
from seatrial.profiler.detectors.index import Index, indexes
from seatrial.profiler.detectors.models import WEIGHT_SUFFIXES
from seatrial.profiler.part import Part
from seatrial.profiler.reach import keyword, last
from seatrial.profiler.rules import fact

# Words in a Dockerfile that show that weights are fetched while the image is built.
_BAKED = re.compile(
    r"from_pretrained|snapshot_download|hf_hub_download|huggingface-cli download|hf download"
    r"|spacy download|nltk\.download|nltk\.downloader|SentenceTransformer\(|whisper\.load_model"
    r"|(download|fetch|preload|cache|warm)[_-]?\w*models?|models?[_-]download|HF_HUB_OFFLINE"
    r"|TRANSFORMERS_OFFLINE|pipeline\(|YOLO\("
)
_NAMES = ("pretrained_model_name_or_path", "model_name_or_path", "model_name", "model", "repo_id",
          "model_size_or_path", "model_id", "name")  # fmt: skip
_MODELS = re.compile(
    r".*(model|clf|classif|regress|net|estimator|forest|trainer|kmeans|xgb|lgbm).*"
)
_TRAINERS = frozenset({"sklearn", "torch", "xgboost", "lightgbm", "catboost", "keras", "tensorflow",
                       "transformers", "prophet", "pytorch_lightning", "lightning"})  # fmt: skip


def detect(part: Part) -> Iterator[Fact]:
    """Frameworks; and where there are any, how their models are loaded and trained."""
    yield from _frameworks(part)
    loads = [
        (index, call, called)
        for index in indexes(part)
        if ml_calls.may_load(index)
        for call in index.of(ast.Call)
        if (called := ml_calls.loads(index, call)) is not None
    ]
    yield from _remote(part, loads)
    if loads:
        runs = ml_runs.Runs(part)
        yield from _downloads(part, runs, loads)
        yield from _repeated(part, runs, loads)
    if part.kind == "web" and part.imports(*_TRAINERS):
        yield from _training(part)


def _frameworks(part: Part) -> Iterator[Fact]:
    known, told = ml_calls.table()["frameworks"], set[str]()
    for path in part.paths:
        for name, line in part.source.imports(path):
            first = name.split(".")[0]
            if first in known and first not in told:
                told.add(first)
                yield fact("ml.framework", first, f"import {name}", file=path, line=line)


def _remote(part: Part, loads: list[tuple[Index, ast.Call, str]]) -> Iterator[Fact]:
    """Models whose repositories' code is run; the first of each file."""
    told: set[str] = set()
    for index, call, called in loads:
        given = keyword(call, "trust_remote_code")
        if not (isinstance(given, ast.Constant) and given.value is True) or index.path in told:
            continue
        what = _what(part, index, call) or called
        pinned = keyword(call, "revision", "code_revision") is not None
        if not pinned and not _is_local(part, what):
            told.add(index.path)
            yield fact("model.remote-code", what, called, file=index.path, line=call.lineno)


def _downloads(
    part: Part, runs: ml_runs.Runs, loads: list[tuple[Index, ast.Call, str]]
) -> Iterator[Fact]:
    """Weights that are fetched while modules are imported or the server starts."""
    if _is_baked(part):
        return
    for index, call, called in loads:
        if not ml_calls.is_hub(called) or not runs.at_start(index, call):
            continue
        if guards.typing_only(index, call) or guards.optional(index, call):
            continue
        what = _what(part, index, call)
        if not what and not ml_calls.nameless(called):
            continue  # a path or a name, nobody can tell
        only = keyword(call, "local_files_only")
        if (what and _is_local(part, what)) or (isinstance(only, ast.Constant) and only.value):
            continue
        shown = called or last(call.func)
        yield fact(
            "model.download-at-start", what or shown, shown, file=index.path, line=call.lineno
        )


def _repeated(
    part: Part, runs: ml_runs.Runs, loads: list[tuple[Index, ast.Call, str]]
) -> Iterator[Fact]:
    """Loads in functions that run for every request."""
    for index, call, called in loads:
        if not ml_calls.is_heavy(called) or guards.once(index, call):
            continue
        handler = runs.each_request(index, call)
        if handler:
            what = _what(part, index, call) or called or last(call.func)
            yield fact("model.load-per-request", what, handler, file=index.path, line=call.lineno)


def _what(part: Part, index: Index, call: ast.Call) -> str:
    """The model that a call names, as far as it can be told."""
    called = last(call.func)
    if called == "pipeline":
        given = keyword(call, "model") or (call.args[1] if len(call.args) > 1 else None)
        if given is None:
            return resolve(part, index, call.args[0]) or "" if call.args else ""
        return resolve(part, index, given) or ""
    if called == "from_model_id" or not call.args:
        return resolve(part, index, keyword(call, *_NAMES)) or ""
    return resolve(part, index, call.args[0]) or ""


def _is_local(part: Part, what: str) -> bool:
    """Whether a name is a path on this machine, or a file of the app."""
    if what.startswith(("/", "./", "../", "~", "models/", "model/", "checkpoints/", "weights/")):
        return not what.startswith("models/") or what.count("/") != 1 or what in part.source.folders
    name = PurePosixPath(what).name
    if what.endswith(WEIGHT_SUFFIXES):
        return any(PurePosixPath(file.path).name == name for file in part.source.files)
    return "/" in what and any(file.path.startswith(f"{what}/") for file in part.source.files)


def _is_baked(part: Part) -> bool:
    """Whether a Dockerfile fetches models while the image is built."""
    for file in part.source.files:
        name = PurePosixPath(file.path).name
        builds = name.startswith(("Dockerfile", "Containerfile")) or name.endswith(".Dockerfile")
        if builds and _BAKED.search(part.source.read_text(file.path) or ""):
            return True
    return False


def _training(part: Part) -> Iterator[Fact]:
    runs: ml_runs.Runs | None = None
    for index in indexes(part):
        if not index.packages & _TRAINERS:
            continue
        for call in index.of(ast.Call):
            name = last(call.func)
            if name not in ("fit", "train", "fit_transform") or not isinstance(
                call.func, ast.Attribute
            ):
                continue
            held = last(call.func.value).lower()
            if name == "train" and (call.args or "trainer" not in held):
                continue  # model.train() only sets a mode
            if name == "fit_transform" or not _MODELS.fullmatch(held):
                continue
            runs = runs or ml_runs.Runs(part)
            handler = runs.each_request(index, call)
            if handler:
                yield fact(
                    "model.train-in-web", f"{held}.{name}", handler,
                    file=index.path, line=call.lineno,
                )  # fmt: skip
