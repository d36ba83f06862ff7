"""GPU: whether the code needs one, or uses one where there is one."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from seatrial.kernel.values import Value
from seatrial.kernel.workload import Fact
from seatrial.profiler.dependencies.images import images
from seatrial.profiler.part import Part
from seatrial.profiler.rules import fact

# They do not run without CUDA; what a frozen list holds beside PyTorch is not among them.
_ONLY = (
    "vllm", "flash-attn", "cupy", "onnxruntime-gpu", "faiss-gpu", "tensorrt", "auto-gptq",
    "autoawq", "exllamav2", "cuml-cu", "cudf-cu", "apex", "deepspeed", "gptqmodel",
    "tensorflow-gpu", "jax-cuda", "pycuda", "nvidia-dali", "mamba-ssm", "causal-conv1d",
)  # fmt: skip
_ASKS = frozenset({
    "torch.cuda.is_available", "torch.cuda.device_count", "torch.accelerator.is_available",
    "torch.backends.mps.is_available", "torch.accelerator.current_accelerator",
    "tensorflow.config.list_physical_devices", "tensorflow.test.is_gpu_available",
    "tensorflow.config.experimental.list_physical_devices", "cupy.is_available",
    "onnxruntime.get_available_providers", "onnxruntime.get_device", "jax.devices",
    "jax.default_backend", "jax.local_devices", "faiss.get_num_gpus", "torch.cuda.mem_get_info",
    "ctranslate2.get_cuda_device_count", "GPUtil.getAvailable", "accelerate.Accelerator",
})  # fmt: skip
_LIBRARIES = (
    "torch",
    "tensorflow",
    "keras",
    "jax",
    "cupy",
    "onnxruntime",
    "transformers",
    "diffusers",
    "sentence_transformers",
    "faiss",
    "whisper",
    "faster_whisper",
    "whisperx",
    "ctranslate2",
    "accelerate",
    "xgboost",
    "lightgbm",
    "catboost",
    "numba",
    "ultralytics",
    "easyocr",
    "TTS",
    "llama_cpp",
    "ctransformers",
    "GPUtil",
    "langchain_huggingface",
    "langchain_community",
    "langchain",
    "spacy",
    "bitsandbytes",
    "nemo",
    "pytorch_lightning",
    "lightning",
)
_NAMED = frozenset({"device", "device_map", "map_location", "accelerator", "device_type"})


class Use(Value):
    """One place where a GPU is used, or asked after."""

    what: str
    file: str
    line: int


def detect(part: Part) -> Iterator[Fact]:
    """One fact: that a GPU is needed, or that it is used where there is one."""
    use = needed(part)
    if use is not None:
        yield fact("gpu.wanted", use.what, "", file=use.file, line=use.line)
        return
    use = optional(part)
    if use is not None:
        value = "it runs without one too"
        yield fact("gpu.optional", use.what, value, file=use.file, line=use.line)


def needed(part: Part) -> Use | None:
    """Why a component does not run without a GPU; none when it does."""
    for name, one in sorted(part.dependencies.items()):
        if name.startswith(_ONLY):
            return Use(what=name, file=one.proof.file, line=one.proof.line)
    for image in images(part.source, "."):
        if image.base.startswith(("nvidia/cuda", "nvcr.io/")):
            return Use(what=image.base, file=image.file, line=image.line)
    uses = _uses(part)
    if _asks(part) is not None:
        return None
    return uses[0] if uses else None


def optional(part: Part) -> Use | None:
    """Where a component asks whether there is a GPU; none when it does not."""
    return _asks(part)


def _asks(part: Part) -> Use | None:
    if not part.imports(*_LIBRARIES):
        return None
    for path in part.paths:
        for node in part.source.nodes_of(path, ast.Call):
            called = part.code.full_name(path, node.func)
            if called in _ASKS:
                return Use(what=called, file=path, line=node.lineno)
            for given in node.keywords:
                if given.arg == "device_map" and _text(given.value) == "auto":
                    return Use(what='device_map="auto"', file=path, line=node.lineno)
    return None


def _uses(part: Part) -> list[Use]:
    """Where a device is named that only a GPU is."""
    found: list[Use] = []
    for path in part.paths if part.imports(*_LIBRARIES) else ():
        for node in part.source.nodes_of(path, ast.Call):
            what = _called(part, path, node)
            if what:
                found.append(Use(what=what, file=path, line=node.lineno))
    return found


def _called(part: Part, path: str, node: ast.Call) -> str:
    called = part.code.full_name(path, node.func)
    method = node.func.attr if isinstance(node.func, ast.Attribute) else ""
    if method == "cuda" and not node.args and part.imports("torch"):
        return ".cuda()"
    first = _text(node.args[0]) if node.args else ""
    if first.startswith("cuda") and (method == "to" or called == "torch.device"):
        return f'{"torch.device" if called == "torch.device" else ".to"}("{first}")'
    if called in ("torch.cuda.set_device", "torch.set_default_device") and (
        first.startswith("cuda") or (called.endswith("set_device") and "cuda" in called)
    ):
        return called
    for given in node.keywords:
        text = _text(given.value)
        if given.arg in _NAMED and (text.startswith("cuda") or text == "gpu"):
            return f'{given.arg}="{text}"'
    return ""


def _text(node: ast.expr) -> str:
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else ""
