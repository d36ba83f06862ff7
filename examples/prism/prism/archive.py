"""Is this upload really a Word document, and is it safe to open?

Judged by content, never by name, and before any part is given to an XML or Word library.
"""

from __future__ import annotations

import io
import re
import zipfile
import zlib
from xml.parsers import expat

from lxml import etree

from prism.config import MAX_FILE_BYTES, MIB

MAX_ENTRIES = 2000
MAX_PART_BYTES = 32 * MIB
MAX_TOTAL_BYTES = 96 * MIB
MAX_RATIO = 200  # real documents stay below 60; checked only for parts that grow large
RATIO_FROM_BYTES = MIB
LOCAL_HEADER_BYTES = 30  # a zip's local file header without name and extra field

OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"  # old Office files, and encrypted new ones
ARCHIVES = (b"PK\x03\x04", b"PK\x05\x06", b"Rar!", b"7z\xbc\xaf\x27\x1c", b"\x1f\x8b", b"BZh")
RELATIONSHIP = "{http://schemas.openxmlformats.org/package/2006/relationships}Relationship"
LINK_SCHEMES = ("http:", "https:", "mailto:", "tel:", "#")
MAIN_TYPES = (
    b"application/vnd.openxmlformats-officedocument.wordprocessingml.document.main+xml",
    b"application/vnd.openxmlformats-officedocument.wordprocessingml.template.main+xml",
)


class Refused(ValueError):
    """Why an upload is not read, in words for the person who sent it."""


def check(data: bytes) -> None:
    """Raise Refused unless ``data`` is a plain, unencrypted DOCX within all limits."""
    if not data:
        raise Refused("The file is empty.")
    if len(data) > MAX_FILE_BYTES:
        raise Refused(f"The file is larger than {MAX_FILE_BYTES // MIB} MB.")
    if data.startswith(OLE):
        raise Refused(
            "The file is protected with a password or is an old .doc. "
            "Save it in Word as .docx without a password."
        )
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            _entries(archive.infolist(), len(data))
            try:
                _parts(archive)
            except (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError) as error:
                raise Refused("The file is damaged: a part of it cannot be unpacked.") from error
    except (zipfile.BadZipFile, NotImplementedError, UnicodeError) as error:
        raise Refused("The file is not a Word document (.docx).") from error


def _entries(entries: list[zipfile.ZipInfo], file_bytes: int) -> None:
    """Names, flags and sizes as the archive's directory states them."""
    if len(entries) > MAX_ENTRIES:
        raise Refused(f"The file has {len(entries)} parts; at most {MAX_ENTRIES} are read.")
    names: set[str] = set()
    end = 0
    for entry in sorted(entries, key=lambda entry: entry.header_offset):
        name = entry.filename
        pieces = name.replace("\\", "/").split("/")
        if ".." in pieces or name.startswith("/") or "\\" in name or ":" in name:
            raise Refused("The file has a part whose name leads out of the document.")
        if name != entry.orig_filename or not name.isprintable():
            raise Refused("The file has a part with control characters in its name.")
        if name.lower() in names:
            raise Refused(f"The file has two parts of the same name ({name[:80]}).")
        names.add(name.lower())
        if entry.flag_bits & 0x41:
            raise Refused("The file is encrypted. Save it without a password.")
        if entry.header_offset < end:
            raise Refused("The file is damaged: its parts overlap.")
        end = entry.header_offset + LOCAL_HEADER_BYTES + entry.compress_size
        if end > file_bytes:
            raise Refused("The file is damaged: a part is longer than the file.")
        if entry.file_size > MAX_PART_BYTES or (
            entry.file_size > RATIO_FROM_BYTES
            and entry.file_size > MAX_RATIO * max(1, entry.compress_size)
        ):
            raise Refused(_too_large())
    if sum(entry.file_size for entry in entries) > MAX_TOTAL_BYTES:
        raise Refused(_too_large())
    if "[content_types].xml" not in names or "word/document.xml" not in names:
        raise Refused("The file is an archive, but not a Word document (.docx).")
    if any(name.endswith("vbaproject.bin") for name in names):
        raise Refused("The document has macros. Save it as .docx, which leaves them out.")


def _too_large() -> str:
    return "The file unpacks to far more than a document needs and is not opened."


def _parts(archive: zipfile.ZipFile) -> None:
    """Unpack every part within the limits, and look into it."""
    for entry in archive.infolist():
        if entry.is_dir():
            continue
        with archive.open(entry) as part:
            content = part.read(entry.file_size + 1)  # what it says, whatever follows
        if len(content) != entry.file_size:
            raise Refused("The file is damaged: a part has another size than stated.")
        if content.startswith((*ARCHIVES, OLE)):
            raise Refused(
                f"The document has another file embedded in it ({entry.filename[:80]}). "
                "Remove embedded files or paste them as pictures."
            )
        name = entry.filename.lower()
        if name.endswith((".xml", ".rels")) or _looks_like_xml(content):
            _no_declarations(content)
        if name == "[content_types].xml":
            _content_types(content)
        if name.endswith(".rels"):
            _relationships(content)


def _looks_like_xml(content: bytes) -> bool:
    start = content[:64].lstrip(b"\xef\xbb\xbf\xff\xfe\x00 \t\r\n")
    return start.startswith(b"<")


def _no_declarations(content: bytes) -> None:
    """Refuse a document type declaration: nothing in it is needed, and entities hide there.

    The parser stops at the declaration, before it would read any entity.
    """
    parser = expat.ParserCreate()

    def refuse(*_declaration: object) -> None:
        raise Refused("The document declares XML entities, which no Word document needs.")

    parser.StartDoctypeDeclHandler = refuse
    parser.EntityDeclHandler = refuse
    try:
        parser.Parse(content, True)
    except expat.ExpatError as error:
        raise Refused("The file is damaged: a part of it is not well-formed XML.") from error
    except (LookupError, ValueError) as error:
        if isinstance(error, Refused):
            raise
        raise Refused("The file has a part in a text encoding that is not read.") from error


def _content_types(content: bytes) -> None:
    if b"macroEnabled" in content:
        raise Refused("The document has macros. Save it as .docx, which leaves them out.")
    if not any(kind in content for kind in MAIN_TYPES):
        raise Refused("The file is an Office file, but not a Word document (.docx).")


def _relationships(content: bytes) -> None:
    """Refuse whatever would be fetched from elsewhere; plain links to web pages are text."""
    parser = etree.XMLParser(resolve_entities=False, no_network=True, huge_tree=False)
    for link in etree.fromstring(content, parser).iter(RELATIONSHIP):
        if link.get("TargetMode", "").lower() != "external":
            continue
        kind = re.sub(r"\W", "", link.get("Type", "").rsplit("/", 1)[-1])
        target = link.get("Target", "").strip().lower()
        if kind == "hyperlink" and target.startswith(LINK_SCHEMES):
            continue
        raise Refused(
            f"The document refers to something outside itself ({kind[:40] or 'unknown'}). "
            "Embed pictures and detach templates, then save it again."
        )
