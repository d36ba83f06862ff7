"""Estimation: penalised maximum likelihood. Training only (imports scipy)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize, minimize_scalar

from furlong.cards import Floats, Ints
from furlong.features import DRAW_CELLS, FEATURES, Design
from furlong.model import Weights, softmax_by_race, utilities

#: Prior standard deviation of a jockey, trainer or draw coefficient, in units of strength.
EFFECT_SD = 0.3
#: Ridge per race on standardised dense weights: only there to keep the problem well posed.
DENSE_RIDGE = 1e-5


@dataclass(frozen=True)
class Sizes:
    """Number of coefficients in each block of the parameter vector."""

    jockeys: int
    trainers: int

    def split(self, theta: Floats) -> tuple[Floats, Floats, Floats, Floats]:
        """Dense, jockey, trainer and draw blocks."""
        ends = np.cumsum([len(FEATURES), self.jockeys, self.trainers])
        dense, jockey, trainer, draw = np.split(theta, ends)
        return dense, jockey, trainer, draw

    @property
    def total(self) -> int:
        return len(FEATURES) + self.jockeys + self.trainers + DRAW_CELLS


def fit_weights(data: Design, winner: Floats, sizes: Sizes) -> Weights:
    """Conditional logit of the winner of each race by L-BFGS with Gaussian penalties."""
    means, scales = data.dense.mean(axis=0), data.dense.std(axis=0)
    scales[scales == 0] = 1.0
    x = np.ascontiguousarray(((data.dense - means) / scales).T)
    races = len(data.starts)
    won = np.flatnonzero(winner)
    ridge = np.full(sizes.total, 0.5 / (EFFECT_SD**2 * races))
    ridge[: len(FEATURES)] = DENSE_RIDGE

    def objective(theta: Floats) -> tuple[float, Floats]:
        beta, jockey, trainer, draw = sizes.split(theta)
        # einsum, unlike @, adds in the same order however many threads the machine has.
        value = np.einsum("fn,f->n", x, beta) + jockey[data.jockey] + trainer[data.trainer]
        value += draw[data.draw_cell] * data.draw_value
        value -= np.maximum.reduceat(value, data.starts)[data.race_of]
        weight = np.exp(value)
        total = np.add.reduceat(weight, data.starts)
        loss = (np.log(total).sum() - value[won].sum()) / races
        residual = (weight / total[data.race_of] - winner) / races
        gradient = np.concatenate(
            [
                np.einsum("fn,n->f", x, residual),
                np.bincount(data.jockey, residual, sizes.jockeys),
                np.bincount(data.trainer, residual, sizes.trainers),
                np.bincount(data.draw_cell, residual * data.draw_value, DRAW_CELLS),
            ]
        )
        penalty = float((ridge * theta**2).sum())
        return float(loss) + penalty, gradient + 2.0 * ridge * theta

    start = np.zeros(sizes.total)
    options = {"maxiter": 300, "ftol": 1e-8, "gtol": 1e-6}
    found = minimize(objective, start, jac=True, method="L-BFGS-B", options=options)
    beta, jockey, trainer, draw = sizes.split(np.asarray(found.x))
    return Weights(beta, means, scales, jockey, trainer, draw)


def fit_scale(log_terms: list[Floats], data: Design, winner: Floats) -> Floats:
    """Exponents a_k for which softmax(sum_k a_k * log_terms[k]) fits the winners best."""
    terms = np.column_stack(log_terms)
    won = np.flatnonzero(winner)

    def loss(exponents: Floats) -> float:
        p = softmax_by_race(np.einsum("nk,k->n", terms, exponents), data.starts, data.race_of)
        return float(-np.log(p[won]).mean())

    start = np.full(terms.shape[1], 1.0 / terms.shape[1])
    return np.asarray(minimize(loss, start, method="L-BFGS-B").x)


def fit_temperature(weights: Weights, data: Design, winner: Floats) -> float:
    """Temperature that divides the utilities, chosen on races not used for the weights."""
    return float(1.0 / fit_scale([utilities(weights, data)], data, winner)[0])


def fit_discounts(win: Floats, position: Ints, data: Design) -> tuple[float, float]:
    """Harville exponents for second and third place (Lo and Bacon-Shone) by likelihood."""
    log_p = np.log(win)

    def fitted(place: int) -> float:
        left = position >= place
        took = np.flatnonzero(position == place)

        def loss(power: float) -> float:
            value = np.where(left, power * log_p, -np.inf)
            p = softmax_by_race(value, data.starts, data.race_of)
            return float(-np.log(p[took]).mean())

        return float(minimize_scalar(loss, bounds=(0.2, 1.5), method="bounded").x)

    return fitted(2), fitted(3)
