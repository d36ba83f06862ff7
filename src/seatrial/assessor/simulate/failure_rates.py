"""How often rare things happen, how long they take, and how uncertain that is: `failures.toml`."""

from __future__ import annotations

import math
import zlib
from functools import cache
from importlib.resources import files

import msgspec
import numpy as np
import numpy.typing as npt

from seatrial.kernel.errors import InputError
from seatrial.kernel.values import Value

Z95 = 1.959964
"""Normal quantile of a 95 % interval's ends."""


class PastEvent(Value):
    """One event that was counted."""

    date: str
    what: str
    source: str


class Rate(Value):
    """Events a year of one thing that can fail: counted over an exposure, or stated.

    A stated rate is within `factor` of `per_year` in 95 of 100 cases. Where there is no `source`,
    `assumed` says why the figure was chosen.
    """

    per_year: float = 0.0
    factor: float = 1.0
    count: int = 0
    events: tuple[PastEvent, ...] = ()
    exposure_years: float = 0.0
    source: str = ""
    as_of: str = ""
    assumed: str = ""

    @property
    def counted(self) -> int:
        """How many events were counted."""
        return len(self.events) or self.count

    @property
    def value(self) -> float:
        """The rate a year: the posterior mean of a counted one, the stated one otherwise."""
        if self.exposure_years > 0:
            return (self.counted + 0.5) / self.exposure_years
        return self.per_year

    @property
    def told(self) -> str:
        """The source with its date, or the reason of the assumption."""
        return _told(self.source, self.as_of, self.assumed)

    def sample(self, rng: np.random.Generator, size: int) -> npt.NDArray[np.float64]:
        """Possible values: Gamma(count + 1/2, exposure), or log-normal about the stated one."""
        if self.exposure_years > 0:
            return rng.gamma(self.counted + 0.5, 1 / self.exposure_years, size)
        return self.per_year * _factors(self.factor, rng, size)


class Amount(Value):
    """A time or a share that a window needs, within `factor` of `value` in 95 of 100 cases."""

    value: float
    factor: float = 1.0
    source: str = ""
    as_of: str = ""
    assumed: str = ""

    @property
    def told(self) -> str:
        """The source with its date, or the reason of the assumption."""
        return _told(self.source, self.as_of, self.assumed)


class Rates(Value):
    """All rates and amounts by name; replace single ones with what a trial measured."""

    rates: dict[str, Rate]
    amounts: dict[str, Amount]

    def amount(self, name: str) -> float:
        """An amount's value."""
        return self.amounts[name].value

    def region(self, region: str) -> str:
        """The name of the rate of region losses that holds in that region."""
        own = f"region-{region}"
        return own if own in self.rates else "region"


def _told(source: str, as_of: str, assumed: str) -> str:
    return f"{source} ({as_of})" if source else f"assumed: {assumed}"


def _factors(factor: float, rng: np.random.Generator, size: int) -> npt.NDArray[np.float64]:
    return np.exp(rng.standard_normal(size) * (math.log(factor) / Z95))


@cache
def packaged_rates() -> Rates:
    """The rates that come with the simulator."""
    text = files("seatrial.assessor.simulate").joinpath("failures.toml").read_text("utf-8")
    rates = msgspec.toml.decode(text.encode(), type=Rates)
    check_rates(rates)
    return rates


def check_rates(rates: Rates) -> None:
    """Raises `InputError` at the first figure that is impossible or says nothing of its source."""
    for name, rate in rates.rates.items():
        where = f"failures.toml: rates.{name}"
        fine = math.isfinite(rate.value) and rate.value >= 0 and rate.exposure_years >= 0
        _check(fine and rate.count >= 0, rate.factor, rate.source or rate.assumed, where)
    for name, amount in rates.amounts.items():
        where = f"failures.toml: amounts.{name}"
        fine = math.isfinite(amount.value) and amount.value >= 0
        fine = fine and (amount.value <= 1 or not name.endswith("-share"))
        _check(fine, amount.factor, amount.source or amount.assumed, where)


def _check(fine: bool, factor: float, reason: str, where: str) -> None:
    if not (fine and math.isfinite(factor) and factor >= 1):
        raise InputError(
            "a rate or an amount is impossible", where=where,
            fix="give finite numbers, 0 or more, shares up to 1 and a factor of 1 or more",
        )  # fmt: skip
    if not reason:
        raise InputError(
            "the figure has no source", where=where,
            fix="add source and as_of, or the reason as assumed",
        )  # fmt: skip


def stream(seed: int, name: str) -> np.random.Generator:
    """Chance of its own for each name, so that one event more changes no other's."""
    sequence = np.random.SeedSequence([seed, zlib.crc32(name.encode())])
    return np.random.Generator(np.random.PCG64(sequence))


def sampled_amount(amount: Amount, rng: np.random.Generator, size: int) -> npt.NDArray[np.float64]:
    """Possible amounts over the stated one."""
    return _factors(amount.factor, rng, size)
