"""A chain of language models: the first that answers is the answer.

Throttled: the same model once more, after as long as it asks for, then the next. Down, silent,
or not ours to use: the next at once. A bad question: raised at once, as it is bad for all. A
model that keeps failing is left out by its circuit. One deadline is over everything.
"""

import asyncio
import time
from collections.abc import Sequence
from typing import Any

from seatrial_runtime.llm.course import Answer, Course, Rules, Turn
from seatrial_runtime.llm.errors import Unavailable
from seatrial_runtime.llm.model import End, Model, Prompt, Question, prompt_of
from seatrial_runtime.llm.prices import Ledger, Total
from seatrial_runtime.llm.relay import Relay
from seatrial_runtime.llm.streaming import AsyncStream, Stream, closed, next_within
from seatrial_runtime.resilience.budgets import RetryBudget
from seatrial_runtime.resilience.deadlines import deadline
from seatrial_runtime.resilience.threads import run_within
from seatrial_runtime.resilience.timeouts import timeout


class Fallback:
    """The chain. Every method takes a question (text, or a list of turns) and what `prompt_of`
    takes besides: `system`, `max_tokens`, `temperature`. All raise BadRequest or FallbackFailed.
    Safe in threads and event loops.
    """

    def __init__(self, models: Sequence[Model], rules: Rules) -> None:
        names = [model.name for model in models]
        if not names:
            raise ValueError("a chain needs at least one model")
        twice = {name for name in names if names.count(name) > 1}
        if twice:
            raise ValueError(f"twice in the chain: {', '.join(sorted(twice))}")
        self.models, self._rules = tuple(models), rules

    def totals(self) -> dict[str, Total]:
        """Calls, tokens and cost by model, since the chain was made."""
        return self._rules.ledger.totals()

    def ask(self, question: Question, **settings: Any) -> Answer:
        """The whole answer; blocks until it is there, but not beyond the deadline.

        Each attempt runs in a thread of its own, which is left behind when its time is over: name
        look-ups and servers that drip bytes cannot hold the caller.
        """
        prompt = prompt_of(question, **settings)
        course = self._course()
        while True:
            turn = course.turn()
            try:
                time.sleep(turn.wait_s)
                with deadline(turn.timeout_s):
                    reply = run_within(turn.timeout_s, _asking(turn, prompt))
            except BaseException as error:
                course.failed(turn, error)
            else:
                return course.answered(turn, reply)

    async def ask_async(self, question: Question, **settings: Any) -> Answer:
        """The same; cancelling it closes the connection."""
        prompt = prompt_of(question, **settings)
        course = self._course()
        while True:
            turn = course.turn()
            try:
                await asyncio.sleep(turn.wait_s)
                async with timeout(turn.timeout_s):
                    reply = await turn.model.call_async(prompt, turn.timeout_s)
            except BaseException as error:
                course.failed(turn, error)
            else:
                return course.answered(turn, reply)

    def stream(self, question: Question, **settings: Any) -> Stream:
        """The answer piece by piece; returns when the first is there, so errors come here.

        Until then the next model is asked as in `ask`; afterwards a failure is StreamBroken.
        """
        prompt = prompt_of(question, **settings)
        course = self._course()
        while True:
            turn = course.turn()
            relay: Relay[str | End] | None = None
            try:
                time.sleep(turn.wait_s)
                relay = Relay(turn.model.stream(prompt, turn.timeout_s))
                first = relay.next(turn.timeout_s)
            except StopIteration:
                course.failed(turn, Unavailable("an empty stream"))
            except BaseException as error:
                if relay is not None:
                    relay.close()
                course.failed(turn, error)
            else:
                return Stream(course, turn, first, relay)

    async def stream_async(self, question: Question, **settings: Any) -> AsyncStream:
        """The same: `async for text in await chain.stream_async(...)`."""
        prompt = prompt_of(question, **settings)
        course = self._course()
        while True:
            turn = course.turn()
            pieces = turn.model.stream_async(prompt, turn.timeout_s)
            try:
                await asyncio.sleep(turn.wait_s)
                first = await next_within(pieces, turn.timeout_s)
            except StopAsyncIteration:
                course.failed(turn, Unavailable("an empty stream"))
            except BaseException as error:
                await closed(pieces)
                course.failed(turn, error)
            else:
                return AsyncStream(course, turn, first, pieces)

    def _course(self) -> Course:
        return Course(self.models, self._rules)


def _asking(turn: Turn, prompt: Prompt) -> Any:
    return lambda: turn.model.call(prompt, turn.timeout_s)


def fallback(
    models: Sequence[Model],
    *,
    deadline_s: float = 60.0,
    throttle_retries: int = 1,
    longest_wait_s: float = 5.0,
    budget: RetryBudget | None = None,
) -> Fallback:
    """A chain of `models`, in the order they are asked.

    `deadline_s` is for the whole question; an outer `deadline` holds too. A throttled model is
    asked again up to `throttle_retries` times, if it wants no longer wait than `longest_wait_s`,
    or is the last one and there is time, and as far as the retry `budget` allows.
    """
    if not deadline_s > 0 or throttle_retries < 0 or longest_wait_s < 0:
        raise ValueError("deadline_s has to be above 0, the others not below")
    rules = Rules(deadline_s, throttle_retries, longest_wait_s, budget or RetryBudget(), Ledger())
    return Fallback(models, rules)
