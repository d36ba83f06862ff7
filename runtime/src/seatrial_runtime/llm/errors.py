"""How a language model fails, as far as it matters for what to do next.

    LlmError
      Throttled     too many requests: the same model may answer a little later
      Unavailable   outage, broken connection, nonsense instead of an answer: ask another
      TimedOut      no answer in time: ask another
      Denied        this model is not ours to use (key, access, quota, no such model): ask another
      BadRequest    the question itself is refused: no other model is asked
      FallbackFailed   no model of the chain answered
      StreamBroken     the answer broke off after it had begun

No text of these holds a key. The provider's own words are in `detail`, and may quote the question.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from seatrial_runtime.llm.course import Attempt

_MAX_DETAIL_CHARS = 500


class LlmError(Exception):
    """A model gave no answer. `status` is the HTTP status, 0 when there was none."""

    outcome = "failed"

    def __init__(self, detail: str, *, status: int = 0, retry_after_s: float | None = None) -> None:
        super().__init__(detail[:_MAX_DETAIL_CHARS])
        self.detail = detail[:_MAX_DETAIL_CHARS]
        self.status, self.retry_after_s = status, retry_after_s


class Throttled(LlmError):
    """Too many requests or tokens; `retry_after_s` when the provider told it."""

    outcome = "throttled"


class Unavailable(LlmError):
    """The provider failed."""

    outcome = "unavailable"


class TimedOut(LlmError):
    """No answer within the time of one attempt."""

    outcome = "timed_out"


class Denied(LlmError):
    """Key, permission, quota or model name are refused."""

    outcome = "denied"


class BadRequest(LlmError):
    """The request is at fault: too long, malformed, not allowed."""

    outcome = "bad_request"


class FallbackFailed(LlmError):
    """No model answered. `attempts` says what each did; `retry_after_s` when asking again may
    help, None when nothing tells.
    """

    def __init__(self, attempts: "Sequence[Attempt]", retry_after_s: float | None) -> None:
        each = "; ".join(str(attempt) for attempt in attempts) or "no time was left to ask one"
        super().__init__(f"no model answered: {each}", retry_after_s=retry_after_s)
        self.attempts = tuple(attempts)


class StreamBroken(LlmError):
    """The model failed after part of its answer had been handed out: `text` is that part."""

    def __init__(self, model: str, text: str, cause: LlmError) -> None:
        super().__init__(f"{model} broke off: {cause.outcome}", status=cause.status)
        self.model, self.text, self.outcome = model, text, cause.outcome


def of_status(status: int, detail: str, retry_after_s: float | None = None) -> LlmError:
    """The error that an HTTP status of a provider stands for."""
    said = detail.lower()
    # No money and no access come as 400 and 429 too, and no retry helps with them.
    if status in (400, 429) and ("insufficient_quota" in said or "credit balance" in said):
        return Denied(detail, status=status)
    kind: type[LlmError]
    if status == 429:
        kind = Throttled
    elif status in (401, 402, 403, 404):
        kind = Denied
    elif status == 408:
        kind = TimedOut
    elif 400 <= status < 500 and status not in (409, 424, 425):
        kind = BadRequest
    else:
        kind = Unavailable
    return kind(detail, status=status, retry_after_s=retry_after_s)
