"""Models: weight files in the app, and the places where models are loaded."""

from __future__ import annotations

import ast
import re
from collections.abc import Sequence
from pathlib import PurePosixPath

from seatrial.kernel.workload import Fact, Proof
from seatrial.profiler.reach import aliases, full_name, literal
from seatrial.profiler.source import Source

_WEIGHTS = (
    "safetensors", "pt", "pth", "ckpt", "onnx", "gguf", "ggml", "tflite", "h5", "hdf5", "keras",
    "joblib", "pkl", "pickle", "skops", "cbm", "ubj", "mlmodel", "pmml", "npz",
)  # fmt: skip
# Reading these runs whatever code the file says.
_CODE = frozenset({"pkl", "pickle", "joblib", "pt", "pth", "ckpt"})
_FILE = re.compile(rf"[^\s*?<>|\"':]*\.({'|'.join(_WEIGHTS)})")
_LOADERS = frozenset({
    "torch.load", "torch.jit.load", "joblib.load", "pickle.load", "cloudpickle.load", "dill.load",
    "numpy.load", "skops.io.load", "onnxruntime.InferenceSession", "onnx.load", "spacy.load",
    "whisper.load_model", "faster_whisper.WhisperModel", "keras.models.load_model",
    "tensorflow.keras.models.load_model", "tensorflow.saved_model.load", "keras.saving.load_model",
    "safetensors.safe_open", "safetensors.torch.load_file", "safetensors.numpy.load_file",
    "safetensors.numpy.load", "safetensors.torch.load", "safetensors.torch.load_model",
    "sentence_transformers.SentenceTransformer", "sentence_transformers.CrossEncoder",
    "transformers.pipeline", "ultralytics.YOLO", "llama_cpp.Llama", "fasttext.load_model",
    "lightgbm.Booster", "gensim.models.KeyedVectors.load", "mlflow.pyfunc.load_model",
    "tensorflow.lite.Interpreter", "huggingface_hub.hf_hub_download",
    "huggingface_hub.snapshot_download",
})  # fmt: skip
_LFS = b"version https://git-lfs"


def detect(source: Source, paths: Sequence[str]) -> tuple[Fact, ...]:
    """Weight files that are there, those the code names, and every load of a model."""
    facts = list(_present(source))
    there = {PurePosixPath(fact.subject).name for fact in facts}
    for path in paths:
        names = aliases(source, path)
        for node in source.nodes(path):
            if isinstance(node, ast.Call):
                facts += _loads(path, node, names)
            elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                found = _FILE.fullmatch(node.value) if len(node.value) < 300 else None
                name = PurePosixPath(node.value).name if found else ""
                if found and name not in there and not name.startswith("."):
                    there.add(name)
                    facts.append(_fact(
                        "model.named", node.value, "not in the app: built or fetched later",
                        path, node.lineno,
                    ))  # fmt: skip
    return tuple(sorted(facts, key=lambda f: (f.proof.file, f.proof.line, f.rule, f.subject)))


def _present(source: Source) -> list[Fact]:
    facts: list[Fact] = []
    for file in source.files:
        suffix = PurePosixPath(file.path).suffix.lstrip(".").lower()
        if suffix not in _WEIGHTS:
            continue
        facts.append(_fact("model.file", file.path, f"{file.size_bytes} bytes", file.path, 0))
        if file.size_bytes < 1024 and source.read_head(file.path, len(_LFS)) == _LFS:
            facts.append(_fact(
                "model.lfs-pointer", file.path, "only a Git LFS pointer: run `git lfs pull`",
                file.path, 0,
            ))  # fmt: skip
        elif suffix in _CODE:
            facts.append(_fact(
                "model.code", file.path, "a pickle: loading it can run any code", file.path, 0
            ))  # fmt: skip
    return facts


def _loads(path: str, node: ast.Call, names: dict[str, str]) -> list[Fact]:
    called = full_name(node.func, names)
    method = node.func.attr if isinstance(node.func, ast.Attribute) else ""
    if called not in _LOADERS and method != "from_pretrained":
        return []
    what = next((text for text in map(literal, node.args[:2]) if text), "")
    shown = called or method
    return [_fact("model.load", what or shown, shown, path, node.lineno)]


def _fact(rule: str, subject: str, value: str, file: str, line: int) -> Fact:
    proof = Proof(kind="source", rule=rule, file=file, line=line)
    return Fact(rule=rule, subject=subject[:300], value=value, proof=proof)
