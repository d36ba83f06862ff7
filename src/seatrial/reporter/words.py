"""How figures and foreign texts are written. Nothing in here knows HTML."""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Callable, Iterable
from decimal import ROUND_HALF_EVEN, Context, Decimal

from seatrial.kernel.simulation import Estimate
from seatrial.kernel.units import MIB_PER_GIB, plain, usd
from seatrial.kernel.workload import Proof

NEVER_EMPTIES = "∞ (queue never empties)"
DASH = "\u2013"
"""En dash: nothing to show, and between the ends of a range."""
TIMES = "\u00d7"
NOT_PROMISED = "no SLA"
TEXT_LIMIT = 600
NAME_LIMIT = 60
_WIDE = Context(prec=60, rounding=ROUND_HALF_EVEN)
_LINK = re.compile(r"https://[A-Za-z0-9.-]+(?::\d{1,5})?(?:/[A-Za-z0-9._~%/?#=&+,;@-]*)?")
_MARKDOWN = re.compile(r"[\\`*\[\]|~]|(?<![A-Za-z0-9])_|_(?![A-Za-z0-9])")
_BLOCK_START = re.compile(r"(\d{0,9})([.)#=+-])(?=[\s#=-]|$)")
_WORDS = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")


def clean(text: str) -> str:
    """Make a foreign text safe to show on one line.

    Line ends become spaces; control, format and surrogate characters (among them the
    bidirectional overrides, which can make a line read other than it is) become visible
    escapes; what is longer than 600 characters is cut, with an ellipsis.
    """
    if len(text) > TEXT_LIMIT:
        text = text[: TEXT_LIMIT - 1] + "…"
    text = " ".join(text.split())
    if text.isprintable():
        return text
    shown = []
    for char in text:
        if unicodedata.category(char) in ("Cc", "Cf", "Cs", "Co", "Cn"):
            shown.append(f"\\u{ord(char):04x}")
        else:
            shown.append(char)
    return "".join(shown)


def markdown(text: str) -> str:
    """Write a foreign text so that Markdown shows it literally, also inside a table cell.

    `&#64;` and `&#58;` keep a text from mentioning a person or becoming a link on its own.
    """
    text = clean(text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    text = _MARKDOWN.sub(lambda match: "\\" + match.group(), text)
    text = text.replace("@", "&#64;").replace("://", "&#58;//").replace("www.", "www&#46;")
    start = _BLOCK_START.match(text)
    return f"{start[1]}\\{text[start.start(2) :]}" if start else text


def brief(text: str) -> str:
    """A name for a headline: what is longer than 60 characters is cut, with an ellipsis."""
    shown = clean(text)
    return shown if len(shown) <= NAME_LIMIT else shown[: NAME_LIMIT - 1] + "…"


def link(source: str) -> str:
    """The address to link a source to: the source itself when it is a plain https address."""
    return source if _LINK.fullmatch(source) else ""


def bare(source: str) -> str:
    """A source as it is shown: an address without its scheme and its last slash."""
    return source.removeprefix("https://").removesuffix("/") if link(source) else source


def ms(value: float | None) -> str:
    """A latency in milliseconds; none is infinite."""
    if value is None or math.isinf(value):
        return NEVER_EMPTIES
    if math.isnan(value):
        return "unknown"
    if abs(value) >= 10_000:
        return f"{value / 1000:,.1f} s"
    return f"{value:,.0f} ms" if abs(value) >= 100 else f"{value:.3g} ms"


def number(value: float) -> str:
    """A count or a rate: three significant digits below 100, whole and grouped above."""
    if math.isinf(value) or math.isnan(value):
        return "∞" if value > 0 else "unknown"
    if value == int(value) or abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.3g}"


def percent(value: float | None) -> str:
    """A percentage with the digits that matter for an SLA; none is not promised."""
    return NOT_PROMISED if value is None else f"{f'{value:.4f}'.rstrip('0').rstrip('.')} %"


def availability(value: float | None) -> str:
    """A simulated availability: as many nines as it has, and one digit more."""
    if value is None:
        return "unknown"
    down = 100 - value
    digits = 2 if down <= 0 else max(1, min(6, 1 - math.floor(math.log10(down))))
    return f"{f'{value:.{digits}f}'.rstrip('0').rstrip('.')} %"


