"""What may be uploaded: by what is declared and by the first bytes, however the body is cut."""

from __future__ import annotations

import io
import zipfile

import pytest
from guard_apps import Server, server_of
from hypothesis import given
from hypothesis import strategies as st

from seatrial_runtime.guard.media import MediaTypes
from seatrial_runtime.guard.refusals import BodyRefusedError
from seatrial_runtime.guard.uploads import inspector

DOCX = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
PDF, PNG = b"%PDF-1.7\n%\xe2\xe3", b"\x89PNG\r\n\x1a\n" + b"\0" * 30
JPEG, GIF = b"\xff\xd8\xff\xe0\0\x10JFIF", b"GIF89a\x01\0\x01\0"
WEBP = b"RIFF\x24\0\0\0WEBPVP8 "
ELF = b"\x7fELF\x02\x01\x01"
TYPES = MediaTypes(("application/pdf", "image/*", DOCX, "text/csv"))


def docx() -> bytes:
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w") as archive:
        archive.writestr("[Content_Types].xml", "<Types/>")
    return held.getvalue()


def form(*parts: tuple[str, str, bytes], boundary: str = "xYx") -> tuple[str, bytes]:
    """Parts by their Content-Disposition parameters, type and bytes."""
    body = b""
    for parameters, declared, data in parts:
        body += f"--{boundary}\r\nContent-Disposition: form-data; {parameters}\r\n".encode()
        if declared:
            body += f"Content-Type: {declared}\r\n".encode()
        body += b"\r\n" + data + b"\r\n"
    return f"multipart/form-data; boundary={boundary}", body + f"--{boundary}--\r\n".encode()


def judge(content_type: str, body: bytes, step: int = 1 << 20, encoded: bool = False) -> int:
    """The status that the body is refused with, or 200."""
    try:
        looks = inspector(TYPES, content_type, encoded)
        if looks is not None:
            for start in range(0, len(body), step):
                looks.feed(body[start : start + step])
            looks.end()
    except BodyRefusedError as error:
        return error.refusal.status
    return 200


FILE = 'name="f"; filename="a"'


@pytest.mark.parametrize(
    ("declared", "data", "status"),
    [
        ("application/pdf", PDF, 200),
        ("application/pdf", PNG, 415),
        ("application/pdf", ELF, 415),
        ("application/pdf; version=1", PDF, 200),
        ("APPLICATION/PDF", PDF, 200),
        ("image/png", PNG, 200),
        ("image/jpeg", JPEG, 200),
        ("image/gif", GIF, 200),
        ("image/webp", WEBP, 200),
        ("image/webp", b"RIFF\x24\0\0\0WAVEfmt ", 415),
        ("image/png", JPEG, 415),
        ("image/svg+xml", b"<svg/>", 200),
        ("image/x-unknown", ELF, 415),
        (DOCX, docx(), 200),
        (DOCX, b"PK", 415),
        (DOCX, PDF, 415),
        ("text/csv", b"a,b\r\n1,2\r\n", 200),
        ("text/csv", "a,ü\n".encode("utf-16"), 200),
        ("text/csv", b"a\0b", 415),
        ("text/csv", PDF, 415),
        ("text/html", b"<html>", 415),
        ("application/zip", docx(), 415),
        ("", PDF, 200),
        ("", docx(), 200),
        ("application/octet-stream", PNG, 200),
        ("", ELF, 415),
        ("application/octet-stream", ELF, 415),
        ("application/pdf", b"", 200),
    ],
)
@pytest.mark.parametrize("step", [1, 7, 1 << 20])
def test_files_in_forms_and_whole_bodies(
    declared: str, data: bytes, status: int, step: int
) -> None:
    kind, body = form(('name="title"', "", b"anything \0 at all"), (FILE, declared, data))
    assert judge(kind, body, step) == status
    assert judge(declared, data, step) == status


def test_what_forms_and_apis_send_is_no_upload() -> None:
    for kind in ("application/json", "application/x-www-form-urlencoded", "application/ld+json"):
        assert judge(kind, b"\0anything") == 200
    assert judge(*form(('name="filename"', "", b"a name"))) == 200
    assert judge(*form(('name="j"', "application/json", b"{}"))) == 200


def test_ways_around_it_are_closed() -> None:
    for parameters in (
        "name=f; filename=a",
        'name="f"; FileName="a"',
        "name=f; filename*=UTF-8''a",
        'filename="a"; name="f"',
        'name="f" ;filename = "a"',
        'name="a\\"; filename=x"',
    ):
        assert judge(*form((parameters, "application/pdf", ELF))) == 415, parameters
    kind, body = form((FILE, "application/pdf\r\nContent-Type: text/csv", PDF))
    assert judge(kind, body) == 400
    assert judge("multipart/form-data", body) == 400
    assert judge(kind, body[:-10]) == 400
    assert judge(kind, b"no form") == 400
    assert judge("multipart/mixed; boundary=x", b"--x--") == 415
    assert judge("application/pdf", PDF, encoded=True) == 415
    assert judge("multipart/form-data; boundary=" + "x" * 5000, b"") == 400


def test_the_second_file_is_looked_at_too() -> None:
    assert judge(*form((FILE, "application/pdf", PDF), (FILE, "application/pdf", ELF))) == 415
    assert judge(*form((FILE, "application/pdf", PDF * 500), (FILE, "image/gif", GIF))) == 200


@given(st.binary(max_size=200), st.integers(1, 60), st.sampled_from([PDF, ELF, b""]))
def test_the_verdict_does_not_depend_on_the_pieces(data: bytes, step: int, start: bytes) -> None:
    kind, body = form((FILE, "application/pdf", start + data))
    assert judge(kind, body, step) == judge(kind, body)


@given(st.binary(max_size=300))
def test_any_bytes_are_judged(data: bytes) -> None:
    assert judge("multipart/form-data; boundary=x", data) in (200, 400, 415)


server = server_of({"upload_types": "application/pdf,image/*", "max_body": "1000000"})


def test_over_http(server: Server) -> None:
    def send(kind: str, body: object) -> int:
        return server.ask("/read", "POST", body, Content_Type=kind).status

    kind, good = form((FILE, "application/pdf", PDF * 30000))
    _, bad = form((FILE, "application/pdf", ELF * 30000))
    assert send(kind, good) == 200 and send(kind, iter([good[:40], good[40:]])) == 200
    assert send(kind, bad) == 415 and send(kind, iter([bad[:40], bad[40:]])) == 415
    assert send("application/pdf", PDF) == 200 and send("application/pdf", PNG) == 415
    assert send("text/html", b"<p>") == 415 and send("application/json", b"{}") == 200
    answer = server.ask("/read", "POST", bad, Content_Type=kind)
    assert answer.json()["error"] == "upload_type" and answer.headers["Connection"] == "close"
    assert server.ask("/read", "POST", good[:-20], Content_Type=kind).status == 400
