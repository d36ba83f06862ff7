"""Okapi BM25 (Robertson and others, 1994): which passages fit a question."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass

from prism.document import Document
from prism.language import terms

K1, B = 1.5, 0.75
PASSAGE_CHARACTERS = 900


@dataclass(frozen=True)
class Passage:
    """A piece of one section."""

    section: int
    title: str
    text: str


def passages(document: Document) -> list[Passage]:
    """The document in pieces of whole blocks, each at most about PASSAGE_CHARACTERS long."""
    found: list[Passage] = []
    for section in document.sections:
        text = ""
        for block in section.blocks:
            if text and len(text) + len(block.text) > PASSAGE_CHARACTERS:
                found.append(Passage(section.number, section.title, text))
                text = ""
            text = f"{text}\n{block.text}".strip()
        found.append(Passage(section.number, section.title, text))
    return found


def best(question: str, found: list[Passage], most: int) -> list[Passage]:
    """The passages that fit best, best first; those that share no term with it are left out."""
    asked = set(terms(question))
    texts = [Counter(terms(f"{passage.title} {passage.text}")) for passage in found]
    lengths = [sum(text.values()) for text in texts]
    mean = sum(lengths) / len(lengths) if lengths else 1.0
    scores = [0.0] * len(found)
    for term in asked:
        holding = [place for place, text in enumerate(texts) if term in text]
        rarity = math.log(1 + (len(found) - len(holding) + 0.5) / (len(holding) + 0.5))
        for place in holding:
            often = texts[place][term]
            scores[place] += (
                rarity * often * (K1 + 1) / (often + K1 * (1 - B + B * lengths[place] / mean))
            )
    ranked = sorted(range(len(found)), key=lambda place: -scores[place])
    return [found[place] for place in ranked[:most] if scores[place] > 0]
