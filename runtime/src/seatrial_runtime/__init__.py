"""Starts an unmodified web app in production form, with probes and a graceful drain.

What an app may use by itself is here too, by name: `from seatrial_runtime import cache`. Each
name is imported when it is first used, so that a start pays for none of them.
"""

import time

STARTED_S = time.monotonic()
"""When this process began, on the monotonic clock: the first line it runs of this package."""

__version__ = "0.1.0"

from importlib import import_module  # noqa: E402 - after the clock was read.
from typing import TYPE_CHECKING, Any  # noqa: E402

if TYPE_CHECKING:
    from seatrial_runtime.llm.anthropic import anthropic as anthropic
    from seatrial_runtime.llm.bedrock import bedrock as bedrock
    from seatrial_runtime.llm.course import Answer as Answer
    from seatrial_runtime.llm.course import Attempt as Attempt
    from seatrial_runtime.llm.errors import BadRequest as BadRequest
    from seatrial_runtime.llm.errors import Denied as Denied
    from seatrial_runtime.llm.errors import FallbackFailed as FallbackFailed
    from seatrial_runtime.llm.errors import LlmError as LlmError
    from seatrial_runtime.llm.errors import StreamBroken as StreamBroken
    from seatrial_runtime.llm.errors import Throttled as Throttled
    from seatrial_runtime.llm.errors import TimedOut as TimedOut
    from seatrial_runtime.llm.errors import Unavailable as Unavailable
    from seatrial_runtime.llm.fallback import Fallback as Fallback
    from seatrial_runtime.llm.fallback import fallback as fallback
    from seatrial_runtime.llm.local import local_model as local_model
    from seatrial_runtime.llm.model import End as End
    from seatrial_runtime.llm.model import Message as Message
    from seatrial_runtime.llm.model import Model as Model
    from seatrial_runtime.llm.model import Prompt as Prompt
    from seatrial_runtime.llm.model import Reply as Reply
    from seatrial_runtime.llm.openai_compatible import openai_compatible as openai_compatible
    from seatrial_runtime.llm.prices import Price as Price
    from seatrial_runtime.llm.prices import Usage as Usage
    from seatrial_runtime.resilience.budgets import RetryBudget as RetryBudget
    from seatrial_runtime.resilience.caches import Cache as Cache
    from seatrial_runtime.resilience.caches import cache as cache
    from seatrial_runtime.resilience.circuit import CircuitBreaker as CircuitBreaker
    from seatrial_runtime.resilience.circuit import CircuitOpen as CircuitOpen
    from seatrial_runtime.resilience.circuit import circuit_breaker as circuit_breaker
    from seatrial_runtime.resilience.deadlines import DeadlineExceeded as DeadlineExceeded
    from seatrial_runtime.resilience.deadlines import deadline as deadline
    from seatrial_runtime.resilience.deadlines import limited_s as limited_s
    from seatrial_runtime.resilience.deadlines import remaining_s as remaining_s
    from seatrial_runtime.resilience.redis_store import RedisStore as RedisStore
    from seatrial_runtime.resilience.retries import Retry as Retry
    from seatrial_runtime.resilience.retries import retry as retry
    from seatrial_runtime.resilience.stores import MemoryStore as MemoryStore
    from seatrial_runtime.resilience.timeouts import timeout as timeout

_HOMES = {
    "llm.anthropic": ("anthropic",),
    "llm.bedrock": ("bedrock",),
    "llm.course": ("Answer", "Attempt"),
    "llm.errors": (
        "BadRequest",
        "Denied",
        "FallbackFailed",
        "LlmError",
        "StreamBroken",
        "Throttled",
        "TimedOut",
        "Unavailable",
    ),
    "llm.fallback": ("Fallback", "fallback"),
    "llm.local": ("local_model",),
    "llm.model": ("End", "Message", "Model", "Prompt", "Reply"),
    "llm.openai_compatible": ("openai_compatible",),
    "llm.prices": ("Price", "Usage"),
    "resilience.budgets": ("RetryBudget",),
    "resilience.caches": ("Cache", "cache"),
    "resilience.circuit": ("CircuitBreaker", "CircuitOpen", "circuit_breaker"),
    "resilience.deadlines": ("DeadlineExceeded", "deadline", "limited_s", "remaining_s"),
    "resilience.redis_store": ("RedisStore",),
    "resilience.retries": ("Retry", "retry"),
    "resilience.stores": ("MemoryStore",),
    "resilience.timeouts": ("timeout",),
}
_HOME = {name: home for home, names in _HOMES.items() for name in names}

__all__ = ["STARTED_S", "__version__", *_HOME]


def __getattr__(name: str) -> Any:
    """Import what `name` needs when it is first used (PEP 562)."""
    home = _HOME.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{home}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOME})
