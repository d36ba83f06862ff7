"""Up to which size the app takes files."""

from __future__ import annotations

import ast
import re
import tomllib

from seatrial.profiler.detectors.index import Index, indexes
from seatrial.profiler.detectors.sites import serving
from seatrial.profiler.part import Part
from seatrial.profiler.reach import last

# What frameworks refuse by themselves, read in their documentation in 2026-11.
_OWN = {
    "streamlit": "200 MB, Streamlit's own limit",
    "sanic": "100 MB, Sanic's own limit",
    "tornado": "100 MB, Tornado's own limit",
    "quart": "16 MB, Quart's own limit",
    "litestar": "10 MB, Litestar's own limit",
    "aiohttp": "1 MB, aiohttp's own limit",
    "chainlit": "2 MB, AskFileMessage's own limit",
    "robyn": "",
}
_SETTINGS = frozenset({
    "MAX_CONTENT_LENGTH", "max_file_size", "maxUploadSize", "client_max_size", "REQUEST_MAX_SIZE",
    "max_buffer_size", "max_body_size", "request_max_body_size", "max_size_mb",
})  # fmt: skip
# MAX_UPLOAD_SIZE, max_file_size_mb, UPLOAD_LIMIT_BYTES, FILE_SIZE_LIMIT
_LIMIT_NAME = re.compile(
    r"(?=.*(max|limit))(?=.*(file|upload|attachment|pdf|media|payload))"
    r"(?=.*(size|length|bytes|_mb|_kb|upload_limit))[a-z_0-9]{6,60}"
)
_NGINX = re.compile(r"client_max_body_size\s+([0-9]+[kmg]?)", re.IGNORECASE)
_SIZES = frozenset({"size", "content_length", "st_size", "file_size", "tell", "getsize"})
_CHECK_BYTES_MIN = 1024


def own(framework: str) -> str:
    """What a framework refuses when nobody tells it a limit; '' when it takes everything."""
    return _OWN.get(framework, "")


def found(part: Part) -> str:
    """The limit that the app sets or checks, in words; '' when there is none to be found."""
    served = {(one.path, one.line) for one in serving(part)}
    checked = ""
    for file in indexes(part):
        said = _setting(file)
        if said:
            return said
        checked = checked or _checked(file, served)
    return checked or _streamlit(part) or _nginx(part)


def _setting(file: Index) -> str:
    """A setting by its name, wherever it is given a value other than None."""
    for target, value in file.assigned:
        name = last(target)
        if isinstance(target, ast.Subscript) and isinstance(target.slice, ast.Constant):
            name = str(target.slice.value)
        if _is_limit(name) and not _is_none(value):
            size = number(value)
            if size is None or size >= _CHECK_BYTES_MIN or name.lower().endswith("mb"):
                return _words(name, value)
    for given in file.of(ast.keyword):
        if given.arg in _SETTINGS and not _is_none(given.value):
            return _words(given.arg, given.value)
    for table in file.of(ast.Dict):
        for key, value in zip(table.keys, table.values, strict=True):
            if isinstance(key, ast.Constant) and key.value in _SETTINGS and not _is_none(value):
                return _words(str(key.value), value)
    return ""


def _is_limit(name: str) -> bool:
    return name in _SETTINGS or _LIMIT_NAME.fullmatch(name.lower()) is not None


def _is_none(node: ast.AST) -> bool:
    return isinstance(node, ast.Constant) and node.value is None


def _words(name: str, node: ast.AST) -> str:
    size = number(node)
    if size is None:
        return name
    if name.lower().endswith("_mb") or name == "maxUploadSize":
        return f"{name}: {size:g} MB"
    return f"{name}: {size / 1024**2:.3g} MiB" if size >= _CHECK_BYTES_MIN else f"{name}: {size:g}"


def number(node: ast.AST | None) -> float | None:
    """A constant number, products and powers worked out."""
    if isinstance(node, ast.Constant) and type(node.value) in (int, float):
        value = node.value
        assert isinstance(value, int | float)
        return float(value) if abs(value) < 1e15 else None
    if isinstance(node, ast.BinOp):
        left, right = number(node.left), number(node.right)
        if left is None or right is None:
            return None
        if isinstance(node.op, ast.Mult):
            return left * right if abs(left * right) < 1e15 else None
        if isinstance(node.op, ast.Pow):
            return left**right if 0 <= right <= 6 and 0 <= left <= 1024 else None
        if isinstance(node.op, ast.LShift):
            return left * 2**right if 0 <= right <= 50 else None
    return None


def _checked(file: Index, served: set[tuple[str, int]]) -> str:
    """A comparison of a size with a number of bytes, or a look at Content-Length, in a handler."""
    for node in file.of(ast.Compare):
        if not isinstance(node.ops[0], ast.Gt | ast.GtE | ast.Lt | ast.LtE):
            continue
        sides = (node.left, node.comparators[0])
        if not any(_is_size(side) for side in sides):
            continue
        limit = next((n for n in map(number, sides) if n is not None), None)
        function = file.function(node)
        inside = function is None or (file.path, function.lineno) in served
        if inside and (limit is None or limit >= _CHECK_BYTES_MIN):
            return "its size is checked"
    for text in file.strings:
        if isinstance(text.value, str) and text.value.lower() == "content-length":
            above = next(file.above(text), None)
            read = isinstance(above, ast.Call | ast.Subscript | ast.Compare)
            stored = isinstance(above, ast.Subscript) and isinstance(above.ctx, ast.Store)
            if read and not stored:
                return "Content-Length is checked"
    return ""


def _is_size(node: ast.AST) -> bool:
    if isinstance(node, ast.BinOp):
        return _is_size(node.left)
    if isinstance(node, ast.Call):
        name = last(node.func)
        return name in _SIZES or (name == "len" and _is_bytes(node))
    return (isinstance(node, ast.Attribute) and node.attr in _SIZES) or (
        isinstance(node, ast.Name) and node.id in ("size", "file_size", "total_size", "filesize")
    )  # fmt: skip


def _is_bytes(call: ast.Call) -> bool:
    """Whether `len(x)` is that of something read: by its name, the only thing known of it."""
    name = last(call.args[0]) if call.args else ""
    return name in ("content", "contents", "data", "body", "file_bytes", "raw", "file_content",
                    "payload", "blob", "buffer", "chunk")  # fmt: skip


def _streamlit(part: Part) -> str:
    for path in (".streamlit/config.toml",):
        text = part.source.read_text(path) if path in part.source else None
        try:
            server = tomllib.loads(text or "").get("server")
        except (tomllib.TOMLDecodeError, RecursionError, ValueError):
            continue
        if isinstance(server, dict) and isinstance(server.get("maxUploadSize"), int):
            return f"maxUploadSize: {server['maxUploadSize']} MB"
    return ""


def _nginx(part: Part) -> str:
    """A limit in an nginx configuration that lies beside the app."""
    looked = 0
    for file in part.source.files:
        if "nginx" in file.path.lower() and file.size_bytes < 100_000 and looked < 20:
            looked += 1
            limit = _NGINX.search(part.source.read_text(file.path) or "")
            if limit and limit[1] != "0":
                return f"client_max_body_size {limit[1]} (nginx)"
    return ""
