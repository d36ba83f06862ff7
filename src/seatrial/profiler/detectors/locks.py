"""What assumes one machine: file locks, logs in files, files that visitors' uploads go to."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from seatrial.kernel.workload import Fact
from seatrial.profiler.detectors.running import argument, default, running, settings, told
from seatrial.profiler.part import Part
from seatrial.profiler.reach import literal
from seatrial.profiler.rules import fact

_LOCKS = {
    "filelock.FileLock": "filelock", "fcntl.flock": "fcntl", "fcntl.lockf": "fcntl",
    "portalocker.lock": "portalocker", "portalocker.Lock": "portalocker",
    "fasteners.InterProcessLock": "fasteners", "lockfile.LockFile": "lockfile",
    "filelock.SoftFileLock": "filelock", "filelock.AsyncFileLock": "filelock",
}  # fmt: skip
_LOG_HANDLERS = frozenset({
    "logging.FileHandler", "logging.handlers.RotatingFileHandler",
    "logging.handlers.TimedRotatingFileHandler", "logging.handlers.WatchedFileHandler",
    "concurrent_log_handler.ConcurrentRotatingFileHandler",
})  # fmt: skip
_LOG_WORDS = frozenset({"FileHandler"})
_FIELDS = ("django.db.models.FileField", "django.db.models.ImageField",
           "django.db.models.fields.files.FileField",
           "django.db.models.fields.files.ImageField")  # fmt: skip
_LOCAL_STORAGE = "django.core.files.storage.FileSystemStorage"


def detect(part: Part) -> Iterator[Fact]:
    """File locks while serving, log files, and Django's uploads on disk."""
    yield from _locks(part)
    yield from _logs(part)
    if part.imports("django"):
        yield from _media(part)


def _locks(part: Part) -> Iterator[Fact]:
    names = {name.rpartition(".")[2] for name in _LOCKS}
    for path in part.paths:
        file = part.code.file(path)
        for call in file.calls(names):
            library = _LOCKS.get(part.code.meaning(path, call.func), "")
            one = file.at(call)
            if library and (one is None or one in running(part)):
                place = told(one, running(part).get(one) if one is not None else None)
                yield fact("state.single-writer", library, f"a lock on a file, {place}",
                           file=path, line=call.lineno)  # fmt: skip


def _logs(part: Part) -> Iterator[Fact]:
    """Log files of the standard library and loguru, by call and by dictionary."""
    names = {name.rpartition(".")[2] for name in _LOG_HANDLERS} | {"basicConfig", "add"}
    for path in part.paths:
        file = part.code.file(path)
        for call in file.calls(names):
            called = part.code.meaning(path, call.func)
            given: ast.expr | None = None
            if called in _LOG_HANDLERS:
                given = argument(call, "filename", 0)
            elif called == "logging.basicConfig":
                given = argument(call, "filename")
            elif called == "loguru.logger.add":
                given = argument(call, "sink", 0)
                given = given if literal(given) else None
            if given is not None:
                text, _ = default(part.code, path, given)
                yield fact("state.log-file", text or "a file", told(file.at(call), None),
                           file=path, line=call.lineno)  # fmt: skip
        named = part.source.mentions(path, _LOG_WORDS)
        for node in file.of(ast.Constant) if named else ():
            if isinstance(node.value, str) and node.value in _LOG_HANDLERS and (
                node.value != "logging.FileHandler" or part.source.mentions(
                    path, frozenset({"handlers"}))
            ):  # fmt: skip
                yield fact("state.log-file", node.value.rpartition(".")[2], "logging settings",
                           file=path, line=node.lineno)  # fmt: skip


def _media(part: Part) -> Iterator[Fact]:
    """File fields of Django's models, kept below MEDIA_ROOT by default."""
    for one in settings(part, "DEFAULT_FILE_STORAGE", "STORAGES"):
        texts = [
            inner.value for inner in ast.walk(one.value)
            if isinstance(inner, ast.Constant) and isinstance(inner.value, str)
        ]  # fmt: skip
        default_one = one.key == "DEFAULT_FILE_STORAGE" or "default" in texts
        if default_one and _LOCAL_STORAGE not in texts:
            return
    for path in part.paths:
        for call in part.code.file(path).calls(("FileField", "ImageField")):
            called = part.code.meaning(path, call.func)
            if called in _FIELDS and argument(call, "storage") is None:
                yield fact("state.upload-folder", called.rpartition(".")[2],
                           "kept below MEDIA_ROOT by Django's default storage",
                           file=path, line=call.lineno)  # fmt: skip
                return
