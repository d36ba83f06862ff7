"""Files that visitors send: where, up to which size, and what becomes of them."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from seatrial.kernel.values import Value
from seatrial.kernel.workload import Fact
from seatrial.profiler.detectors import upload_limits
from seatrial.profiler.detectors.index import indexes
from seatrial.profiler.detectors.origins import origin_of
from seatrial.profiler.detectors.sites import Site, handlers, sites
from seatrial.profiler.detectors.upload_names import unsafe_names
from seatrial.profiler.part import Part
from seatrial.profiler.reach import FunctionNode, keyword, last
from seatrial.profiler.rules import fact
from seatrial.profiler.scopes import Def

UPLOAD_TYPES = (
    "fastapi.UploadFile()", "fastapi.datastructures.UploadFile()",
    "starlette.datastructures.UploadFile()", "litestar.datastructures.UploadFile()",
    "litestar.datastructures.upload_file.UploadFile()", "ninja.UploadedFile()",
    "ninja.files.UploadedFile()", "quart.datastructures.FileStorage()",
    "werkzeug.datastructures.FileStorage()", "robyn.UploadFile()",
)  # fmt: skip
REQUEST_FILES = ("flask.request.files", "quart.request.files")
# Widgets and forms, by what makes them.
_MAKERS = {
    "streamlit.file_uploader": "streamlit", "streamlit.camera_input": "streamlit",
    "streamlit.audio_input": "streamlit", "streamlit.sidebar.file_uploader": "streamlit",
    "gradio.UploadButton": "gradio", "gradio.MultimodalTextbox": "gradio",
    "dash.dcc.Upload": "dash", "dash_core_components.Upload": "dash",
    "chainlit.AskFileMessage": "chainlit", "nicegui.ui.upload": "nicegui",
    "flask_wtf.file.FileField": "flask", "flask_wtf.file.MultipleFileField": "flask",
    "django.forms.FileField": "django", "django.forms.ImageField": "django",
    "rest_framework.serializers.FileField": "django",
    "rest_framework.serializers.ImageField": "django",
}  # fmt: skip
_MAKER_NAMES = frozenset(name.rpartition(".")[2] for name in _MAKERS) | {
    "File", "chat_input", "multipart", "post",
}  # fmt: skip
_REMOVERS = frozenset({"unlink", "remove", "rmtree", "cleanup", "removedirs", "close_and_delete"})


class Place(Value):
    """One place where a file is accepted; `own` says that the framework's own limit holds."""

    framework: str
    subject: str
    file: str
    line: int
    own: bool = True


def detect(part: Part) -> Iterator[Fact]:
    """Where files are accepted, and what is dangerous about it."""
    places = list(_places(part))
    if not places:
        return
    limit = upload_limits.found(part)
    unlimited: Place | None = None
    for place in places:
        said = limit or (upload_limits.own(place.framework) if place.own else "")
        if not said and unlimited is None:
            unlimited = place
        yield fact(
            "upload.accepted", place.subject, f"{place.framework}; {said or 'no limit'}",
            file=place.file, line=place.line,
        )  # fmt: skip
    if unlimited is not None:
        yield fact("upload.no-limit", unlimited.subject, unlimited.framework,
                   file=unlimited.file, line=unlimited.line)  # fmt: skip
        yield from _in_memory(part)
    yield from unsafe_names(part, (*UPLOAD_TYPES, *REQUEST_FILES))
    for site in sites(part):
        yield from _archive(site)
        yield from _temp_left(part, site)


def _places(part: Part) -> Iterator[Place]:
    known: set[tuple[str, str]] = set()
    for place in (*_by_parameter(part), *_by_request(part), *_by_call(part)):
        if (place.file, place.subject) not in known:
            known.add((place.file, place.subject))
            yield place


def _by_parameter(part: Part) -> Iterator[Place]:
    """Handlers with an `UploadFile` or `File(...)` parameter."""
    for one in handlers(part):
        if isinstance(one.node, ast.Module):
            continue
        symbols = part.code.symbols
        for argument in (*one.node.args.args, *one.node.args.kwonlyargs):
            note = argument.annotation
            kind = symbols.resolve(one.path, one, ast.Name(argument.arg, ast.Load()))
            origin = kind if isinstance(kind, str) else _item(part, one.path, note)
            if origin in UPLOAD_TYPES or _is_file(part, one, argument):
                framework = origin.partition(".")[0].replace("starlette", "fastapi")
                yield Place(
                    framework=framework or part.framework, subject=f"{one.name}({argument.arg})",
                    file=one.path, line=argument.lineno,
                )  # fmt: skip


def _item(part: Part, path: str, note: ast.expr | None) -> str:
    """What the items of `list[UploadFile]` are."""
    if not isinstance(note, ast.Subscript):
        return ""
    name = origin_of(part.code, path, note.slice)
    return f"{name}()" if name else ""


