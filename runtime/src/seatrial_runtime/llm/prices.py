"""What an answer costs: exact, and unknown rather than wrong."""

import threading
from dataclasses import dataclass, field
from decimal import Decimal

_MILLION = Decimal(1_000_000)


@dataclass(frozen=True)
class Usage:
    """Tokens as the provider counted them; None when it did not tell.

    Tokens read from a prompt cache are not in `input_tokens`, nor are those written to it.
    """

    input_tokens: int | None = None
    output_tokens: int | None = None
    cache_read_tokens: int = 0
    cache_write_tokens: int = 0


@dataclass(frozen=True)
class Price:
    """US dollars for a million tokens. Give text or whole numbers: Price("0.80", "4").

    A float is refused, as 0.1 is none. Without a price of their own, tokens read from a prompt
    cache count as input, which is never too little.
    """

    input_usd: Decimal
    output_usd: Decimal
    cache_read_usd: Decimal | None = None
    cache_write_usd: Decimal | None = None

    def __init__(
        self,
        input_usd: Decimal | str | int,
        output_usd: Decimal | str | int,
        cache_read_usd: Decimal | str | int | None = None,
        cache_write_usd: Decimal | str | int | None = None,
    ) -> None:
        given = {
            "input_usd": input_usd,
            "output_usd": output_usd,
            "cache_read_usd": cache_read_usd,
            "cache_write_usd": cache_write_usd,
        }
        for name, value in given.items():
            object.__setattr__(self, name, None if value is None else _exact(value))

    def cost_usd(self, usage: Usage) -> Decimal | None:
        """What `usage` costs; None when a count or a price that it needs is unknown."""
        if usage.input_tokens is None or usage.output_tokens is None:
            return None
        total = usage.input_tokens * self.input_usd + usage.output_tokens * self.output_usd
        if usage.cache_read_tokens:
            read_usd = self.input_usd if self.cache_read_usd is None else self.cache_read_usd
            total += usage.cache_read_tokens * read_usd
        if usage.cache_write_tokens:
            if self.cache_write_usd is None:
                return None
            total += usage.cache_write_tokens * self.cache_write_usd
        return total / _MILLION


@dataclass(frozen=True)
class Total:
    """What one model did so far. `unpriced` answers are in no sum of dollars."""

    calls: int = 0
    answers: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    cost_usd: Decimal = Decimal(0)
    unpriced: int = 0


@dataclass
class Ledger:
    """Adds up by model; safe in threads. A call that failed may cost too: providers do not tell."""

    _totals: dict[str, Total] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def add(self, model: str, usage: Usage | None, cost_usd: Decimal | None) -> None:
        """One call; `usage` is None when it gave no answer."""
        with self._lock:
            had = self._totals.get(model, Total())
            self._totals[model] = Total(
                calls=had.calls + 1,
                answers=had.answers + (usage is not None),
                input_tokens=had.input_tokens + ((usage and usage.input_tokens) or 0),
                output_tokens=had.output_tokens + ((usage and usage.output_tokens) or 0),
                cost_usd=had.cost_usd + (cost_usd or 0),
                unpriced=had.unpriced + (usage is not None and cost_usd is None),
            )

    def totals(self) -> dict[str, Total]:
        """By model, as of now."""
        with self._lock:
            return dict(self._totals)


def _exact(value: Decimal | str | int) -> Decimal:
    if isinstance(value, (float, bool)):
        raise TypeError(f"a price of {value!r}: give it as text, like {str(value)!r}")
    price = Decimal(value)
    if not price.is_finite() or price < 0:
        raise ValueError(f"a price of {value!r}: it has to be a number, not below 0")
    return price
