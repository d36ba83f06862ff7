"""How long to wait before the next attempt: as the other side asks, else growing and scattered."""

import email.utils
import math
import random
import re
import time
from collections.abc import Mapping
from typing import Any

_SECONDS = re.compile(r"\s*(\d{1,9}(?:\.\d{1,9})?)\s*")

_chance = random.Random()


def backoff_s(attempt: int, initial_s: float, most_s: float) -> float:
    """Wait after failed `attempt` (1, 2, ...): anything from 0 to `initial_s` doubled each time.

    Full jitter: callers that failed together come back scattered over the whole wait.
    """
    return _chance.uniform(0.0, min(most_s, initial_s * 2.0 ** min(attempt - 1, 60)))


def seconds_of(value: object) -> float | None:
    """A Retry-After value, seconds or an HTTP date, in seconds from now; None if it is neither."""
    if isinstance(value, (int, float)):
        return max(0.0, float(value)) if math.isfinite(value) else None
    if not isinstance(value, str):
        return None
    match = _SECONDS.fullmatch(value)
    if match:
        return float(match[1])
    try:
        when = email.utils.parsedate_to_datetime(value)
    except (TypeError, ValueError):
        return None
    return max(0.0, when.timestamp() - time.time())


def told_by(error: BaseException) -> float | None:
    """What an exception tells, in seconds: its `retry_after_s` or `retry_after`, or the header of
    the `response` that httpx, requests, aiohttp and botocore attach. None when it tells nothing.
    """
    for name in ("retry_after_s", "retry_after"):
        told = seconds_of(getattr(error, name, None))
        if told is not None:
            return told
    response: Any = getattr(error, "response", None)
    headers: Any = getattr(response, "headers", None) or getattr(error, "headers", None)
    if isinstance(response, Mapping):
        headers = response.get("ResponseMetadata", {}).get("HTTPHeaders")
    if not hasattr(headers, "get"):
        return None
    return seconds_of(headers.get("retry-after") or headers.get("Retry-After"))
