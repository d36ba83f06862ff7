"""Sentences, words and how hard a text is to read. English; no data files."""

from __future__ import annotations

import re

from prism.document import Section

WORD = re.compile(r"[A-Za-z]+(?:['’-][A-Za-z]+)*")
_END = re.compile(r"(?<=[.!?])[\"”’)\]]*\s+(?=[\"“‘(\[]?[A-Z0-9])")
_ABBREVIATED = re.compile(
    r"\b(?:e\.g|i\.e|etc|cf|vs|approx|ca|no|nos|fig|figs|sec|art|ch|vol|pp?|dr|mr|mrs|ms|prof|st|"
    r"inc|ltd|co|corp|jan|feb|mar|apr|jun|jul|aug|sept?|oct|nov|dec|[A-Z])\.$",
    re.I,
)
STOP_WORDS = frozenset(
    re.findall(
        r"\w+",
        """a about above after again all also an and any are as at be because been before being
        below between both but by can could did do does down during each for from further
        had has have he her here his how i if in into is it its itself just may me might
        more most must my no nor not now of off on once only or other our out over own same
        shall she should so some such than that the their them then there these they this
        those through to too under until up us very was we were what when where which while
        who whom why will with would you your""",
    )
)


def sentences(text: str) -> list[str]:
    """The sentences of one block, in order."""
    found: list[str] = []
    start = 0
    for end in _END.finditer(text):
        piece = text[start : end.start()]
        if _ABBREVIATED.search(piece[-8:]):
            continue
        found.append(text[start : end.end()].strip())
        start = end.end()
    found.append(text[start:].strip())
    return [sentence for sentence in found if sentence]


def section_sentences(section: Section) -> list[str]:
    """The sentences of a section's paragraphs and list items; tables have none."""
    return [
        sentence
        for block in section.blocks
        if block.kind != "table"
        for sentence in sentences(block.text)
    ]


def words(text: str) -> list[str]:
    """Words in lower case."""
    return [word.lower() for word in WORD.findall(text)]


def stem(word: str) -> str:
    """A rough stem, enough to find 'costs' by 'cost'."""
    for ending in ("ings", "ing", "edly", "ed", "ies", "es", "s", "ly"):
        if word.endswith(ending) and len(word) - len(ending) >= 3:
            return word[: -len(ending)] + ("y" if ending == "ies" else "")
    return word


def terms(text: str) -> list[str]:
    """What a text is about: stems of its words and numbers, without stop words."""
    tokens = re.findall(r"[^\W_]+(?:[.,]\d+)*", text.lower())
    return [stem(token) for token in tokens if token not in STOP_WORDS]


def looks_english(text: str) -> bool:
    """Whether enough common English words are in it; short texts get the benefit of doubt."""
    found = words(text)
    if len(found) < 40:
        return True
    return sum(word in STOP_WORDS for word in found) / len(found) >= 0.15


def _syllables(word: str) -> int:
    groups = len(re.findall(r"[aeiouy]+", word))
    if word.endswith("e") and not word.endswith(("le", "ee")) and groups > 1:
        groups -= 1
    return max(1, groups)


def reading_ease(found: list[str]) -> float | None:
    """Flesch's reading ease (1948): 100 very easy, 30 and less hard; None for under 30 words."""
    spoken = [word for sentence in found for word in words(sentence)]
    if len(spoken) < 30:
        return None
    syllables = sum(_syllables(word) for word in spoken)
    ease = 206.835 - 1.015 * len(spoken) / len(found) - 84.6 * syllables / len(spoken)
    return round(max(0.0, min(100.0, ease)), 1)