def _is_file(part: Part, one: Def, argument: ast.arg) -> bool:
    """Whether a parameter is `x = File(...)` or `x: Annotated[bytes, File()]`."""
    assert not isinstance(one.node, ast.Module)
    given = one.node.args
    plain = [*given.posonlyargs, *given.args]
    defaults = dict(zip([arg.arg for arg in reversed(plain)], reversed(given.defaults),
                        strict=False))  # fmt: skip
    marks = [*ast.walk(argument.annotation)] if argument.annotation is not None else []
    if argument.arg in defaults:
        marks.append(defaults[argument.arg])
    return any(
        isinstance(mark, ast.Call)
        and origin_of(part.code, one.path, mark.func) in ("fastapi.File", "ninja.File")
        for mark in marks
    )


def _by_request(part: Part) -> Iterator[Place]:
    """`request.files`, `request.FILES`, `self.request.files`."""
    for file in indexes(part):
        for node in file.of(ast.Attribute):
            if node.attr not in ("files", "FILES"):
                continue
            function = file.function(node)
            subject = f"{function.name}()" if function else "the script"
            held = last(node.value)
            if node.attr == "FILES" and held == "request":
                framework = "django"
            elif node.attr == "FILES":
                continue
            else:
                origin = origin_of(part.code, file.path, node)
                if origin in REQUEST_FILES:
                    framework = origin.partition(".")[0]
                elif held == "request" and part.framework in ("sanic", "tornado", "bottle"):
                    framework = part.framework
                else:
                    continue
            yield Place(framework=framework, subject=subject, file=file.path, line=node.lineno)


def _by_call(part: Part) -> Iterator[Place]:
    """Widgets, form fields and multipart readers."""
    inputs: set[str] | None = None
    for file in indexes(part):
        for call in file.of(ast.Call):
            name = last(call.func)
            if name not in _MAKER_NAMES:
                continue
            origin = origin_of(part.code, file.path, call.func)
            framework = _MAKERS.get(origin, "")
            own = True
            if origin in ("gradio.File", "gradio.components.File"):
                inputs = _gradio_inputs(part) if inputs is None else inputs
                framework = "gradio" if _is_input(file.above(call), call, inputs) else ""
            elif origin == "streamlit.chat_input" and keyword(call, "accept_file") is not None:
                framework = "streamlit"
            elif part.framework == "aiohttp" and name in ("multipart", "post"):
                held = last(call.func.value) if isinstance(call.func, ast.Attribute) else ""
                framework = "aiohttp" if held == "request" else ""
                own = name == "post"
            if framework:
                yield Place(framework=framework, subject=origin or f"request.{name}()",
                            file=file.path, line=call.lineno, own=own)  # fmt: skip


def _gradio_inputs(part: Part) -> set[str]:
    """The names that events and interfaces take as their inputs."""
    found: set[str] = set()
    for file in indexes(part):
        for call in file.of(ast.Call):
            given = [keyword(call, "inputs"), *call.args[1:2]]
            for value in given:
                if value is not None:
                    found.update(n.id for n in ast.walk(value) if isinstance(n, ast.Name))
    return found


def _is_input(above: Iterator[ast.AST], call: ast.Call, inputs: set[str]) -> bool:
    """Whether a `gr.File` is one that visitors fill, and not one that they are given."""
    interactive = keyword(call, "interactive")
    if isinstance(interactive, ast.Constant):
        return interactive.value is True
    below: ast.AST = call
    for node in above:
        if isinstance(node, ast.Assign):
            return any(last(target) in inputs for target in node.targets)
        if isinstance(node, ast.keyword):
            return node.arg == "inputs"
        if isinstance(node, ast.Call):
            return below in node.args[1:2]
        below = node
    return False


def _in_memory(part: Part) -> Iterator[Fact]:
    for site in sites(part):
        if site.name != "read" or site.call.args or site.call.keywords:
            continue
        held = site.origin.removesuffix(".read")
        if held in UPLOAD_TYPES or held.startswith(REQUEST_FILES):
            yield fact("upload.in-memory", "read()", site.where, file=site.path, line=site.line)


def _archive(site: Site) -> Iterator[Fact]:
    """Unpacking; what looks at the members' sizes first is let pass."""
    if site.name not in ("extractall", "unpack_archive"):
        return
    kind = site.origin.partition(".")[0]
    if kind not in ("zipfile", "tarfile", "shutil", "py7zr", "rarfile"):
        return
    if kind == "tarfile" and keyword(site.call, "filter") is not None:
        return
    looked = isinstance(site.one.node, FunctionNode) and any(
        isinstance(node, ast.Attribute) and node.attr in ("file_size", "infolist", "getmembers")
        for node in ast.walk(site.one.node)
    )
    if not looked:
        yield fact("upload.archive", f"{kind}.{site.name}", site.where,
                   file=site.path, line=site.line)  # fmt: skip


def _temp_left(part: Part, site: Site) -> Iterator[Fact]:
    """A temporary file of a handler, in a file of the app that removes none."""
    if site.origin == "tempfile.NamedTemporaryFile":
        delete = keyword(site.call, "delete")
        if not (isinstance(delete, ast.Constant) and delete.value is False):
            return
    elif site.origin not in ("tempfile.mkstemp", "tempfile.mkdtemp"):
        return
    if not any(last(call.func) in _REMOVERS for call in part.code.file(site.path).of(ast.Call)):
        yield fact("upload.temp-left", site.origin, site.where, file=site.path, line=site.line)
