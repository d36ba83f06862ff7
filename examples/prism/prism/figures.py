"""Numbers: columns that do not add up, figures that disagree, numbers without a unit."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation

from prism.document import Document, Section
from prism.language import STOP_WORDS, section_sentences, stem
from prism.results import Finding

_NUMBER = r"\d{1,3}(?:[, ]\d{3})+(?:\.\d+)?|\d+(?:\.\d+)?"
_SCALE = {"thousand": 3, "k": 3, "million": 6, "m": 6, "mn": 6, "billion": 9, "bn": 9}
_CURRENCY = {"$": "usd", "€": "eur", "£": "gbp", "dollars": "usd", "euros": "eur", "pounds": "gbp"}
_UNIT = (
    r"%|percent|per cent|usd|eur|gbp|chf|dollars?|euros?|pounds?|seconds?|minutes?|hours?|days?|"
    r"weeks?|months?|quarters?|years?|ms|s|h|kg|g|t|tons?|km|m|cm|mm|miles?|kwh|mwh|kw|mw|gb|mb|tb|"
    r"kb|users?|people|persons?|employees?|staff|customers?|servers?|sites?|requests?|pages?|"
    r"documents?|copies|units?|items?|licen[cs]es?|vehicles?|devices?|teams?|engineers?|"
    r"[a-z]{4,}s"
)
CLAIMS_COMPARED = 50  # of one subject; more would take time without end
CLAIM = re.compile(
    r"(?P<subject>\b(?:[A-Za-z][\w-]{0,40}\s+){1,5}?)"
    r"(?P<verb>(?:is|are|was|were|will be|shall be|must be|amounts? to|totals?|of|lasts?|takes?|"
    r"remains?|has|have|covers?|serves?|supports?)\s*:?|:)\s+"
    r"(?:about |approximately |around |up to |at least |at most |exactly |a total of |only )?"
    rf"(?P<money>[$€£]|(?:USD|EUR|GBP|CHF)\s)?\s?(?P<number>{_NUMBER})"
    r"(?:\s?(?P<scale>thousand|million|billion|k|m|mn|bn)\b)?"
    rf"(?:[\s-]?(?P<unit>{_UNIT})(?![\w]))?",
    re.I,
)
BARE = re.compile(
    r"(?<![\w$€£#%§.,:/-])(?P<number>\d{2,}(?:[.,]\d+)*)"
    r"(?=\s*(?:[.;!?]\s*$|[.;!?]\s|,\s|\s(?:and|or|but|for|with|without|to|in|at|on|per|when|"
    r"while|if|is|are|by)\b))"
)
_NAMES_NUMBER = re.compile(
    r"\b(?:section|chapter|part|article|clause|table|figure|fig\.?|page|step|phase|version|release|"
    r"iso|rfc|no\.?|number|room|item|annex|appendix|level|line|port|in|since|of|by|until|from|before|"
    r"after|january|february|march|april|may|june|july|august|september|october|november|december|"
    r"year|fy|between|to|and|windows|python)\s*$",
    re.I,
)
_TOTAL = re.compile(r"^\s*(?:grand\s+)?(?:sum|total)s?\b", re.I)
_CELL = re.compile(rf"^[^\d-]{{0,4}}(?P<minus>-)?\s?(?P<number>{_NUMBER})\s?[^\d]{{0,12}}$")


def _decimal(text: str) -> Decimal | None:
    try:
        return Decimal(text.replace(",", "").replace(" ", ""))
    except InvalidOperation:
        return None


def _cell(text: str) -> Decimal | None:
    match = _CELL.match(text)
    value = _decimal(match["number"]) if match else None
    return -value if match and match["minus"] and value is not None else value


def column_totals(section: Section) -> Iterator[Finding]:
    """Last rows called total whose value is not the sum of the column, and empty number cells."""
    for block in section.blocks:
        width = max((len(row) for row in block.rows), default=0)
        body = [row for row in block.rows[1:] if len(row) == width]
        if len(body) < 2:
            continue
        has_total = bool(_TOTAL.match(body[-1][0]))
        parts = body[:-1] if has_total else body
        for column in range(1, width):
            values = [_cell(row[column]) for row in parts]
            known = [value for value in values if value is not None]
            head = (block.rows[0][column] if len(block.rows[0]) == width else "") or "column"
            for row in parts:
                if len(known) * 2 > len(parts) and not row[column].strip(" -–"):
                    text = f"No figure under “{head[:60]}” where other rows have one."
                    yield Finding("missing", text, " | ".join(row).strip())
            total = _cell(body[-1][column]) if has_total else None
            if total is not None and len(known) == len(parts) and sum(known) != total:
                text = f"The rows under “{head[:60]}” add up to {sum(known):,}, not to {total:,}."
                yield Finding("contradiction", text, " | ".join(body[-1]))


@dataclass(frozen=True)
class Claim:
    """A figure that a sentence states of something; ``subject`` in stems, ``name`` as written."""

    name: str
    subject: tuple[str, ...]
    unit: str
    value: Decimal
    section: int
    sentence: str
    shown: str


def _unit(match: re.Match[str]) -> str:
    money = (match["money"] or "").strip().lower()
    unit = (match["unit"] or "").lower()
    if money:
        return _CURRENCY.get(money, money)
    unit = {"percent": "%", "per cent": "%"}.get(unit, unit)
    return _CURRENCY.get(unit, _CURRENCY.get(unit + "s", stem(unit) if len(unit) > 3 else unit))


def claims(section: Section) -> Iterator[Claim]:
    """What a section states as 'the <subject> is <number> <unit>'."""
    for sentence in section_sentences(section):
        for match in CLAIM.finditer(sentence):
            named = [
                word
                for word in re.findall(r"[a-z][\w-]*", match["subject"].lower())
                if word not in STOP_WORDS
            ][-3:]
            subject = tuple(stem(word) for word in named)
            value = _decimal(match["number"])
            unit = _unit(match)
            if not subject or value is None or not (unit or match["scale"]):
                continue
            value = value.scaleb(_SCALE.get((match["scale"] or "").lower(), 0))
            shown = " ".join(match[0][match.start("number") - match.start() :].split())
            money = (match["money"] or "").strip()
            name = " ".join(named)
            yield Claim(name, subject, unit, value, section.number, sentence, f"{money}{shown}")


def contradictions(document: Document) -> Iterator[tuple[str, str]]:
    """Pairs of statements with the same subject and unit but other figures: text and quotation.

    A subject is its last content words; 'total budget' and 'budget' count as the same.
    """
    seen: dict[tuple[str, str], list[Claim]] = {}
    said: set[tuple[str, str, Decimal, Decimal]] = set()
    for section in document.sections:
        for claim in claims(section):
            key = (claim.subject[-1], claim.unit)
            for other in seen.setdefault(key, []):
                shorter, longer = sorted((claim.subject, other.subject), key=len)
                same = longer[-len(shorter) :] == shorter
                lower, upper = sorted((claim.value, other.value))
                pair = (*key, lower, upper)
                if same and claim.value != other.value and pair not in said:
                    said.add(pair)
                    text = (
                        f"{claim.name.capitalize()}: {other.shown} in section "
                        f"{other.section}, {claim.shown} in section {claim.section}."
                    )
                    yield text, f"{other.sentence} / {claim.sentence}"
            if len(seen[key]) < CLAIMS_COMPARED:
                seen[key].append(claim)


def numbers_without_unit(found: list[str]) -> Iterator[tuple[str, str]]:
    """Numbers that stand alone where a unit or a thing counted would be: text and sentence."""
    for sentence in found:
        for match in BARE.finditer(sentence):
            number = match["number"]
            if _NAMES_NUMBER.search(sentence[: match.start()]):
                continue
            if number.isdigit() and 1900 <= int(number) <= 2100:
                continue  # a year
            yield f"The number {number} has no unit.", sentence
            break
