"""Files that the app writes while it serves: gone with the replica's disk, missing on others."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import NamedTuple

from seatrial.kernel.workload import Fact
from seatrial.profiler.code import Def
from seatrial.profiler.detectors.running import argument, default, running, told
from seatrial.profiler.detectors.words import words
from seatrial.profiler.part import Part
from seatrial.profiler.reach import dotted, literal
from seatrial.profiler.rules import fact

_OPENERS = frozenset({
    "open", "io.open", "gzip.open", "bz2.open", "lzma.open", "codecs.open", "aiofiles.open",
    "anyio.open_file", "zipfile.ZipFile", "tarfile.open",
})  # fmt: skip
# What writes the file that stands at a position: shutil.copy(from, to).
_WRITERS = {
    "shutil.copy": 1, "shutil.copyfile": 1, "shutil.copy2": 1, "shutil.move": 1, "numpy.save": 0,
    "numpy.savez": 0, "numpy.savetxt": 0, "joblib.dump": 1, "torch.save": 1, "cv2.imwrite": 0,
    "soundfile.write": 0, "scipy.io.wavfile.write": 0, "matplotlib.pyplot.savefig": 0,
    "urllib.request.urlretrieve": 1, "pdfkit.from_string": 1, "pdfkit.from_url": 1,
    "imageio.imwrite": 0, "plotly.io.write_image": 1, "shutil.make_archive": 0,
}  # fmt: skip
_METHODS = frozenset({
    "write_text", "write_bytes", "to_csv", "to_parquet", "to_pickle", "to_excel", "to_json",
    "savefig", "write_image", "write_html", "to_feather", "to_hdf", "save", "open",
})  # fmt: skip
WRITES_MAX = 300
"""Calls of a file that are looked at closely; what they write is told as one."""
_NAMES = _METHODS | {name.rpartition(".")[2] for name in (*_OPENERS, *_WRITERS)}
_UPLOADS = ("file", "upload", "image", "photo", "document", "attachment", "picture", "avatar",
            "audio", "video", "pdf", "media")  # fmt: skip
_UPLOAD_TYPES = ("fastapi.UploadFile()", "starlette.datastructures.UploadFile()",
                 "flask.request.files", "werkzeug.datastructures.FileStorage()",
                 "quart.request.files", "litestar.datastructures.UploadFile()",
                 "streamlit.file_uploader()", "streamlit.sidebar.file_uploader()",
                 "fastapi.File()", "django.core.files.uploadedfile.UploadedFile()")  # fmt: skip
_SAVED = ("PIL.", "docx.", "openpyxl.", "pptx.", "fitz.", "matplotlib.", "keras.", "pydub.",
          "reportlab.", "fpdf.")  # fmt: skip
_REMOVERS = frozenset({"remove", "unlink", "rmtree", "removedirs", "cleanup"})
_OBJECT_STORES = ("boto3", "botocore", "minio", "s3fs", "gcsfs", "storages", "aioboto3",
                  "aiobotocore", "fsspec", "azure")  # fmt: skip
_TEMPORARY = ("/tmp/", "/var/tmp/", "/dev/shm/")
_READERS = ("open", "read_text", "read_bytes", "read_csv", "read_json", "exists")
_READ_MODES = frozenset("rbtU")


class Written(NamedTuple):
    """A call that writes a file; `target` is where, as it is written in the code."""

    path: str
    one: Def
    call: ast.Call
    target: ast.expr | None
    mode: str


def detect(part: Part) -> Iterator[Fact]:
    """The files written while serving, by what they are for."""
    run = running(part)
    for path in sorted({one.path for one in run}):
        file = part.code.file(path)
        for call in file.calls(_NAMES)[:WRITES_MAX]:
            one = file.at(call)
            if one is None:
                one = next((d for d in run if d.path == path and isinstance(d.node, ast.Module)),
                           None)  # fmt: skip
            if one is None or one not in run:
                continue
            written = _written(part, path, one, call)
            if written is not None:
                yield from _judged(part, written, run[one])


def _written(part: Part, path: str, one: Def, call: ast.Call) -> Written | None:
    called = part.code.meaning(path, call.func)
    if not called and isinstance(part.code.resolve(path, call.func), Def):
        return None  # a function of the app's own: what it writes is found in there
    called = called or part.code.full_name(path, call.func)
    if called in _OPENERS:
        place = 1
        mode = literal(argument(call, "mode", place))
        if mode is None or not set(mode) & set("wax+"):
            return None
        return Written(path, one, call, argument(call, "file", 0), mode)
    if called in _WRITERS:
        return Written(path, one, call, argument(call, "", _WRITERS[called]), "w")
    if called == "shutil.copyfileobj" or not isinstance(call.func, ast.Attribute):
        return None  # what it writes to was opened before
    method, held = call.func.attr, call.func.value
    if method == "open":
        mode = literal(argument(call, "mode", 0))
        is_mode = mode is not None and len(mode) <= 4 and set(mode) <= set("rwaxbt+")
        if not is_mode or not set(mode or "") & set("wax+") or called.startswith("tarfile"):
            return None
        return Written(path, one, call, held, mode or "")
    if method == "save":
        return Written(path, one, call, call.args[0], "w") if _saves(part, path, call) else None
    if method in ("write_text", "write_bytes"):
        return Written(path, one, call, held, "w")
    if method in _METHODS and called not in _WRITERS:
        target = argument(call, "path_or_buf", 0) or argument(call, "path", 0)
        mode = literal(argument(call, "mode")) or "w"
        # `to_csv()` without a file, or into memory, returns text.
        if target is None or (isinstance(target, ast.Constant) and target.value is None):
            return None
        return Written(path, one, call, target, mode)
    return None


def _saves(part: Part, path: str, call: ast.Call) -> bool:
    """`request.files["x"].save(path)`, `picture.save(path)`: other things have a save() too."""
    if not call.args or not isinstance(call.func, ast.Attribute):
        return False
    held = call.func.value
    meaning = part.code.meaning(path, held)
    if meaning.startswith((*_UPLOAD_TYPES, *_SAVED)):
        return True
    name = dotted(held).lower()
    return not meaning and any(word in name for word in _UPLOADS)


def _judged(part: Part, written: Written, root: Def) -> Iterator[Fact]:
    """Which rule a written file falls under."""
    path, one, call = written.path, written.one, written.call
    target = written.target
    given = target
    if isinstance(given, ast.Call) and part.code.meaning(path, given.func) == "pathlib.Path":
        given = argument(given, "", 0) if len(given.args) == 1 else None
    text, env = default(part.code, path, given)
    if _in_memory(part, path, target):
        return
    subject = text or _shown(target) or "a file"
    value = f"{told(one, root)}{f', unless {env} says otherwise' if env else ''}"
    rule, confidence = "state.file", 0.8 if text else 0.7
    if part.imports(*_OBJECT_STORES):
        confidence = 0.5  # it may be told to keep them there
    if _temporary(part, path, target, text):
        rule = "state.temp-file"
        value += ", removed there" if _removed(part, one) else ""
    elif _removed(part, one):
        rule, value = "state.temp-file", f"{value}, removed there"
    elif text is not None and (text.endswith(".log") or (
        "a" in written.mode and "log" in words(text.rpartition("/")[2])
    )):  # fmt: skip
        rule = "state.log-file"
    elif _is_upload(part, written):
        rule = "state.upload-folder"
    elif "a" in written.mode or _read_back(part, written, text):
        rule = "state.single-writer"
    yield fact(rule, subject, value, file=path, line=call.lineno, confidence=confidence)


def _in_memory(part: Part, path: str, target: ast.expr | None) -> bool:
    """Whether what is written to is no file: a buffer, a temporary file object, a response."""
    meaning = part.code.meaning(path, target) if target is not None else ""
    names = dotted(target).lower() if target is not None else ""
    return meaning.startswith(("io.", "django.http.", "flask.", "storages.", "s3fs.", "gcsfs.",
                               "boto3.", "google.cloud.", "fsspec.")) or (
        names.rpartition(".")[2] in ("buffer", "buf", "output", "stream", "response", "bio", "out",
                                     "fp", "memory_file", "img_io", "bytes_io", "f", "fh", "tmp")
    )  # fmt: skip


def _temporary(part: Part, path: str, target: ast.expr | None, text: str | None) -> bool:
    if text is not None and text.startswith(_TEMPORARY):
        return True
    for inner in _parts(part, path, target):
        if isinstance(inner, ast.Constant) and str(inner.value).startswith(_TEMPORARY):
            return True
        if isinstance(inner, ast.Name | ast.Attribute | ast.Call):
            if part.code.meaning(path, inner).startswith("tempfile."):
                return True
            last = dotted(inner).rpartition(".")[2].lower()
            if last.startswith(("tmp", "temp")) or last.endswith(("tmp", "temp", "_tmpdir")):
                return True
    return False


def _parts(part: Part, path: str, target: ast.expr | None) -> Iterator[ast.AST]:
    """What a path is put together from, through the names of the function."""
    waiting: list[tuple[ast.AST, int]] = [(target, 0)] if target is not None else []
    seen = 0
    while waiting and seen < 60:
        node, depth = waiting.pop()
        seen += 1
        yield node
        if isinstance(node, ast.Name) and depth < 4:
            file = part.code.file(path)
            for binding in file.names(file.scope(node)).get(node.id, ()):
                if binding.how == "value" and isinstance(binding.what, ast.expr):
                    waiting.append((binding.what, depth + 1))
        else:
            waiting += [(child, depth) for child in ast.iter_child_nodes(node)]


def _removed(part: Part, one: Def) -> bool:
    """Whether the function removes files, too."""
    known = part.source.memo.setdefault("files.removed", {})
    if one not in known:
        known[one] = _removes(part, one)
    return bool(known[one])


def _removes(part: Part, one: Def) -> bool:
    for call in part.code.calls(one):
        last = dotted(call.func).rpartition(".")[2] or (
            call.func.attr if isinstance(call.func, ast.Attribute) else ""
        )
        held = call.func.value if isinstance(call.func, ast.Attribute) else None
        if last in ("unlink", "rmtree", "removedirs", "cleanup") or (
            last == "remove" and held is not None and dotted(held) in ("os", "aiofiles.os")
        ):  # fmt: skip
            return True
        if last == "add_task" and any(dotted(arg).rpartition(".")[2] in _REMOVERS
                                      for arg in call.args):  # fmt: skip
            return True
    return False


def _is_upload(part: Part, written: Written) -> bool:
    """Whether a visitor's file is what is written: its type, or the library's, says so."""
    func = written.call.func
    if isinstance(func, ast.Attribute) and func.attr == "save":
        return not part.code.meaning(written.path, func.value).startswith(_SAVED)
    known = part.source.memo.setdefault("files.takes", {})
    if written.one not in known:
        known[written.one] = _takes_upload(part, written.one)
    return bool(known[written.one])


def _takes_upload(part: Part, one: Def) -> bool:
    """Whether a function reads or copies a visitor's file."""
    for call in part.code.calls(one):
        if not isinstance(call.func, ast.Attribute):
            continue
        reads = call.func.attr in ("read", "getbuffer", "getvalue", "chunks", "iter_chunked")
        copies = call.func.attr == "copyfileobj" and call.args
        given = call.func.value if reads else call.args[0] if copies else None
        named = isinstance(given, ast.Attribute) and given.attr == "file"
        if named and isinstance(given, ast.Attribute):
            given = given.value
        if given is not None:
            meaning = part.code.meaning(one.path, given)
            # `for file in files: ... file.file`: nothing else has a file inside a file.
            if meaning.startswith(_UPLOAD_TYPES) or (named and copies and not meaning):
                return True
    return False