def estimate(found: Estimate, write: Callable[[float | None], str]) -> str:
    """A simulated figure with its interval, where it has one: `248 ms (231 ms to 266 ms)`."""
    between = interval(found, write)
    return f"{write(found.value)} ({between})" if between else write(found.value)


def interval(found: Estimate, write: Callable[[float | None], str]) -> str:
    """The interval of a simulated figure, `231 ms to 266 ms`; empty where it has none."""
    if found.value is None or found.low is None or found.high is None:
        return ""
    low, high = write(found.low), write(found.high)
    return "" if low == high else f"{low} to {high}"


def share(value: float) -> str:
    """A share of one as a whole percentage."""
    if math.isinf(value) or math.isnan(value):
        return number(value)
    return "< 1 %" if 0 < value < 0.01 else f"{value * 100:,.0f} %"


def money(amount: Decimal | None) -> str:
    """An amount in USD to the cent; unknown is never zero."""
    if amount is not None and not amount.is_finite():
        return "unknown"
    return usd(amount)


def whole_money(amount: Decimal | float | None) -> str:
    """An amount in whole dollars where it has four digits or more, else to the cent."""
    if amount is None or not math.isfinite(amount):
        return money(None) if amount is None else "unknown"
    exact = amount if isinstance(amount, Decimal) else Decimal(str(amount))
    return money(exact).rpartition(".")[0] if abs(exact) >= 1000 else money(exact)


def unit_price(amount: Decimal) -> str:
    """A price per unit in USD with every digit it was quoted with, at least cents."""
    text = plain(amount)
    whole, _, fraction = text.partition(".")
    return f"${int(whole):,}.{fraction:0<2}" if whole.lstrip("-").isdigit() else f"${text}"


def quantity(amount: Decimal) -> str:
    """A quantity of a cost line, grouped, with at most four decimals."""
    if not amount.is_finite():
        return "unknown"
    return plain_grouped(amount.quantize(Decimal("0.0001"), context=_WIDE)) if amount else "0"


def plain_grouped(amount: Decimal) -> str:
    """A decimal with thousands separators and no trailing zeros."""
    text = f"{amount:,f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def memory(mib: float) -> str:
    """An amount of memory."""
    return f"{number(mib / MIB_PER_GIB)} GiB" if mib >= MIB_PER_GIB else f"{number(mib)} MiB"


def size(count: int) -> str:
    """The size of a file."""
    return f"{count:,} B" if count < 1024 else f"{count / 1024:,.1f} KiB"


def seconds(value: float) -> str:
    """A duration."""
    return f"{value / 60:,.1f} min" if value >= 120 else f"{number(value)} s"


def lasting(value: float) -> str:
    """A duration from seconds to weeks."""
    for unit, length in (("days", 86_400.0), ("h", 3600.0), ("min", 60.0)):
        if value >= 2 * length:
            return f"{number(round(value / length, 1))} {unit}"
    return f"{number(value)} s"


def count(how_many: int, noun: str, plural: str = "") -> str:
    """`1 route`, `three routes`, `40 routes`."""
    word = _WORDS[how_many] if 0 <= how_many < len(_WORDS) else f"{how_many:,}"
    return f"{word} {noun if how_many == 1 else plural or noun + 's'}"


def sentence_case(text: str) -> str:
    """The text with its first letter as a capital."""
    return text[:1].upper() + text[1:]


def stop(text: str) -> str:
    """The text as a sentence that ends."""
    text = clean(text)
    return text if not text or text[-1] in ".!?…:" else text + "."


def place(proof: Proof) -> str:
    """Where a proof points to, `file:line`, or the word for its kind when it names no file."""
    if proof.file:
        return f"{proof.file}:{proof.line}" if proof.line else proof.file
    return proof.kind


def joined(parts: Iterable[str]) -> str:
    """`a, b and c`."""
    items = list(parts)
    return items[0] if len(items) == 1 else ", ".join(items[:-1]) + " and " + items[-1]


def quantile(mid_quantiles: tuple[float, ...], share_below: float) -> float:
    """A quantile from the n mid-quantiles ((i + 0.5) / n), linear between two, flat outside.

    Same reading as `numpy.quantile(method="hazen")`.
    """
    last = len(mid_quantiles) - 1
    at = min(max(share_below * len(mid_quantiles) - 0.5, 0.0), float(last))
    low = int(at)
    high = min(low + 1, last)
    return mid_quantiles[low] + (mid_quantiles[high] - mid_quantiles[low]) * (at - low)
