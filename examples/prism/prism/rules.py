"""The built-in analyser: what can be seen in a text by rule, without any model.

Every rule says what it looked for, so that nobody takes it for understanding.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from itertools import islice

from prism.document import Document, Section
from prism.figures import column_totals, contradictions, numbers_without_unit
from prism.language import (
    looks_english,
    reading_ease,
    section_sentences,
    sentences,
    terms,
    words,
)
from prism.results import BUILT_IN, MAX_FINDINGS, MAX_QUESTIONS, Analysis, Finding, Question

LONG_SENTENCE_WORDS = 35
SUMMARY_SENTENCES = 3
QUOTE_CHARACTERS = 300

WEASEL = re.compile(
    r"\b(as soon as possible|asap|in a timely manner|timely|as appropriate|where appropriate|"
    r"appropriate|adequate|sufficient|reasonable|reasonably|if necessary|as needed|if possible|"
    r"where possible|from time to time|in due course|state[- ]of[- ]the[- ]art|user[- ]friendly|"
    r"industry standard|best effort|best efforts|and so on|etc\.?|various|several|a number of|"
    r"some kind of|significant|significantly|substantial|substantially|considerable|regularly|"
    r"roughly|more or less|generally|mostly|usually)(?!\w)",
    re.I,
)
PASSIVE = re.compile(
    r"\b(?:is|are|was|were|be|been|being)\s+(?:also\s+|then\s+|not\s+|regularly\s+)?"
    r"(\w{2,}ed|built|chosen|done|found|given|held|kept|known|led|made|paid|put|seen|sent|set|"
    r"shown|taken|told|written)\b(?!\s+by\b)",
    re.I,
)
DUTY = re.compile(r"\b(must|shall|should|will|has to|have to|needs? to)\b", re.I)
PLACEHOLDER = re.compile(
    r"\b(?:TBD|TBC|TBA|TODO|FIXME|XXX+|to be (?:decided|defined|determined|confirmed|agreed)|"
    r"lorem ipsum)\b|\[[^\]]{0,40}\?\]|\?\?+|_{4,}|\[(?:insert|add|name|date|amount)[^\]]{0,40}\]",
    re.I,
)
CHANGE = re.compile(
    r"\b(increase|reduce|decrease|improve|lower|raise|cut|shorten|speed up|grow|save|double)(?:s|d|"
    r"ed|es|ing)?\b[^.]{0,60}\b(costs?|time|times|sales|revenue|speed|performance|quality|load|"
    r"capacity|errors?|risk|latency|price|prices|productivity|efficiency|satisfaction|savings)\b",
    re.I,
)
NEEDS_FIGURE = re.compile(
    r"\b(budget|deadline|price|fee|cost|response time|availability|retention period|notice period|"
    r"penalty|target|capacity|head ?count|delivery date|start date|end date)\b[^.]{0,40}"
    r"\b(is|are|will be|shall be|must be|has been|have been|was|were)\b",
    re.I,
)
DIGIT = re.compile(
    r"\d|\b(one|two|three|four|five|six|seven|eight|nine|ten|twelve|half|twice|zero|no|none|free)\b",
    re.I,
)
RISK = re.compile(
    r"\b(risks?|single point of failure|no backup|without (?:a )?backup|not (?:yet )?tested|"
    r"untested|not (?:yet )?(?:agreed|approved|signed|funded|known)|unlimited liability|liable|"
    r"liability|penalt(?:y|ies)|depends? (?:solely |entirely |only )?on|"
    r"only (?:one|a single) (?:person|supplier|vendor|server)|no alternative|outdated|end of life|"
    r"unsupported|delays?|breach|data loss|vulnerab\w+|insolven\w+|"
    r"assum(?:e|es|ed|ption|ptions))\b",
    re.I,
)
ADDRESSES_MODEL = re.compile(
    r"\b(?:ignore|disregard|forget)\b[^.]{0,40}\b(?:instructions?|prompts?|rules)\b|"
    r"\b(?:system prompt|"
    r"you are (?:now )?(?:an? )?(?:AI|language model|assistant|chatgpt|claude))\b",
    re.I,
)
ABBREVIATION = re.compile(r"\b[A-Z][A-Z0-9]{1,5}s?\b")
EXPLAINED = re.compile(
    r"\(([A-Z][A-Z0-9]{1,5})s?\)|"
    r"\b([A-Z][A-Z0-9]{1,5})s?\s?(?:\([a-zA-Z ]{4}|means\b|stands for\b|[=:])"
)
KNOWN = frozenset(
    re.findall(
        r"\w+",
        """AM PM AD BC EU US USA UK UN USD EUR GBP CHF JPY VAT CEO CFO CTO CIO HR IT ID OK PDF
        DOCX XML HTML HTTP HTTPS URL API CPU RAM GB MB KB TB ISO IEEE RFC FAQ PC TV PO LTD
        GMBH INC LLC AG SA II III IV VI VII VIII IX XI XII Q1 Q2 Q3 Q4 H1 H2 UTC GMT MON TUE
        WED THU FRI SAT SUN WORD JSON SQL WIFI USB GPS CAD AUD NASA NATO DIN AND OR NOT THE
        TBD TBC TBA TODO FIXME XXX ASAP""",
    )
)
Unexplained = dict[int, list[tuple[str, str]]]
Rule = Callable[[str], tuple[str, str] | None]


def _long(sentence: str) -> tuple[str, str] | None:
    length = len(words(sentence))
    if length <= LONG_SENTENCE_WORDS:
        return None
    return f"A sentence of {length} words is hard to follow; split it.", ""


def _weasel(sentence: str) -> tuple[str, str] | None:
    found = list(dict.fromkeys(match[0].lower() for match in WEASEL.finditer(sentence)))
    if not found:
        return None
    said = ", ".join(f"“{word}”" for word in found[:3])
    return f"{said} can be read in different ways.", f"What exactly is meant by {said}?"


def _passive(sentence: str) -> tuple[str, str] | None:
    match = PASSIVE.search(sentence)
    if not match or not DUTY.search(sentence[: match.start() + 4]):
        return None
    return "A duty in the passive voice: it does not say who has to do it.", "Who has to do this?"


def _placeholder(sentence: str) -> tuple[str, str] | None:
    match = PLACEHOLDER.search(sentence)
    if not match:
        return None
    return f"Left open: “{match[0]}”.", "What belongs here, and by when is it decided?"


def _change(sentence: str) -> tuple[str, str] | None:
    match = CHANGE.search(sentence)
    if not match or DIGIT.search(sentence):
        return None
    return "A change is announced without a figure.", f"By how much: “{match[0]}”?"


def _figure(sentence: str) -> tuple[str, str] | None:
    match = NEEDS_FIGURE.search(sentence)
    if not match or DIGIT.search(sentence) or PLACEHOLDER.search(sentence):
        return None
    return (
        f"The {match[1].lower()} is spoken of without a figure.",
        f"What is the {match[1].lower()}?",
    )


def _risk(sentence: str) -> tuple[str, str] | None:
    match = RISK.search(sentence)
    if not match:
        return None
    return f"Speaks of a risk or of something not certain (“{match[0].lower()}”).", ""


def _addresses_model(sentence: str) -> tuple[str, str] | None:
    if not ADDRESSES_MODEL.search(sentence):
        return None
    return "This text addresses a language model instead of a reader.", ""


ENGLISH_RULES: tuple[tuple[str, Rule], ...] = (
    ("risk", _addresses_model),
    ("missing", _figure),
    ("missing", _change),
    ("risk", _risk),
    ("unclear", _passive),
    ("unclear", _weasel),
    ("unclear", _long),
)


def cut(sentence: str) -> str:
    """A quotation of bounded length."""
    if len(sentence) <= QUOTE_CHARACTERS:
        return sentence
    return sentence[:QUOTE_CHARACTERS].rsplit(" ", 1)[0] + " …"


def analyse(section: Section, abbreviations: Unexplained) -> Analysis:
    """What the rules find in one section; what is explained elsewhere is told by the caller."""
    found = section_sentences(section)
    english = looks_english(section.text)
    notes = (
        [] if english else ["The text does not look English: only numbers and gaps were checked."]
    )
    findings: list[Finding] = list(column_totals(section))
    questions: list[Question] = []
    rules = (("missing", _placeholder), *(ENGLISH_RULES if english else ()))
    for sentence in found + _cells(section):
        for kind, rule in rules:
            hit = rule(sentence)
            if hit:
                findings.append(Finding(kind, hit[0], cut(sentence)))
                if hit[1]:
                    questions.append(Question(hit[1], cut(sentence)))
    if english:
        findings += [
            Finding("unclear", text, cut(quote)) for text, quote in numbers_without_unit(found)
        ]
        for short, quote in abbreviations.get(section.number, []):
            findings.append(Finding("unclear", f"“{short}” is not explained anywhere.", cut(quote)))
            questions.append(Question(f"What does {short} stand for?", cut(quote)))
    if len(findings) > MAX_FINDINGS:
        notes.append(
            f"{len(findings) - MAX_FINDINGS} more findings of the same rules are not shown."
        )
    return Analysis(
        BUILT_IN,
        summarise(found),
        findings[:MAX_FINDINGS],
        questions[:MAX_QUESTIONS],
        notes,
        reading_ease(found) if english else None,
    )


def _cells(section: Section) -> list[str]:
    """Texts in tables, for gaps that are marked there."""
    return [
        " | ".join(row)
        for block in section.blocks
        for row in block.rows
        if any(PLACEHOLDER.search(cell) for cell in row)
    ]


def unexplained(document: Document) -> Unexplained:
    """Abbreviations that no place of the document explains: where they are first, and how."""
    explained = {
        match[1] or match[2]
        for section in document.sections
        for match in EXPLAINED.finditer(f"{section.title}\n{section.text}")
    }
    found: Unexplained = {}
    for section in document.sections:
        for sentence in section_sentences(section):
            if sentence == sentence.upper():
                continue  # a line in capitals has no abbreviations
            for short in ABBREVIATION.findall(sentence):
                plain = short.removesuffix("s")
                if plain not in explained and plain not in KNOWN:
                    explained.add(plain)  # say it once
                    found.setdefault(section.number, []).append((plain, sentence))
    return found


def summarise(found: list[str], most: int = SUMMARY_SENTENCES) -> str:
    """The sentences with the section's most frequent terms, in their order. Nothing is written."""
    if len(found) <= most:
        return " ".join(found) or "Only a table; see below."
    counts = Counter(term for sentence in found for term in set(terms(sentence)))

    def score(place: int) -> float:
        inside = set(terms(found[place]))
        length = len(words(found[place]))
        fit = 1.0 if 6 <= length <= 40 else 0.5
        early = 1.25 if place == 0 else 1.0
        return fit * early * sum(counts[term] for term in inside) / (4 + len(inside))

    best = sorted(sorted(range(len(found)), key=score, reverse=True)[:most])
    return " ".join(found[place] for place in best)


def overview(document: Document, analyses: list[Analysis]) -> Analysis:
    """The document as a whole: its most telling sentences, and figures that do not agree."""
    picked = [
        sentence
        for analysis in analyses
        for sentence in sentences(analysis.summary)[:1]
        if len(words(sentence)) >= 5
    ]
    findings = [
        Finding("contradiction", text, cut(quote))
        for text, quote in islice(contradictions(document), MAX_FINDINGS)
    ]
    questions = [Question("Which of these figures holds?", finding.quote) for finding in findings]
    english = looks_english(" ".join(section.text for section in document.sections))
    found = [sentence for section in document.sections for sentence in section_sentences(section)]
    return Analysis(
        BUILT_IN,
        summarise(picked or found[:20], 5),
        findings,
        questions[:MAX_QUESTIONS],
        [],
        reading_ease(found) if english else None,
    )
