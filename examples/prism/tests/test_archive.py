"""Hostile uploads are refused in clear words, before any part reaches an XML library."""

from __future__ import annotations

import io
import random
import struct
import zipfile

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from prism import archive, reading, sample
from prism.archive import Refused
from tests import made

TEXT = "A line of text that is long enough."
GOOD = made.plain(TEXT)
ENTITY = b'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "b">]><x>&a;</x>'


def refused(data: bytes, words: str) -> None:
    with pytest.raises(Refused, match=words):
        archive.check(data)


def patched(
    data: bytes, name: str, change: tuple[int, int, bytes], local: int | None = None
) -> bytes:
    """The archive with a field of a part's directory entry (and local header) overwritten."""
    raw = bytearray(data)
    with zipfile.ZipFile(io.BytesIO(data)) as opened:
        at = opened.getinfo(name).header_offset
    entry = raw.find(b"PK\x01\x02")
    while raw[entry + 46 : entry + 46 + len(name)] != name.encode():
        entry = raw.find(b"PK\x01\x02", entry + 4)
        assert entry > 0
    offset, length, value = change
    raw[entry + offset : entry + offset + length] = value
    if local is not None:
        raw[at + local : at + local + length] = value
    return bytes(raw)


def test_good_documents_pass() -> None:
    for data in (GOOD, sample.build()):
        archive.check(data)
    archive.check(made.with_relationship("hyperlink", "https://example.org/"))


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "empty"),
        (b"hello", "not a Word document"),
        (b"%PDF-1.7 and so on", "not a Word document"),
        (b"PK\x03\x04 but no archive", "not a Word document"),
        (archive.OLE + b"\0" * 600, "password"),
        (b"PK" + b"\0" * (10 * 1024 * 1024), "larger than 10 MB"),
        (made.zipped([("a.txt", b"text")]), "not a Word document"),
        (GOOD[: len(GOOD) // 2], "not a Word document"),
    ],
)
def test_what_is_no_document(data: bytes, words: str) -> None:
    refused(data, words)


@pytest.mark.parametrize(
    "name", ["../evil.xml", "word/../../evil", "/etc/passwd", "C:evil", "word/a\nb", "..\\evil"]
)
def test_names_that_lead_out(name: str) -> None:
    refused(made.with_part(name, b"x"), "name")


def test_duplicate_names() -> None:
    found = list(made.parts(GOOD).items())
    for twin in ("word/document.xml", "WORD/Document.xml"):
        with pytest.warns() if twin.islower() else _nothing():
            data = made.zipped([*found, (twin, dict(found)["word/document.xml"])])
        refused(data, "same name")


class _nothing:
    def __enter__(self) -> None: ...

    def __exit__(self, *_error: object) -> None: ...


def test_bombs(monkeypatch: pytest.MonkeyPatch) -> None:
    refused(made.with_part("word/big.xml", b"<a>" + b" " * 5_000_000 + b"</a>"), "unpacks to far")
    noise = random.Random(1).randbytes(2_000)
    refused(made.with_part("word/big.bin", noise * 17_500), "unpacks to far")
    many = [(f"word/media/{at}.png", b"\x89PNG") for at in range(2100)]
    refused(made.zipped([*made.parts(GOOD).items(), *many]), "parts; at most")
    monkeypatch.setattr(archive, "MAX_TOTAL_BYTES", 3_000_000)
    spread = [(f"word/media/{at}.bin", noise * 500) for at in range(4)]
    refused(made.zipped([*made.parts(GOOD).items(), *spread]), "unpacks to far")
    archive.check(made.zipped([*made.parts(GOOD).items(), *spread[:2]]))


def test_a_part_that_lies_about_its_size() -> None:
    name = "word/document.xml"
    small = patched(GOOD, name, (24, 4, struct.pack("<I", 10)), local=22)
    refused(small, "damaged")
    large = patched(GOOD, name, (24, 4, struct.pack("<I", 500_000)), local=22)
    refused(large, "damaged")


def test_overlapping_parts() -> None:
    with zipfile.ZipFile(io.BytesIO(GOOD)) as opened:
        first = opened.infolist()[0].header_offset
    refused(patched(GOOD, "word/document.xml", (42, 4, struct.pack("<I", first))), "overlap")


def test_encrypted_parts() -> None:
    refused(patched(GOOD, "word/document.xml", (8, 2, b"\x01\x00"), local=6), "encrypted")


@pytest.mark.parametrize("inner", [GOOD, archive.OLE + b"\0" * 100, b"\x1f\x8b\x08" + b"\0" * 50])
def test_nested_archives(inner: bytes) -> None:
    refused(made.with_part("word/embeddings/sheet.xlsx", inner), "embedded")


@pytest.mark.parametrize("name", ["word/document.xml", "word/styles.xml", "docProps/core.xml", "x"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "utf-8-sig"])
def test_entities(name: str, encoding: str) -> None:
    text = ENTITY.decode().replace("1.0", '1.0" encoding="' + encoding.replace("-sig", ""))
    refused(made.with_part(name, text.encode(encoding)), "entities")


def test_billion_laughs_is_stopped_at_its_declaration() -> None:
    rows = "".join(f'<!ENTITY l{at} "{f"&l{at - 1};" * 10}">' for at in range(1, 12))
    bomb = f'<!DOCTYPE l [<!ENTITY l0 "ha">{rows}]><l>&l11;</l>'
    refused(made.with_part("word/document.xml", bomb.encode()), "entities")


def test_broken_xml() -> None:
    refused(made.with_part("word/document.xml", b"<a><b></a>"), "well-formed")
    odd = b'<?xml version="1.0" encoding="cp037"?><a/>'
    with pytest.raises(Refused):
        archive.check(made.with_part("word/document.xml", odd))


def test_macros() -> None:
    refused(made.with_part("word/vbaProject.bin", b"\1\2"), "macros")
    types = made.parts(GOOD)["[Content_Types].xml"]
    macro = types.replace(
        b"application/vnd.openxmlformats-officedocument.wordprocessingml.document.main+xml",
        b"application/vnd.ms-word.document.macroEnabled.main+xml",
    )
    refused(made.with_part("[Content_Types].xml", macro), "macros")


def test_a_workbook_is_no_document() -> None:
    types = made.parts(GOOD)["[Content_Types].xml"]
    sheet = types.replace(b"wordprocessingml.document.main", b"spreadsheetml.sheet.main")
    refused(made.with_part("[Content_Types].xml", sheet), "not a Word document")


@pytest.mark.parametrize(
    ("kind", "target"),
    [
        ("attachedTemplate", "https://example.org/x.dotm"),
        ("image", "http://169.254.169.254/latest/"),
        ("oleObject", "https://example.org/x"),
        ("frame", "https://example.org/x"),
        ("hyperlink", "file:///etc/passwd"),
        ("hyperlink", r"\\server\share"),
        ("hyperlink", "javascript:alert(1)"),
    ],
)
def test_what_would_be_fetched_from_elsewhere(kind: str, target: str) -> None:
    refused(made.with_relationship(kind, target), "outside itself")


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.integers(0, len(GOOD) - 1), st.binary(min_size=1, max_size=40))
def test_any_damage_is_refused_or_read(at: int, noise: bytes) -> None:
    data = GOOD[:at] + noise + GOOD[at + len(noise) :]
    try:
        assert reading.read(data, "paper", 200).sections
    except Refused as refusal:
        assert str(refusal).endswith(".")