def _read_back(part: Part, written: Written, text: str | None) -> bool:
    """Whether the app reads the same file again, so that it keeps its data there."""
    target = written.target
    name = dotted(target) if target is not None else ""
    if not text and not name.isupper():
        return False
    known = part.source.memo.setdefault("files.read", {})
    if written.path not in known:
        known[written.path] = frozenset(_read(part, written.path))
    return bool({name, text or ""} & known[written.path] - {""})


def _read(part: Part, path: str) -> Iterator[str]:
    """The names and texts of the files that a file of the app reads."""
    for call in part.code.file(path).calls(_READERS):
        func = call.func
        pathlike = isinstance(func, ast.Attribute) and func.attr in ("read_text", "read_bytes")
        given = func.value if pathlike and isinstance(func, ast.Attribute) else None
        given = given or argument(call, "", 0)
        mode = literal(argument(call, "mode", 1)) or "r"
        if given is not None and not (set(mode) - _READ_MODES and len(mode) <= 4):
            yield dotted(given)
            yield literal(given) or ""


def _shown(target: ast.expr | None) -> str:
    """A path as the code writes it, when that is short."""
    if target is None or sum(1 for _ in zip(ast.walk(target), range(30), strict=False)) >= 30:
        return ""
    if isinstance(target, ast.Name) and not target.id.isupper():
        return target.id
    return ast.unparse(target)[:120]
