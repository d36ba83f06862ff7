"""A time limit that stops what it limits, as far as that can be stopped."""

import asyncio
import functools
import inspect
import sys
from collections.abc import Callable
from types import TracebackType
from typing import Any, TypeVar, cast

from seatrial_runtime.resilience.deadlines import DeadlineExceeded, deadline, limited_s
from seatrial_runtime.resilience.functions import refuse_generators
from seatrial_runtime.resilience.threads import run_within

if sys.version_info >= (3, 11):
    from asyncio import Timeout as _Scope
    from asyncio import timeout as _scope

    def _expired(scope: _Scope) -> bool:
        return scope.expired()
else:
    from async_timeout import Timeout as _Scope
    from async_timeout import timeout as _scope

    def _expired(scope: _Scope) -> bool:
        return bool(scope.expired)


F = TypeVar("F", bound=Callable[..., Any])


class timeout:
    """Limit what runs inside to `seconds`, or to what an outer deadline leaves. Raises
    DeadlineExceeded, which is a TimeoutError.

    `async with timeout(5):` and an `async def` under `@timeout(5)` are cancelled at the end of the
    time. A plain function is not: Python cannot interrupt a thread. It is not begun when the time
    is already over, and everything in it that heeds `deadline` ends in time; a result that comes
    too late is still its result. With `in_thread=True` it runs in a thread that is left behind at
    the end of the time: the caller goes on, the function does too.
    """

    __slots__ = ("_in_thread", "_limit", "_seconds")

    def __init__(self, seconds: float, *, in_thread: bool = False) -> None:
        if not seconds > 0:
            raise ValueError(f"a time-out of {seconds!r} s: it has to be above 0")
        self._seconds, self._in_thread = seconds, in_thread
        self._limit: _Limit | None = None

    def __call__(self, function: F) -> F:
        """As a decorator."""
        refuse_generators(function, "timeout")
        seconds, in_thread = self._seconds, self._in_thread

        if inspect.iscoroutinefunction(function):

            @functools.wraps(function)
            async def limited_async(*args: Any, **named: Any) -> Any:
                async with timeout(seconds):
                    return await function(*args, **named)

            return cast("F", limited_async)

        @functools.wraps(function)
        def limited(*args: Any, **named: Any) -> Any:
            limited_s(seconds)
            with deadline(seconds):
                if in_thread:
                    return run_within(seconds, lambda: function(*args, **named))
                return function(*args, **named)

        return cast("F", limited)

    async def __aenter__(self) -> "timeout":
        if self._limit is not None:
            raise RuntimeError("this timeout is in use: make one for each `async with`")
        limit = _Limit(limited_s(self._seconds))
        await limit.__aenter__()
        self._limit = limit
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        limit, self._limit = self._limit, None
        assert limit is not None
        await limit.__aexit__(kind, error, trace)


class _Limit:
    """One entering of `timeout`."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._scope = _scope(seconds)
        self._deadline = deadline(seconds)

    async def __aenter__(self) -> None:
        self._deadline.__enter__()
        await self._scope.__aenter__()

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._deadline.__exit__(None, None, None)
        try:
            await self._scope.__aexit__(kind, error, trace)
        except (TimeoutError, asyncio.TimeoutError):
            # The body's own TimeoutError does not come this way: __aexit__ lets it pass.
            if _expired(self._scope):
                raise DeadlineExceeded(f"not done within {self._seconds:g} s") from None
            raise
