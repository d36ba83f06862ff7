"""Try again what may pass: waits that grow and scatter, within limits of number, time and budget.

stamina runs the attempts and sleeps, for sync and async; what is tried again, and after how long,
is decided here.
"""

import functools
import inspect
import time
from collections.abc import Callable
from typing import Any, TypeVar, cast

import stamina

from seatrial_runtime.resilience.budgets import RetryBudget
from seatrial_runtime.resilience.circuit import CircuitOpen
from seatrial_runtime.resilience.deadlines import DeadlineExceeded, remaining_s
from seatrial_runtime.resilience.functions import name_of, refuse_generators
from seatrial_runtime.resilience.waits import backoff_s, told_by
from seatrial_runtime.telemetry import metrics

F = TypeVar("F", bound=Callable[..., Any])
When = type[Exception] | tuple[type[Exception], ...] | Callable[[Exception], bool]


class Retry:
    """How calls are tried again; one object may serve any number of calls at a time.

    `on` is what may pass: exception types, or a function of the exception. `attempts` counts the
    first one too. `within_s` is for all of it, waits and all; an outer deadline holds as well. A
    wait that would not end in time is not begun. A Retry-After is waited for in full, or when it
    is longer than `longest_retry_after_s`, given up at once. Neither an open circuit nor a passed
    deadline is tried again. What comes out in the end is the exception of the last attempt.
    """

    def __init__(
        self,
        on: When,
        *,
        attempts: int = 3,
        within_s: float = 45.0,
        initial_s: float = 1.0,
        most_s: float = 10.0,
        longest_retry_after_s: float = 30.0,
        budget: RetryBudget | None = None,
        name: str = "retry",
    ) -> None:
        if attempts < 1:
            raise ValueError("attempts counts the first one: at least 1")
        self.name, self.budget = name, budget or RetryBudget()
        self._on, self._attempts, self._within_s = on, attempts, within_s
        self._initial_s, self._most_s = initial_s, most_s
        self._longest_s = longest_retry_after_s

    def call(self, function: Callable[..., Any], *args: Any, **named: Any) -> Any:
        """`function(*args, **named)`, tried again as told."""
        for attempt in stamina.retry_context(self._hook(), attempts=None, timeout=None):
            with attempt:
                return function(*args, **named)
        raise AssertionError("stamina neither returned nor raised")

    async def call_async(self, function: Callable[..., Any], *args: Any, **named: Any) -> Any:
        """`await function(*args, **named)`, tried again as told."""
        async for attempt in stamina.retry_context(self._hook(), attempts=None, timeout=None):
            with attempt:
                return await function(*args, **named)
        raise AssertionError("stamina neither returned nor raised")

    def _hook(self) -> Callable[[Exception], bool | float]:
        """Answers stamina for one call: False is give up, a number the wait in seconds."""
        self.budget.called()
        ends_s = time.monotonic() + self._within_s
        failed = 0

        def decide(error: Exception) -> bool | float:
            nonlocal failed
            failed += 1
            if failed >= self._attempts or not self._may_pass(error):
                return False
            wait_s = told_by(error)
            if wait_s is None:
                wait_s = backoff_s(failed, self._initial_s, self._most_s)
            elif wait_s > self._longest_s:
                return False
            left_s = ends_s - time.monotonic()
            outer_s = remaining_s()
            if outer_s is not None:
                left_s = min(left_s, outer_s)
            # The budget is asked last: what is not tried again must not cost a retry.
            if wait_s >= left_s or not self.budget.take():
                return False
            metrics.retried(self.name)
            return float(wait_s)

        return decide

    def _may_pass(self, error: Exception) -> bool:
        if isinstance(error, (CircuitOpen, DeadlineExceeded)):
            return False
        if isinstance(self._on, (type, tuple)):
            return isinstance(error, self._on)
        return self._on(error)


def retry(on: When, **options: Any) -> Callable[[F], F]:
    """Decorator of a sync or async function; `options` are those of Retry.

    Each function has its own budget, unless one is given. The Retry is its attribute `retry`.
    """

    def decorate(function: F) -> F:
        refuse_generators(function, "retry")
        again = Retry(on, **{"name": name_of(function), **options})
        if inspect.iscoroutinefunction(function):

            @functools.wraps(function)
            async def tried_async(*args: Any, **named: Any) -> Any:
                return await again.call_async(function, *args, **named)

            wrapped: Callable[..., Any] = tried_async
        else:

            @functools.wraps(function)
            def tried(*args: Any, **named: Any) -> Any:
                return again.call(function, *args, **named)

            wrapped = tried
        wrapped.retry = again  # type: ignore[attr-defined]
        return cast("F", wrapped)

    return decorate
