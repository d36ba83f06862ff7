"""A circuit breaker: a dependency that is down is not asked, until one call finds it up again.

The lock is held for the bookkeeping only, never while the dependency is asked: calls run side by
side. After `open_s` exactly one call is let through; all others are refused until it is judged.
"""

import functools
import inspect
import threading
import time
from collections.abc import Callable
from contextvars import ContextVar
from types import TracebackType
from typing import Any, Literal, TypeVar, cast

from seatrial_runtime.resilience.functions import name_of, refuse_generators
from seatrial_runtime.resilience.tallies import InARow, RateInWindow, Tally
from seatrial_runtime.telemetry import metrics

State = Literal["closed", "open", "half-open"]
F = TypeVar("F", bound=Callable[..., Any])


class CircuitOpen(Exception):
    """The call was not made: the dependency has failed and is given time to recover."""

    def __init__(self, name: str, retry_after_s: float) -> None:
        super().__init__(f"the circuit {name} is open; next try in {retry_after_s:.1f} s")
        self.name, self.retry_after_s = name, retry_after_s

    def __reduce__(self) -> tuple[type["CircuitOpen"], tuple[str, float]]:
        return CircuitOpen, (self.name, self.retry_after_s)


class CircuitBreaker:
    """Opens after `failures` failed calls in a row, or, when `failure_rate` (0 to 1) is given,
    once that part of the last `window_s` seconds' calls failed, of at least `min_calls`.

    An exception of `exclude` shows that the dependency works (a "not found", a "bad request") and
    counts as success. A call that was cancelled or left by a BaseException is not judged. A time
    limit therefore belongs inside the circuit, so that a silent dependency counts as failed.
    `clock` gives seconds that never go back.
    """

    def __init__(
        self,
        name: str,
        *,
        failures: int = 5,
        open_s: float = 30.0,
        failure_rate: float | None = None,
        window_s: float = 60.0,
        min_calls: int = 20,
        exclude: tuple[type[Exception], ...] = (),
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        if failures < 1 or min_calls < 1 or not open_s > 0 or not window_s > 0:
            raise ValueError("failures, min_calls, open_s and window_s have to be above 0")
        if failure_rate is not None and not 0 < failure_rate <= 1:
            raise ValueError(f"failure_rate {failure_rate!r}: it is a part of 1, like 0.5")
        self.name = name
        self._open_s, self._exclude, self._clock = open_s, exclude, clock
        self._tally: Tally = (
            InARow(failures)
            if failure_rate is None
            else RateInWindow(failure_rate, window_s, min_calls)
        )
        self._lock = threading.Lock()
        self._state: State = "closed"
        self._epoch = 0  # Grows with each change: a call from before it is not judged after it.
        self._next_try_s = 0.0
        metrics.circuit_state(name, "closed")

    @property
    def state(self) -> str:
        """One of closed, open and half-open; open until a call is let through again."""
        return self._state

    def enter(self) -> int:
        """Permission for one call: hand it to `succeeded`, `failed` or `dropped` afterwards.

        Raises CircuitOpen.
        """
        with self._lock:
            if self._state != "closed":
                now_s = self._clock()
                if now_s < self._next_try_s:
                    raise CircuitOpen(self.name, self._next_try_s - now_s)
                # A trial call that never comes back gives way to another after open_s.
                self._next_try_s = now_s + self._open_s
                self._become("half-open")
            return self._epoch

    def succeeded(self, permit: int) -> None:
        """The call came back in good order."""
        with self._lock:
            if permit != self._epoch:
                return
            if self._state == "half-open":
                self._tally.clear()
                self._become("closed")
            else:
                self._tally.good(self._clock())

    def failed(self, permit: int) -> None:
        """The dependency failed."""
        with self._lock:
            if permit != self._epoch:
                return
            now_s = self._clock()
            if self._state == "half-open" or self._tally.bad(now_s):
                self._next_try_s = now_s + self._open_s
                self._become("open")

    def dropped(self, permit: int) -> None:
        """The call ended and says nothing about the dependency; a trial call is free again."""
        with self._lock:
            if permit == self._epoch and self._state == "half-open":
                self._next_try_s = self._clock()

    def judge(self, permit: int, error: BaseException | None) -> None:
        """Do the one of the three that fits what the call raised."""
        if error is None or isinstance(error, self._exclude):
            self.succeeded(permit)
        elif isinstance(error, Exception):
            self.failed(permit)
        else:
            self.dropped(permit)

    def call(self, function: Callable[..., Any], *args: Any, **named: Any) -> Any:
        """`function(*args, **named)` through the circuit."""
        permit = self.enter()
        try:
            result = function(*args, **named)
        except BaseException as error:
            self.judge(permit, error)
            raise
        self.succeeded(permit)
        return result

    async def call_async(self, function: Callable[..., Any], *args: Any, **named: Any) -> Any:
        """`await function(*args, **named)` through the circuit."""
        permit = self.enter()
        try:
            result = await function(*args, **named)
        except BaseException as error:
            self.judge(permit, error)
            raise
        self.succeeded(permit)
        return result

    def __call__(self, function: F) -> F:
        """As a decorator of a sync or async function."""
        refuse_generators(function, "circuit_breaker")
        if inspect.iscoroutinefunction(function):

            @functools.wraps(function)
            async def guarded_async(*args: Any, **named: Any) -> Any:
                return await self.call_async(function, *args, **named)

            return cast("F", guarded_async)

        @functools.wraps(function)
        def guarded(*args: Any, **named: Any) -> Any:
            return self.call(function, *args, **named)

        return cast("F", guarded)

    def __enter__(self) -> "CircuitBreaker":
        permit = self.enter()
        _entered.set((*_entered.get(), (self, permit)))
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        entered = _entered.get()
        # The newest of ours: `with` blocks of one task or thread end in the reverse order.
        place = max(i for i, (breaker, _) in enumerate(entered) if breaker is self)
        _entered.set(entered[:place] + entered[place + 1 :])
        self.judge(entered[place][1], error)

    async def __aenter__(self) -> "CircuitBreaker":
        return self.__enter__()

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.__exit__(kind, error, trace)

    def _become(self, state: State) -> None:
        self._epoch += 1
        self._state = state
        metrics.circuit_state(self.name, state)


# Which `with` blocks this task or thread is in: one breaker serves many of them at a time.
_entered: ContextVar[tuple[tuple[CircuitBreaker, int], ...]] = ContextVar(
    "seatrial_circuits", default=()
)


def circuit_breaker(name: str | None = None, **options: Any) -> Callable[[F], F]:
    """Decorator: a circuit of its own for one function, named after it unless `name` is given.

    `options` are those of CircuitBreaker. The breaker is the function's attribute `circuit`.
    """

    def decorate(function: F) -> F:
        breaker = CircuitBreaker(name or name_of(function), **options)
        guarded = breaker(function)
        guarded.circuit = breaker  # type: ignore[attr-defined]
        return guarded

    return decorate
