"""One question's way along a chain of models: what is asked next, and when it is given up.

No clock but the monotonic one, no socket and no waiting here: the sync and the async driver in
`fallback` follow the same decisions.
"""

import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal

from seatrial_runtime.llm.errors import BadRequest, FallbackFailed, LlmError, Throttled, TimedOut
from seatrial_runtime.llm.model import End, Model, Reply
from seatrial_runtime.llm.prices import Ledger, Usage
from seatrial_runtime.resilience.budgets import RetryBudget
from seatrial_runtime.resilience.circuit import CircuitOpen
from seatrial_runtime.resilience.deadlines import remaining_s
from seatrial_runtime.resilience.waits import backoff_s
from seatrial_runtime.telemetry import metrics

_log = logging.getLogger("seatrial_runtime.llm")


@dataclass(frozen=True)
class Attempt:
    """What one model did. `outcome` is answered, throttled, unavailable, timed_out, denied,
    bad_request, cancelled, failed (a bug in the model's code), or circuit_open: it was not asked.
    """

    model: str
    outcome: str
    seconds: float
    status: int = 0

    def __str__(self) -> str:
        status = f" ({self.status})" if self.status else ""
        return f"{self.model} {self.outcome}{status} after {self.seconds:.2f} s"


@dataclass(frozen=True)
class Answer:
    """The answer, who gave it, and what was tried before.

    `cost_usd` is of the answering call, None when its price or its tokens are unknown; what
    failed calls cost, providers do not tell. `seconds` is for everything. `stop_reason` is the
    provider's own word; "max_tokens" or "length" say that the text is cut.
    """

    text: str = field(repr=False)
    model: str
    attempts: tuple[Attempt, ...]
    usage: Usage
    cost_usd: Decimal | None
    seconds: float
    stop_reason: str


@dataclass(frozen=True)
class Rules:
    """What holds for every question to a chain."""

    deadline_s: float
    throttle_retries: int
    longest_wait_s: float
    budget: RetryBudget
    ledger: Ledger


@dataclass
class Turn:
    """One model's turn: wait, then ask it within `timeout_s`."""

    model: Model
    permit: int
    wait_s: float
    timeout_s: float


class Course:
    """Ask `turn` for what to do, do it, and tell the outcome, until there is an answer."""

    def __init__(self, models: Sequence[Model], rules: Rules) -> None:
        self._models, self._rules = models, rules
        self.began_s = time.monotonic()
        left_s = remaining_s()
        self._ends_s = self.began_s + (
            rules.deadline_s if left_s is None else min(rules.deadline_s, left_s)
        )
        self.attempts: list[Attempt] = []
        self._place = 0
        self._again: Turn | None = None
        self._retries = 0
        self._asked_s = 0.0
        self._hints_s: list[float] = []
        rules.budget.called()

    def turn(self) -> Turn:
        """The next to ask. Raises FallbackFailed when all were asked or the time is over."""
        turn, self._again = self._again, None
        while turn is None and self._place < len(self._models) and self.left_s() > 0:
            model = self._models[self._place]
            try:
                turn = Turn(model, model.circuit.enter(), 0.0, model.timeout_s)
            except CircuitOpen as closed:
                self.attempts.append(Attempt(model.name, "circuit_open", 0.0))
                self._hints_s.append(closed.retry_after_s)
                self._place += 1
        if turn is None:
            raise FallbackFailed(self.attempts, min(self._hints_s, default=None))
        turn.timeout_s = max(0.001, min(turn.model.timeout_s, self.left_s() - turn.wait_s))
        self._asked_s = time.monotonic() + turn.wait_s
        return turn

    def left_s(self) -> float:
        """Seconds until the deadline of the whole."""
        return self._ends_s - time.monotonic()

    def answered(self, turn: Turn, reply: Reply) -> Answer:
        """The model has answered."""
        turn.model.circuit.succeeded(turn.permit)
        cost_usd = turn.model.price.cost_usd(reply.usage) if turn.model.price else None
        self._note(turn, "answered", 0, reply.usage, cost_usd)
        return Answer(
            text=reply.text,
            model=turn.model.name,
            attempts=tuple(self.attempts),
            usage=reply.usage,
            cost_usd=cost_usd,
            seconds=time.monotonic() - self.began_s,
            stop_reason=reply.stop_reason,
        )

    def ended(self, turn: Turn, text: str, end: End) -> Answer:
        """The model has streamed all of its answer."""
        return self.answered(turn, Reply(text, end.usage, end.stop_reason))

    def failed(self, turn: Turn, error: BaseException) -> None:
        """The model has failed. Raises the error again when no other model shall be asked."""
        if isinstance(error, TimeoutError):
            error = TimedOut(f"no answer within {turn.timeout_s:.3g} s")
        if not isinstance(error, LlmError):
            # A cancelled call says nothing about the model; any other is a bug to be seen.
            cancelled = not isinstance(error, Exception)
            self._note(turn, "cancelled" if cancelled else "failed")
            turn.model.circuit.judge(turn.permit, error)
            raise error
        self._note(turn, error.outcome, error.status)
        if isinstance(error, BadRequest):
            turn.model.circuit.succeeded(turn.permit)
            raise error
        if isinstance(error, Throttled) and self._retry(turn, error):
            return
        turn.model.circuit.failed(turn.permit)
        _log.warning("llm: %s %s, status %s", turn.model.name, error.outcome, error.status or "-")
        self._place += 1
        self._retries = 0

    def broke(self, turn: Turn, error: LlmError) -> None:
        """The model has failed in the middle of its answer: nobody else is asked."""
        self._note(turn, error.outcome, error.status)
        turn.model.circuit.failed(turn.permit)
        _log.warning("llm: %s %s in mid-answer", turn.model.name, error.outcome)

    def _retry(self, turn: Turn, error: Throttled) -> bool:
        rules = self._rules
        wait_s = error.retry_after_s
        if wait_s is not None:
            self._hints_s.append(wait_s)
        if self._retries >= rules.throttle_retries:
            return False
        if wait_s is None:
            wait_s = backoff_s(self._retries + 1, 0.5, rules.longest_wait_s)
        # With no other model left, waiting is better than no answer.
        last = self._place == len(self._models) - 1
        if (wait_s > rules.longest_wait_s and not last) or wait_s >= self.left_s():
            return False
        if not rules.budget.take():
            return False
        self._retries += 1
        self._again = Turn(turn.model, turn.permit, wait_s, 0.0)
        metrics.retried(f"llm:{turn.model.name}")
        return True

    def _note(
        self,
        turn: Turn,
        outcome: str,
        status: int = 0,
        usage: Usage | None = None,
        cost_usd: Decimal | None = None,
    ) -> None:
        seconds = max(0.0, time.monotonic() - self._asked_s)
        name = turn.model.name
        self.attempts.append(Attempt(name, outcome, seconds, status))
        self._rules.ledger.add(name, usage, cost_usd)
        metrics.llm_call(
            name,
            outcome,
            seconds,
            (usage and usage.input_tokens) or 0,
            (usage and usage.output_tokens) or 0,
            None if cost_usd is None else float(cost_usd),
        )
