from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nestegg.returns import (
    MODELS,
    Moments,
    arithmetic_mean,
    draws,
    growth,
    log_moments,
    typical_return,
)


@given(
    mean=st.floats(-0.1, 0.2), sd=st.floats(0, 0.6),
)  # fmt: skip
def test_log_moments_give_back_the_moments(mean: float, sd: float) -> None:
    mu, sigma = log_moments(mean, sd)
    assert math.exp(mu + sigma**2 / 2) == pytest.approx(1 + mean, rel=1e-12)
    variance = (math.exp(sigma**2) - 1) * math.exp(2 * mu + sigma**2)
    assert math.sqrt(variance) == pytest.approx(sd, abs=1e-9)


@given(geometric=st.floats(-0.05, 0.1), sd=st.floats(0, 0.5))
def test_arithmetic_mean_undoes_the_geometric_one(geometric: float, sd: float) -> None:
    mu, _ = log_moments(arithmetic_mean(geometric, sd), sd)
    assert math.exp(mu) - 1 == pytest.approx(geometric, abs=1e-12)


@pytest.mark.parametrize("key", MODELS)
def test_draws_have_the_moments_of_the_model(key: str) -> None:
    m = MODELS[key].moments
    luck = draws(100, 20_000, 3)
    equity, bonds = growth(m, 1.0, 0.0, luck) - 1, growth(m, 0.0, 0.0, luck) - 1
    n = equity.size
    assert abs(equity.mean() - m.equity_mean) < 5 * m.equity_sd / math.sqrt(n)
    assert abs(bonds.mean() - m.bond_mean) < 5 * m.bond_sd / math.sqrt(n)
    assert equity.std() == pytest.approx(m.equity_sd, rel=0.01)
    assert bonds.std() == pytest.approx(m.bond_sd, rel=0.01)
    assert np.corrcoef(equity.ravel(), bonds.ravel())[0, 1] == pytest.approx(
        m.correlation, abs=0.005
    )


def test_a_mixed_portfolio_has_the_mean_and_variance_of_the_mix() -> None:
    m = Moments(0.07, 0.2, 0.02, 0.08, -0.3)
    mixed = growth(m, 0.6, 0.0, draws(100, 20_000, 4)) - 1
    variance = (0.6 * 0.2) ** 2 + (0.4 * 0.08) ** 2 + 2 * 0.6 * 0.4 * -0.3 * 0.2 * 0.08
    assert mixed.mean() == pytest.approx(0.6 * 0.07 + 0.4 * 0.02, abs=5e-4)
    assert mixed.var() == pytest.approx(variance, rel=0.02)


def test_world_history_agrees_with_its_published_geometric_mean() -> None:
    """Published beside the mean of 6.5 % and the deviation of 17.4 %: 5.1 %."""
    assert round(typical_return(MODELS["world"].moments, 1.0, 0.0), 3) == 0.051


def test_us_history_agrees_with_the_geometric_means_of_the_series() -> None:
    """The series of 97 years compounds to 6.70 and 1.42 %; lognormal returns come within 0.2."""
    moments = MODELS["us"].moments
    assert typical_return(moments, 1.0, 0.0) == pytest.approx(0.0670, abs=0.002)
    assert typical_return(moments, 0.0, 0.0) == pytest.approx(0.0142, abs=0.002)


def test_a_forecast_keeps_the_published_middle_as_its_median() -> None:
    moments = MODELS["forecast"].moments
    assert typical_return(moments, 1.0, 0.0) == pytest.approx(1.047 / 1.024 - 1, abs=1e-9)
    assert typical_return(moments, 0.0, 0.0) == pytest.approx(1.044 / 1.024 - 1, abs=1e-9)


def test_fees_are_taken_from_the_whole_every_year() -> None:
    luck = draws(5, 10, 1)
    m = MODELS["us"].moments
    assert np.allclose(growth(m, 0.5, 0.01, luck), 0.99 * growth(m, 0.5, 0.0, luck))


@pytest.mark.parametrize("key", [key for key in MODELS if key != "own"])
def test_every_model_says_where_it_is_from(key: str) -> None:
    assert len(MODELS[key].source) > 80
    assert any(character.isdigit() for character in MODELS[key].source)
