"""Documents for the tests, good and hostile."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable, Iterable

from docx import Document as new_docx
from docx.document import Document as Docx


def docx(build: Callable[[Docx], object]) -> bytes:
    """A DOCX filled by ``build``."""
    document = new_docx()
    build(document)
    out = io.BytesIO()
    document.save(out)
    return out.getvalue()


def plain(*texts: str) -> bytes:
    """A DOCX with a heading 'Text' and these paragraphs."""

    def build(document: Docx) -> None:
        document.add_heading("Text", 1)
        for text in texts:
            document.add_paragraph(text)

    return docx(build)


def parts(data: bytes) -> dict[str, bytes]:
    """The parts of an archive."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def zipped(content: Iterable[tuple[str, bytes]], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    """An archive of these parts, names as they are, twice if they are there twice."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as archive:
        for name, data in content:
            archive.writestr(zipfile.ZipInfo(name), data, method)
    return out.getvalue()


def with_part(name: str, content: bytes, base: bytes | None = None) -> bytes:
    """A good document with one part more, or another one of that name."""
    found = parts(base or plain("A line of text."))
    found[name] = content
    return zipped(found.items())


def with_relationship(kind: str, target: str) -> bytes:
    """A good document whose main part refers to something outside."""
    name = "word/_rels/document.xml.rels"
    found = parts(plain("A line of text."))
    link = (
        '<Relationship Id="rX" TargetMode="External" Type="http://schemas.openxmlformats.org/'
        f'officeDocument/2006/relationships/{kind}" Target="{target}"/></Relationships>'
    )
    found[name] = found[name].replace(b"</Relationships>", link.encode())
    return zipped(found.items())
