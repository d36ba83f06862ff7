"""Bytes of the app's files: read without hanging, decoded as Python would, and their digest."""

from __future__ import annotations

import codecs
import errno
import hashlib
import io
import os
import stat
import tokenize

from seatrial.profiler.syntax import short

SAMPLED_BYTES = 64 * 1024**2
"""Files from this size on are not read whole for the digest."""

SAMPLES = 64
SAMPLE_BYTES = 64 * 1024
_CHUNK_BYTES = 1024**2
_BOMS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
# Decoding these takes time that grows with the square of the text.
_SLOW_CODECS = frozenset({"idna", "punycode"})


class NoTextError(Exception):
    """The bytes are not the text that the file's name promises; the message says why."""


def open_file(path: str) -> int:
    """A descriptor of a regular file; `OSError` when something else has taken its place.

    A pipe in the place of the file would otherwise hang the one who opens it.
    """
    handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)
        raise OSError(errno.EINVAL, "no regular file any more")
    return handle


def read_bytes(path: str, size_bytes: int) -> bytes:
    """The first bytes of a file; raises `OSError`."""
    handle = open_file(path)
    try:
        data = os.read(handle, size_bytes)
        while data and len(data) < size_bytes:
            more = os.read(handle, size_bytes - len(data))
            if not more:
                break
            data += more
        return data
    finally:
        os.close(handle)


def digest(path: str, sampled: bool) -> bytes:
    """SHA-256 of a file's content; raises `OSError`.

    `sampled` reads the size and 64 pieces of 64 KiB, evenly spread from the first byte to the
    last: weights that were trained anew differ in all of them, a single changed byte in between
    is not seen.
    """
    handle = open_file(path)
    try:
        total = hashlib.sha256()
        if not sampled:
            while chunk := os.read(handle, _CHUNK_BYTES):
                total.update(chunk)
            return total.digest()
        size = os.fstat(handle).st_size
        total.update(b"sampled" + size.to_bytes(8, "big"))
        for number in range(SAMPLES):
            start = max(size - SAMPLE_BYTES, 0) * number // (SAMPLES - 1)
            total.update(os.pread(handle, SAMPLE_BYTES, start))
        return total.digest()
    finally:
        os.close(handle)


def has_bom(data: bytes) -> bool:
    """Whether the text is in an encoding of more than one byte a letter."""
    return data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))


def decode(data: bytes, python: bool) -> tuple[str, str]:
    """The text, and what has to be said about it; raises `NoTextError`.

    Python files are read as Python reads them. Other texts that are not UTF-8 are read as
    Latin-1, which takes every byte, unless they hold a NUL byte.
    """
    encoding = next((name for bom, name in _BOMS if data.startswith(bom)), "utf-8")
    if python and encoding == "utf-8":
        try:
            encoding = tokenize.detect_encoding(io.BytesIO(data).readline)[0]
        except (SyntaxError, ValueError) as error:
            raise NoTextError(f"its encoding is unknown: {short(error)}") from None
    if encoding in _SLOW_CODECS:
        raise NoTextError(f"its encoding is unknown: {encoding}")
    try:
        return data.decode(encoding), ""
    except (UnicodeError, LookupError):
        if python or encoding != "utf-8" or b"\0" in data:
            raise NoTextError(f"not {encoding} text") from None
    return data.decode("latin-1"), "not utf-8 text: read as latin-1"
