"""What the compiled minutes of a fleet look up, from its table and its policy's step.

A step serves what came in it and what was there before. At a constant load a replica has L(u)
requests at a utilisation u, so in a step of `span` seconds it serves the utilisation for which

    requests before + requests that came = capacity x u x span + L(u)

(implicit Euler of the pointwise stationary fluid flow approximation; Tipper and Sundareshan, IEEE
JSAC 8, 1990). So the queue of a busy minute is there in the next one, and does not fill at once.
"""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np

from seatrial.assessor.simulate import layout
from seatrial.assessor.simulate.mixing import (
    ACROSS,
    CLASSES,
    LOAD,
    ROWS,
    SPOTS,
    along,
    level_of,
)
from seatrial.assessor.simulate.waits import SPANS_S, Floats, Table


@lru_cache(maxsize=1)
def chances() -> Floats:
    """Normal variables by minute and step, the same for all fleets and years."""
    return np.random.Generator(np.random.Philox(1)).normal(size=layout.CHANCES * layout.DRAWS)


@lru_cache(maxsize=1)
def _common() -> Floats:
    found = np.zeros(layout.ENVIRONMENTS)
    found[: layout.MANY + 1] = [level_of(many) for many in range(layout.MANY + 1)]
    return found


@lru_cache(maxsize=256)
def tables(table: Table, cells: tuple[int, ...], ticks: int) -> Floats:
    """The array for steps of 1 / `ticks` minute; its classes' `cells` have been played."""
    found, shape = _common().copy(), (len(CLASSES), ROWS)
    some = np.fromiter(cells, np.int64)
    like = np.array([table.like(cell) for cell in cells])
    stay, restless = np.zeros(shape), np.zeros((*shape, len(SPANS_S)))
    stay.ravel()[some] = table.stay_s[like]
    restless.reshape(-1, len(SPANS_S))[some] = table.restless[like]
    mixed = [np.maximum(along(ACROSS @ what), 0.0) for what in (stay, *_parts(restless, ticks))]
    inside = np.maximum.accumulate(mixed[0] * LOAD * table.capacity_rps, axis=1)
    roots = [np.sqrt(one * table.capacity_rps) / 3 for one in mixed[1:]]
    missing = np.ones(len(CLASSES), np.bool_)
    missing[some // ROWS] = False
    for level in np.flatnonzero(~(ACROSS[:, missing] > 0).any(axis=1)).tolist():
        _level(found, level, 60.0 / ticks, table, inside[level], [one[level] for one in roots])
    return found


def _parts(restless: Floats, ticks: int) -> tuple[Floats, Floats]:
    """Of the variance over a step, what a whole minute has in common, and what each has alone."""
    minute = restless[..., SPANS_S.index(60.0)]
    if ticks == 1:
        return minute, np.zeros(minute.shape)
    step = restless[..., SPANS_S.index(60.0 / ticks)]
    own = np.clip((step - minute) * ticks / (ticks - 1), 0.0, step)
    return step - own, own


def _level(
    found: Floats, level: int, span: float, table: Table, inside: Floats, roots: list[Floats]
) -> None:
    reached = inside + LOAD * table.capacity_rps * span
    most = table.capacity_rps * span + inside[-1]
    found[layout.ROOM + level] = most
    found[layout.DELAY + level] = max(0.0, inside[-1] / table.capacity_rps - table.service_s)
    turns = np.linspace(0.0, most, layout.TURNS + 1)
    begin = layout.PLACE + level * (layout.TURNS + 1)
    found[begin : begin + turns.size] = np.interp(turns, reached, np.arange(float(SPOTS)))
    row = np.stack([inside, *roots], axis=1)
    begin = layout.SEEN + level * layout.SEEN_ROW
    # The last spot twice, because the kernel looks at the next one too.
    found[begin : begin + layout.SEEN_ROW] = np.vstack([row, row[-1:]]).ravel()


@lru_cache(maxsize=64)
def functions(service_s: float, burst: float, most_rps: float) -> Floats:
    """The array for a function: environments by requests at once in the mean, and by rank.

    Requests at once are those of an endless fleet: Poisson, or with bursts negative binomial. They
    are at a number k above their mean in clumps, which come at the rate P(k) (k - mean) / service
    (Aldous, "Probability approximations via the Poisson clumping heuristic", 1989, B), so in a
    minute it is not reached with the chance exp(-60 P(k) (k - mean) / service).
    """
    spread = 1.0 + burst * min(service_s, 1.0)
    most = max(most_rps * service_s, 1e-6)
    busy = np.geomspace(most / 1000, most, layout.BUSY_LEVELS)
    ranks = (np.arange(layout.BUSY_RANKS) + 0.5) / layout.BUSY_RANKS
    found = [busy[0], math.log(busy[1] / busy[0])]
    for mean in busy.tolist():
        many = np.arange(float(int(mean + 12 * math.sqrt(mean * spread) + 12 * spread)))
        chance = np.exp(_log_chance(mean, spread, many))
        above = np.maximum(many - mean, 0.0)
        missed = np.where(above <= 0, 0.0, np.exp(-60.0 * chance * above / service_s))
        missed = np.maximum.accumulate(missed)
        found += np.maximum(np.searchsorted(missed, ranks) - 1.0, 0.0).tolist()
    return np.concatenate([_common(), found])


def _log_chance(mean: float, spread: float, many: Floats) -> Floats:
    """Logarithm of the chance of so many, of a mean and a variance over it."""
    steps = np.arange(1, many.size, dtype=np.float64)
    if spread <= 1.0 + 1e-9:
        rise = math.log(max(mean, 1e-300)) - np.log(steps)
        begin = -mean
    else:
        shape = mean / (spread - 1.0)
        rise = np.log((steps - 1.0 + shape) / steps) + math.log((spread - 1.0) / spread)
        begin = -shape * math.log(spread)
    return begin + np.concatenate([[0.0], np.cumsum(rise)])
