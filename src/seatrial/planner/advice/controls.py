"""Controls of the five standards: met or missing by this design, or the owner's; and what shows it.

A control is met when everything that it needs is shown, missing when something is shown not to be
there, and the owner's when a person has to do or say it. Readiness is no certificate: an auditor
also looks at how people work.
"""

from __future__ import annotations

from functools import cache
from typing import Literal

from seatrial.kernel.advice import Control
from seatrial.kernel.demand import Standard
from seatrial.kernel.values import Value
from seatrial.planner.advice.ground import Ground, decoded
from seatrial.planner.advice.shown import shown

Met = Literal["met", "missing", "owner"]


class Source(Value):
    """A standard's name for people, and the text that its controls are counted in."""

    name: str
    source: str


class Article(Value):
    """One control: the article or section, what it asks for, and what shows it.

    `needs` are names of what has to be shown; `owner` is what a person still has to do. With both,
    the control is the owner's as soon as everything needed is shown.
    """

    standard: Standard
    ref: str
    asks: str
    needs: tuple[str, ...] = ()
    owner: str = ""


class Book(Value):
    """All five standards and their controls, in their order."""

    standards: dict[Standard, Source]
    article: tuple[Article, ...]


@cache
def packaged_book() -> Book:
    """The controls that come with Seatrial."""
    return decoded("controls.toml", Book)


def controls(ground: Ground) -> tuple[Control, ...]:
    """Every control of all standards; those of the standards asked for come first."""
    book, asked = packaged_book(), ground.asked.demand.compliance.standards
    order = [s for s in dict.fromkeys(asked) if s in book.standards]
    order += [s for s in book.standards if s not in order]
    return tuple(
        _control(article, book, ground)
        for standard in order
        for article in book.article
        if article.standard == standard
    )


def _control(article: Article, book: Book, ground: Ground) -> Control:
    met, evidence = _judged(article, ground)
    source = book.standards[article.standard].source
    return Control(
        standard=article.standard,
        control=f"{article.ref}: {article.asks}",
        met=met,
        evidence=evidence,
        source=f"{source}, {article.ref}",
    )


def _judged(article: Article, ground: Ground) -> tuple[Met, str]:
    found = [shown(name, ground.app, ground) for name in article.needs]
    missing = [one.evidence for one in found if one.state == "no"]
    if missing:
        return "missing", "; ".join(dict.fromkeys(missing))
    left = [one.evidence for one in found if one.state == "owner"]
    if article.owner:
        left.append(article.owner)
    if left:
        return "owner", "; ".join(dict.fromkeys(left))
    return "met", "; ".join(dict.fromkeys(one.evidence for one in found))
