"""A model that needs no provider: it quotes the sentences that matter most, and says that it does.

For tests, for work without a network, and as the last of a chain, where a plain extract is better
than an error. The same question has the same answer, always.
"""

import math
import re
from collections import Counter

from seatrial_runtime.llm.model import Model, Prompt, Reply
from seatrial_runtime.llm.prices import Price, Usage

NOTE = "[Extract: sentences of the given text, chosen by word counts; no language model was asked.]"
_SENTENCE = re.compile(r"[^.!?\n]+(?:[.!?]+(?=\s|$)|\n|$)")
_WORD = re.compile(r"\w{2,}")
_MAX_CHARS = 2_000_000
_MAX_SENTENCES = 5
_COMMON = frozenset(
    _WORD.findall("""
    about after all also an and any are as at be been but by can could did do does for from had
    has have he her his how if in into is it its just may more most must no not of on one or our
    out over shall she should so some such than that the their them then there these they this
    those to under up was we were what when where which while who why will with would you your
    """)
)


class LocalModel(Model):
    """See `local_model`. The instructions of `system` are not for it."""

    def call(self, prompt: Prompt, timeout_s: float) -> Reply:
        text = "\n".join(message.text for message in prompt.messages)[-_MAX_CHARS:]
        question = _question(prompt)
        chosen = extract(text, question, prompt.max_tokens)
        answer = f"{NOTE}\n" + "\n".join(chosen or ("There is no sentence to quote.",))
        return Reply(answer, Usage(len(text.split()), len(answer.split())), "end_turn")


def local_model(name: str = "local-extract", **more: object) -> LocalModel:
    """The extractive model. It costs nothing, and counts words for tokens."""
    return LocalModel(name, **{"price": Price(0, 0), **more})  # type: ignore[arg-type]


def extract(text: str, question: str, max_words: int) -> list[str]:
    """The sentences of `text` that fit `question` best, in the order of the text.

    A sentence counts by its words: those that the text uses often, and most those that the
    question uses, divided by its length, so that long ones have no advantage.
    """
    sentences = list(dict.fromkeys(s.strip() for s in _SENTENCE.findall(text)))
    sentences = [s for s in sentences if len(s.split()) >= 3 and s not in question]
    often = Counter(word for s in sentences for word in set(_words(s)))
    asked = set(_words(question))

    def weight(sentence: str) -> float:
        words = set(_words(sentence))
        if not words:
            return 0.0
        common = sum(math.log1p(often[word]) for word in words)
        # A rare word of the question says more than one that stands everywhere.
        fitting = sum(8.0 / (1.0 + math.log1p(often[word])) for word in words & asked)
        return (common + fitting) / math.sqrt(len(words) + 3.0)

    best = sorted(range(len(sentences)), key=lambda i: (-weight(sentences[i]), i))
    chosen: list[int] = []
    left = max_words - len(NOTE.split())
    for place in best[: _MAX_SENTENCES * 3]:
        length = len(sentences[place].split())
        if length <= left and len(chosen) < _MAX_SENTENCES:
            chosen.append(place)
            left -= length
    return [sentences[place] for place in sorted(chosen)]


def _question(prompt: Prompt) -> str:
    """What is asked, apart from the text it is asked of: the last line, if there is one before."""
    before, _, last = prompt.messages[-1].text.strip().rpartition("\n")
    return last if before or len(prompt.messages) > 1 else ""


def _words(text: str) -> list[str]:
    return [word for word in _WORD.findall(text.lower()) if word not in _COMMON]
