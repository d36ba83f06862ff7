"""Real yearly returns of equity and bonds, and where the figures come from.

Each model gives the mean and the standard deviation of the real (after inflation) yearly return,
and the correlation of the two. The returns are lognormal: 1 + return is the exponential of a
normal variable, so nobody loses more than everything. Years are independent of one another.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Moments:
    """Arithmetic means, standard deviations and correlation of real yearly returns, as shares."""

    equity_mean: float
    equity_sd: float
    bond_mean: float
    bond_sd: float
    correlation: float


@dataclass(frozen=True)
class ReturnModel:
    """Figures, and whose they are."""

    name: str
    moments: Moments
    source: str
    url: str


def arithmetic_mean(geometric: float, sd: float) -> float:
    """Mean of lognormal returns from their geometric mean (which is their median)."""
    square = (1 + geometric) ** 2
    return math.sqrt((square + math.sqrt(square**2 + 4 * square * sd**2)) / 2) - 1


def real(nominal: float, inflation: float) -> float:
    """A return after inflation."""
    return (1 + nominal) / (1 + inflation) - 1


#: From the series of 97 years: real return = (1 + nominal) / (1 + inflation) - 1, year by year.
US_HISTORY = Moments(0.0855, 0.1939, 0.0180, 0.0890, 0.09)

#: Middles of the published ranges: equities 3.7-5.7 %, bonds 3.9-4.9 %, inflation 1.9-2.9 %.
FORECAST_INFLATION = 0.024
FORECAST_EQUITY_SD, FORECAST_BOND_SD = 0.17, 0.056

OWN = ReturnModel("My own figures", US_HISTORY, "Entered on this page.", "")

MODELS: Mapping[str, ReturnModel] = {
    "us": ReturnModel(
        "US history, 1928-2024",
        US_HISTORY,
        "Computed from the yearly returns of the S&P 500 with dividends and the 10-year US "
        "Treasury bond, less CPI inflation, published by A. Damodaran (NYU Stern), Historical "
        "Returns on Stocks, Bonds and Bills, 1928-2024.",
        "https://pages.stern.nyu.edu/~adamodar/New_Home_Page/datafile/histretSP.html",
    ),
    "world": ReturnModel(
        "World equity history, 1900-2016",
        Moments(0.065, 0.174, US_HISTORY.bond_mean, US_HISTORY.bond_sd, US_HISTORY.correlation),
        "Equity: the World index in real US dollars (mean 6.5 %, standard deviation 17.4 %), "
        "E. Dimson, P. Marsh and M. Staunton, Global Investment Returns Yearbook 2017, Table 2. "
        "Bonds and the correlation: as in US history, since that table has none.",
        "",
    ),
    "forecast": ReturnModel(
        "Forecast of December 2023",
        Moments(
            arithmetic_mean(real(0.047, FORECAST_INFLATION), FORECAST_EQUITY_SD),
            FORECAST_EQUITY_SD,
            arithmetic_mean(real(0.044, FORECAST_INFLATION), FORECAST_BOND_SD),
            FORECAST_BOND_SD,
            US_HISTORY.correlation,
        ),
        "Ten-year projections of the Vanguard Capital Markets Model as of 31 December 2023, US "
        "equities and US aggregate bonds: middles of the published ranges less the forecast "
        "inflation of 2.4 %, with the published (nominal) volatilities. The correlation is not "
        "published: that of US history is used.",
        "https://corporate.vanguard.com/content/corporatesite/us/en/corp/vemo/vemo-return-forecasts",
    ),
    "own": OWN,
}


def log_moments(mean: float, sd: float) -> tuple[float, float]:
    """Mean and standard deviation of log(1 + return) for a lognormal return."""
    variance = math.log1p((sd / (1 + mean)) ** 2)
    return math.log1p(mean) - variance / 2, math.sqrt(variance)


def log_correlation(moments: Moments) -> float:
    """Correlation of the logarithms that gives the returns the wanted correlation."""
    _, equity_sd = log_moments(moments.equity_mean, moments.equity_sd)
    _, bond_sd = log_moments(moments.bond_mean, moments.bond_sd)
    if equity_sd == 0 or bond_sd == 0:
        return 0.0
    product = (moments.equity_sd / (1 + moments.equity_mean)) * (
        moments.bond_sd / (1 + moments.bond_mean)
    )
    rho = math.log1p(moments.correlation * product) / (equity_sd * bond_sd)
    return max(-1.0, min(1.0, rho))


def draws(years: int, scenarios: int, seed: int) -> Array:
    """Standard normal numbers (2, years, scenarios): the luck every strategy shares."""
    return np.random.default_rng(seed).standard_normal((2, years, scenarios))


def growth(moments: Moments, equity: float, fee: float, luck: Array) -> Array:
    """Real growth factors (years, scenarios) of a portfolio rebalanced every year, after fees.

    equity and fee are shares; luck comes from draws().
    """
    equity_mu, equity_sigma = log_moments(moments.equity_mean, moments.equity_sd)
    bond_mu, bond_sigma = log_moments(moments.bond_mean, moments.bond_sd)
    rho = log_correlation(moments)
    equity_growth = np.exp(equity_mu + equity_sigma * luck[0])
    mixed = rho * luck[0] + math.sqrt(1 - rho**2) * luck[1]
    bond_growth = np.exp(bond_mu + bond_sigma * mixed)
    mix = equity * equity_growth + (1 - equity) * bond_growth
    return np.asarray(mix * (1 - fee), dtype=np.float64)


def typical_return(moments: Moments, equity: float, fee: float) -> float:
    """Geometric mean real return of the portfolio after fees, taking it for lognormal."""
    mean = equity * moments.equity_mean + (1 - equity) * moments.bond_mean
    covariance = moments.correlation * moments.equity_sd * moments.bond_sd
    variance = (
        (equity * moments.equity_sd) ** 2
        + ((1 - equity) * moments.bond_sd) ** 2
        + 2 * equity * (1 - equity) * covariance
    )
    return (1 + mean) / math.sqrt(1 + variance / (1 + mean) ** 2) * (1 - fee) - 1
