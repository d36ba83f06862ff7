"""Who examines a document: the rules that are built in, or a chain of models with the rules behind.

When no model answers, a section is examined by the rules, and its result says so and why.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import asdict, replace
from typing import Any, Protocol

from prism import bm25, prompts, results, rules
from prism.bm25 import Passage
from prism.config import Config
from prism.document import Document, Section
from prism.language import reading_ease, section_sentences, sentences, terms
from prism.library import Message
from prism.models import Chain, NoAnswer, Reply
from prism.results import BUILT_IN, Analysis, BadAnswer, Usage

log = logging.getLogger(__name__)

PASSAGES = 6
HISTORY_MESSAGES = 6
HISTORY_CHARACTERS = 2000
ASKS = 2  # a model that answers in the wrong form is asked once more


class Analyst(Protocol):
    """What the pages and the background work need."""

    name: str

    def section(self, document: Document, part: Section) -> Analysis: ...
    def overview(self, document: Document, analyses: list[Analysis]) -> Analysis: ...
    def answer(self, document: Document, asked: str, chat: Sequence[Message]) -> Message: ...


class BuiltIn:
    """Rules only: nothing leaves the process."""

    name = BUILT_IN

    def __init__(self) -> None:
        self._last: tuple[Document, rules.Unexplained] | None = None

    def section(self, document: Document, part: Section) -> Analysis:
        """What the rules find in one section."""
        last = self._last  # sections of one document come in a row
        if last is None or last[0] is not document:
            last = self._last = (document, rules.unexplained(document))
        return rules.analyse(part, last[1])

    def overview(self, document: Document, analyses: list[Analysis]) -> Analysis:
        """What the rules find across sections."""
        return rules.overview(document, analyses)

    def answer(self, document: Document, asked: str, chat: Sequence[Message]) -> Message:
        """The sentences that share most with the question, as they stand in the document."""
        found = bm25.best(asked, bm25.passages(document), PASSAGES)
        wanted = set(terms(asked))
        scored: list[tuple[float, int, str]] = []
        for rank, passage in enumerate(found):
            lines = (line for line in passage.text.split("\n") if line)
            for sentence in (one for line in lines for one in sentences(line)):
                shared = wanted & set(terms(f"{passage.title} {sentence}"))
                if shared:
                    scored.append((len(shared) - 0.1 * rank, passage.section, sentence))
        scored.sort(key=lambda each: -each[0])
        sources = [{"section": number, "quote": rules.cut(text)} for _s, number, text in scored[:3]]
        said = (
            "These places in the document fit your question best:"
            if sources
            else "The document has no place that shares a word with your question."
        )
        return Message("prism", said, sources, BUILT_IN)


class Modelled:
    """A chain of models, each section one call; the rules stand in when none answers."""

    name = "bedrock"

    def __init__(self, chain: Chain) -> None:
        self._chain, self._rules = chain, BuiltIn()

    def section(self, document: Document, part: Section) -> Analysis:
        """One section as a model sees it."""
        text = f"{part.title}\n{part.text}"
        asked = self._asked(prompts.section(document, part), text)
        if isinstance(asked, Analysis):
            ease = reading_ease(section_sentences(part))
            return replace(asked, reading_ease=ease)
        found = self._rules.section(document, part)
        return replace(found, notes=[asked[0], *found.notes], usage=asked[1])

    def overview(self, document: Document, analyses: list[Analysis]) -> Analysis:
        """The whole as a model sees it, with the figures that disagree by rule."""
        found = self._rules.overview(document, analyses)
        text = "\n".join(f"{part.title}\n{part.text}" for part in document.sections)
        summaries = [analysis.summary for analysis in analyses]
        asked = self._asked(prompts.overview(document, summaries), text)
        if not isinstance(asked, Analysis):
            return replace(found, notes=[asked[0], *found.notes], usage=asked[1])
        notes = [*asked.notes]
        if found.findings:
            notes.append(f"{len(found.findings)} of the findings come from the built-in rules.")
        return replace(
            asked,
            findings=[*asked.findings, *found.findings][: results.MAX_FINDINGS],
            notes=notes,
            reading_ease=found.reading_ease,
        )

    def answer(self, document: Document, asked: str, chat: Sequence[Message]) -> Message:
        """A model's answer from the passages that fit, its quotations checked."""
        found = bm25.best(asked, bm25.passages(document), PASSAGES)
        if not found:  # words of the question are nowhere: let the model see the beginning
            found = bm25.passages(document)[:PASSAGES]
        history = [(line.role, line.text[:HISTORY_CHARACTERS]) for line in chat[-HISTORY_MESSAGES:]]
        try:
            reply = self._chain.ask(*prompts.question(document, asked, found, history))
            return _answered(reply, found)
        except (NoAnswer, BadAnswer) as error:
            log.warning("chat answered without a model: %s", error)
            message = self._rules.answer(document, asked, chat)
            return replace(message, note=f"No model answered ({error}).")

    def _asked(self, prompt: tuple[str, str], text: str) -> Analysis | tuple[str, Usage]:
        """A model's checked analysis, or a note why there is none and what the tries used."""
        usage = Usage()
        reason = ""
        for _ask in range(ASKS):
            try:
                reply = self._chain.ask(*prompt)
            except NoAnswer as error:
                reason = str(error)
                break
            usage += reply.usage
            try:
                found = results.validated(reply.text, text)
            except BadAnswer as error:
                reason = f"{reply.model}: {error}"
                continue
            notes = [*found.notes, *reply.notes]
            return replace(found, analyser=reply.model, notes=notes, usage=usage)
        log.warning("a section is examined without a model: %s", reason)
        return f"No model answered ({reason}). The built-in rules examined it.", usage


def _answered(reply: Reply, found: Sequence[Passage]) -> Message:
    read = results.json_object(reply.text)
    text = read.get("answer")
    sources = read.get("sources", [])
    if not isinstance(text, str) or not text.strip() or not isinstance(sources, list):
        raise BadAnswer(f"{reply.model}: the answer has another form than asked for")
    kept: list[dict[str, Any]] = []
    for source in sources[:6]:
        quote = source.get("quote") if isinstance(source, dict) else None
        if not isinstance(quote, str):
            continue
        for passage in found:
            if results.is_quoted(quote, results.normal(passage.text)):
                kept.append({"section": passage.section, "quote": quote[:400]})
                break
    note = "" if kept else "No quotation of the document supports this answer."
    return Message("prism", text.strip()[:4000], kept, reply.model, note, asdict(reply.usage))


def open_analyst(config: Config) -> Analyst:
    """The analyst that is configured."""
    if config.analyser == "bedrock":
        return Modelled(Chain(config))
    return BuiltIn()
