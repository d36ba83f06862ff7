"""What is asked, what comes back, and what every model can do."""

from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from seatrial_runtime.llm.prices import Price, Usage
from seatrial_runtime.llm.relay import relayed
from seatrial_runtime.resilience.circuit import CircuitBreaker
from seatrial_runtime.resilience.threads import run_within_async

ROLES = ("user", "assistant")
DEFAULT_TIMEOUT_S = 30.0


@dataclass(frozen=True)
class Message:
    """One turn of the conversation; `role` is user or assistant."""

    role: str
    text: str = field(repr=False)


@dataclass(frozen=True)
class Prompt:
    """A question with all that belongs to it. Its repr does not show the words."""

    messages: tuple[Message, ...]
    system: str = field(default="", repr=False)
    max_tokens: int = 1024
    temperature: float | None = None


Question = str | Sequence[Mapping[str, str]]
"""One question, or turns like {"role": "user", "content": "..."}, the last by the user."""


def prompt_of(
    question: Question, system: str = "", max_tokens: int = 1024, temperature: float | None = None
) -> Prompt:
    """The prompt. Raises ValueError for what no provider would take."""
    turns = [{"role": "user", "content": question}] if isinstance(question, str) else question
    messages = tuple(Message(turn["role"], turn["content"]) for turn in turns)
    if not messages or messages[-1].role != "user":
        raise ValueError("the last message has to be the user's")
    for message in messages:
        if message.role not in ROLES:
            raise ValueError(f"role {message.role!r}: user or assistant; use system= for the rest")
        if not message.text.strip():
            raise ValueError("an empty message")
    if max_tokens < 1:
        raise ValueError("max_tokens has to be above 0")
    return Prompt(messages, system, max_tokens, temperature)


@dataclass(frozen=True)
class Reply:
    """One whole answer."""

    text: str = field(repr=False)
    usage: Usage
    stop_reason: str = ""


@dataclass(frozen=True)
class End:
    """The last thing of a stream, after its text."""

    usage: Usage
    stop_reason: str = ""


class Model(ABC):
    """One model of one provider, with its circuit, which all chains that hold it share.

    `name` is what it is called in results and metrics. `timeout_s` is for one attempt. A model of
    your own needs `call`, which raises the errors of `llm.errors` and may block; with `stream` it
    streams, else its text comes in one piece. The async ways are made of these, in threads.
    """

    def __init__(
        self,
        name: str,
        *,
        price: Price | None = None,
        timeout_s: float = DEFAULT_TIMEOUT_S,
        circuit: CircuitBreaker | None = None,
    ) -> None:
        if not timeout_s > 0:
            raise ValueError(f"timeout_s {timeout_s!r}: it has to be above 0")
        self.name, self.price, self.timeout_s = name, price, timeout_s
        self.circuit = circuit or CircuitBreaker(f"llm:{name}")

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.name}>"

    @abstractmethod
    def call(self, prompt: Prompt, timeout_s: float) -> Reply:
        """Ask, and wait for the whole answer."""

    def stream(self, prompt: Prompt, timeout_s: float) -> Iterator[str | End]:
        """Ask; text as it comes, then the end. `timeout_s` is for each wait."""
        reply = self.call(prompt, timeout_s)
        yield reply.text
        yield End(reply.usage, reply.stop_reason)

    async def call_async(self, prompt: Prompt, timeout_s: float) -> Reply:
        """As `call`."""
        return await run_within_async(timeout_s, lambda: self.call(prompt, timeout_s))

    def stream_async(self, prompt: Prompt, timeout_s: float) -> AsyncIterator[str | End]:
        """As `stream`."""
        return relayed(self.stream(prompt, timeout_s))
