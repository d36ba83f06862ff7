"""Results to take away: as JSON, as a Word document, and into an S3 bucket."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Callable
from dataclasses import asdict
from datetime import UTC, datetime

import boto3
from botocore.config import Config as AwsConfig
from botocore.exceptions import BotoCoreError, ClientError
from docx import Document as new_docx
from docx.document import Document as Docx
from docx.shared import Pt, RGBColor

from prism.config import Config
from prism.library import Entry
from prism.results import BUILT_IN, Analysis

DOCX_TYPE = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
JSON_TYPE = "application/json"
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")


class ExportError(RuntimeError):
    """The bucket did not take the export; the message says why, without keys."""


def file_name(entry: Entry, ending: str) -> str:
    """A plain name for a download."""
    stem = re.sub(r"[^A-Za-z0-9]+", "-", entry.document.title).strip("-").lower()[:60]
    return f"{stem or 'document'}-analysis.{ending}"


def who(analysis: Analysis) -> str:
    """By whom a result is, as every export says."""
    return (
        "built-in rules, no language model" if analysis.analyser == BUILT_IN else analysis.analyser
    )


def as_json(entry: Entry) -> bytes:
    """Everything found, machine-readable. An unknown cost is null."""
    whole = {
        "title": entry.document.title,
        "file": entry.file,
        "exported": datetime.now(UTC).isoformat(timespec="seconds"),
        "complete": entry.overview is not None,
        "words": entry.document.words,
        "usage": asdict(entry.usage),
        "overview": asdict(entry.overview) if entry.overview else None,
        "sections": [
            {
                "number": part.number,
                "title": part.title,
                "level": part.level,
                "analysis": asdict(entry.sections[part.number])
                if part.number in entry.sections
                else None,
            }
            for part in entry.document.sections
        ],
        "chat": [asdict(message) for message in entry.chat],
    }
    return json.dumps(whole, ensure_ascii=False, indent=2).encode()


def as_docx(entry: Entry) -> bytes:
    """Everything found, as a Word document."""
    docx = new_docx()
    docx.core_properties.title = f"Analysis of {_plain(entry.document.title)}"
    docx.core_properties.author = "Prism"
    docx.add_heading(f"Analysis of {_plain(entry.document.title)}", 0)
    if entry.overview:
        docx.add_heading("The whole", 1)
        _analysis(docx, entry.overview)
    else:
        docx.add_paragraph("The analysis is not complete yet.")
    for part in entry.document.sections:
        docx.add_heading(_plain(f"{part.number}. {part.title}"), min(part.level, 3))
        if part.number in entry.sections:
            _analysis(docx, entry.sections[part.number])
        else:
            docx.add_paragraph("Not examined yet.")
    out = io.BytesIO()
    docx.save(out)
    return out.getvalue()


def _plain(text: str) -> str:
    """Text without the characters that XML does not allow."""
    return _CONTROL.sub("", text)


def _analysis(docx: Docx, analysis: Analysis) -> None:
    docx.add_paragraph(_plain(analysis.summary))
    for finding in analysis.findings:
        line = docx.add_paragraph(style="List Bullet")
        line.add_run(f"{finding.kind.capitalize()}: ").bold = True
        line.add_run(_plain(finding.text))
        _quote(docx, finding.quote)
    if analysis.questions:
        docx.add_paragraph("Questions").runs[0].bold = True
    for question in analysis.questions:
        docx.add_paragraph(_plain(question.text), style="List Number")
        _quote(docx, question.quote)
    said = docx.add_paragraph(_plain(" ".join([f"Examined by {who(analysis)}.", *analysis.notes])))
    for run in said.runs:
        run.font.size = Pt(8.5)
        run.font.color.rgb = RGBColor(0x60, 0x60, 0x70)


def _quote(docx: Docx, text: str) -> None:
    line = docx.add_paragraph(style="Intense Quote")
    line.add_run(f"“{_plain(text)}”").italic = True


FORMATS: dict[str, tuple[Callable[[Entry], bytes], str]] = {
    "docx": (as_docx, DOCX_TYPE),
    "json": (as_json, JSON_TYPE),
}


def to_s3(config: Config, entry: Entry) -> list[str]:
    """Put both forms into the bucket, encrypted there; their s3:// addresses.

    Raises ExportError when the bucket does not take them.
    """
    settings = AwsConfig(
        connect_timeout=3, read_timeout=10, retries={"total_max_attempts": 3, "mode": "standard"}
    )
    folder = f"{config.s3_prefix}{datetime.now(UTC):%Y-%m-%d}/{entry.id}/"
    put: list[str] = []
    try:
        s3 = boto3.client("s3", config=settings)
        for ending, (make, kind) in FORMATS.items():
            key = folder + file_name(entry, ending)
            s3.put_object(
                Bucket=config.s3_bucket,
                Key=key,
                Body=make(entry),
                ContentType=kind,
                ServerSideEncryption="AES256",
            )
            put.append(f"s3://{config.s3_bucket}/{key}")
    except ClientError as error:
        code = error.response.get("Error", {}).get("Code", "unknown")
        raise ExportError(f"The bucket refused the export ({code}).") from error
    except BotoCoreError as error:
        raise ExportError(f"The bucket cannot be reached ({type(error).__name__}).") from error
    return put
