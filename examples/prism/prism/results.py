"""What an analysis says: values that fit JSON, and the check of what a model answered."""

from __future__ import annotations

import json
import re
from dataclasses import asdict, dataclass, field
from typing import Any

KINDS = ("unclear", "missing", "risk", "contradiction")
MAX_FINDINGS = 40
MAX_QUESTIONS = 12
BUILT_IN = "built-in"


class BadAnswer(ValueError):
    """A model's answer that is not what was asked for."""


@dataclass(frozen=True)
class Finding:
    """Something to look at, with the words of the document it is about."""

    kind: str
    text: str
    quote: str


@dataclass(frozen=True)
class Question:
    """Something the author should answer, with the words that raise it."""

    text: str
    quote: str


@dataclass(frozen=True)
class Usage:
    """What models did for a result. ``cost_usd`` is None when a price is not known."""

    calls: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    cost_usd: float | None = 0.0

    def __add__(self, other: Usage) -> Usage:
        costs = (self.cost_usd, other.cost_usd)
        return Usage(
            self.calls + other.calls,
            self.input_tokens + other.input_tokens,
            self.output_tokens + other.output_tokens,
            None if costs[0] is None or costs[1] is None else costs[0] + costs[1],
        )


@dataclass(frozen=True)
class Analysis:
    """The result for one section, or for the document as a whole.

    ``analyser`` is "built-in" or the id of the model that answered. ``notes`` say what the reader
    has to know: models that failed, findings left out, a language that is not understood.
    """

    analyser: str
    summary: str
    findings: list[Finding] = field(default_factory=list)
    questions: list[Question] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    reading_ease: float | None = None
    usage: Usage = Usage()


def to_json(analysis: Analysis) -> bytes:
    """The analysis as it is kept in a session."""
    return json.dumps(asdict(analysis), ensure_ascii=False, separators=(",", ":")).encode()


def from_json(data: bytes) -> Analysis:
    """The analysis that ``to_json`` wrote."""
    read: dict[str, Any] = json.loads(data)
    read["findings"] = [Finding(**finding) for finding in read["findings"]]
    read["questions"] = [Question(**question) for question in read["questions"]]
    read["usage"] = Usage(**read["usage"])
    return Analysis(**read)


def normal(text: str) -> str:
    """Text for comparing quotations: one kind of space, quotation mark and dash, lower case."""
    text = text.translate(str.maketrans("“”„‘’‚–—\u00a0", "\"\"\"'''-- "))
    return " ".join(text.split()).lower()


def is_quoted(quote: str, normal_text: str) -> bool:
    """Whether the quotation stands in the text, given as by ``normal``; dots may mark a cut."""
    wanted = normal(quote).strip(" .…\"'")
    return len(wanted) >= 3 and wanted in normal_text


def json_object(answer: str) -> dict[str, Any]:
    """The JSON object in a model's answer, with or without a code fence around it."""
    found = re.search(r"\{.*\}", answer, re.S)
    try:
        read = json.loads(found[0]) if found else None
    except (ValueError, RecursionError) as error:
        raise BadAnswer("the answer is not JSON") from error
    if not isinstance(read, dict):
        raise BadAnswer("the answer has no JSON object")
    return read


def _string(read: dict[str, Any], key: str, most: int) -> str:
    value = read.get(key)
    if not isinstance(value, str) or not value.strip():
        raise BadAnswer(f"{key} is missing or not a text")
    return " ".join(value.split())[:most]


def _items(read: dict[str, Any], key: str, most: int) -> list[dict[str, Any]]:
    value = read.get(key, [])
    if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
        raise BadAnswer(f"{key} is not a list of objects")
    return value[:most]


def validated(answer: str, text: str) -> Analysis:
    """The answer of a model about ``text``; its analyser and usage are still to be filled in.

    Findings and questions whose quotation is not in ``text`` are left out and counted in a note.
    Raises BadAnswer when the form is wrong.
    """
    read = json_object(answer)
    summary = _string(read, "summary", 2000)
    text = normal(text)
    findings, questions, left_out = [], [], 0
    for item in _items(read, "findings", MAX_FINDINGS):
        kind = item.get("kind")
        if kind not in KINDS:
            raise BadAnswer("a finding has an unknown kind")
        finding = Finding(kind, _string(item, "text", 600), _string(item, "quote", 400))
        if is_quoted(finding.quote, text):
            findings.append(finding)
        else:
            left_out += 1
    for item in _items(read, "questions", MAX_QUESTIONS):
        question = Question(_string(item, "text", 400), _string(item, "quote", 400))
        if is_quoted(question.quote, text):
            questions.append(question)
        else:
            left_out += 1
    notes = []
    if left_out:
        notes.append(f"{left_out} left out: the words quoted are not in the document.")
    return Analysis("", summary, findings, questions, notes)
