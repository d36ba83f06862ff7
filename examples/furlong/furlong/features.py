"""From race cards to the numbers the model weighs: one function for training and serving."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from furlong.cards import (
    DAYS_AGO,
    DISTANCE,
    FIELD_SIZE,
    FIGURE,
    GOING,
    POSITION,
    Batch,
    Floats,
    Ints,
)
from furlong.racing import BANDS, COURSES, LB_PER_KG, band_of

#: Days over which a past run loses half its weight, for current form and for general ability.
RECENT_HALF_LIFE, LASTING_HALF_LIFE = 45.0, 240.0
#: Prior weights (in runs) that pull a thin record towards "as good as its rating".
RECENT_PRIOR, LASTING_PRIOR, SCORE_PRIOR = 1.0, 2.0, 2.0
#: Ridge terms for a horse's own slope of figures on going (steps) and on distance (octaves).
GOING_RIDGE, DISTANCE_RIDGE = 30.0, 3.0
GOING_WIDTH, DISTANCE_WIDTH = 0.8, 0.25  # how alike conditions must be to count as similar

FEATURES: tuple[str, ...] = (
    "rating_less_weight",
    "rating_less_weight_class_1",
    "recent_figure",
    "lasting_figure",
    "last_figure",
    "best_figure",
    "going_slope",
    "going_figure",
    "distance_slope",
    "distance_figure",
    "distance_mismatch",
    "finishing_score",
    "won_last_time",
    "runs_on_record",
    "unraced",
    "age",
    "age_squared",
    "young_and_unexposed",
    "layoff",
    "quick_return",
    "recent_figure_after_layoff",
)

#: One draw coefficient for each course and distance band.
DRAW_CELLS = len(COURSES) * len(BANDS)


@dataclass(frozen=True)
class Design:
    """Model inputs: dense columns plus the indices of jockey, trainer and draw coefficients."""

    dense: Floats  # (runners, FEATURES), not standardised
    jockey: Ints
    trainer: Ints
    draw_cell: Ints
    draw_value: Floats
    starts: Ints
    race_of: Ints


def draw_position(batch: Batch) -> Floats:
    """Stall from -1 (lowest) to 1 (widest), counting for more in a larger field."""
    sizes = batch.sizes[batch.race_of].astype(np.float64)
    centred = (2.0 * batch.draw - sizes - 1.0) / np.maximum(sizes - 1.0, 1.0)
    return np.asarray(centred * np.sqrt(sizes / 12.0))


def _shrunk_mean(values: Floats, weights: Floats, prior: float) -> Floats:
    """Weighted mean along the runs of each horse, pulled to zero by ``prior`` imaginary runs."""
    return np.asarray((weights * values).sum(axis=1) / (weights.sum(axis=1) + prior))


def _slope_effect(values: Floats, at: Floats, today: Floats, seen: Floats, ridge: float) -> Floats:
    """What a ridge line through (at, values) of each horse adds at today's conditions."""
    count = np.maximum(seen.sum(axis=1), 1.0)
    centre = (seen * at).sum(axis=1) / count
    level = (seen * values).sum(axis=1) / count
    offset = seen * (at - centre[:, None])
    slope = (offset * (values - level[:, None])).sum(axis=1) / ((offset**2).sum(axis=1) + ridge)
    return np.asarray(slope * (today - centre) * (seen.sum(axis=1) > 0))


def _history_columns(batch: Batch) -> dict[str, Floats]:
    """Features read off the latest runs; every figure is taken relative to today's rating."""
    race_of = batch.race_of
    raw = batch.runs.astype(np.float64)
    seen = (~np.isnan(raw[:, :, FIGURE])).astype(np.float64)
    runs = np.nan_to_num(raw, nan=0.0)
    ago = runs[:, :, DAYS_AGO]
    relative = seen * (runs[:, :, FIGURE] - batch.rating[:, None])
    recent = seen * 0.5 ** (ago / RECENT_HALF_LIFE)
    lasting = seen * 0.5 ** (ago / LASTING_HALF_LIFE)
    going, today_going = runs[:, :, GOING], batch.going[race_of]
    octave = np.log2(np.maximum(runs[:, :, DISTANCE], 400.0))
    today_octave = np.log2(batch.distance)[race_of]
    like_going = lasting * np.exp(-0.5 * ((going - today_going[:, None]) / GOING_WIDTH) ** 2)
    like_distance = lasting * np.exp(
        -0.5 * ((octave - today_octave[:, None]) / DISTANCE_WIDTH) ** 2
    )
    rivals = np.maximum(runs[:, :, FIELD_SIZE] - 1.0, 1.0)
    score = seen * (1.0 - 2.0 * (runs[:, :, POSITION] - 1.0) / rivals)
    raced = seen.sum(axis=1)
    mean_octave = (seen * octave).sum(axis=1) / np.maximum(raced, 1.0)
    mismatch = np.where(raced > 0, (today_octave - mean_octave) ** 2, 0.0)
    best = np.where(raced > 0, np.where(seen > 0, relative, -np.inf).max(axis=1), 0.0)
    return {
        "recent_figure": _shrunk_mean(relative, recent, RECENT_PRIOR),
        "lasting_figure": _shrunk_mean(relative, lasting, LASTING_PRIOR),
        "last_figure": relative[:, 0],
        "best_figure": best,
        "going_slope": _slope_effect(relative, going, today_going, seen, GOING_RIDGE),
        "going_figure": _shrunk_mean(relative, like_going, LASTING_PRIOR),
        "distance_slope": _slope_effect(relative, octave, today_octave, seen, DISTANCE_RIDGE),
        "distance_figure": _shrunk_mean(relative, like_distance, LASTING_PRIOR),
        "distance_mismatch": mismatch,
        "finishing_score": _shrunk_mean(score, lasting, SCORE_PRIOR),
        "won_last_time": (runs[:, 0, POSITION] == 1.0).astype(np.float64),
        "runs_on_record": np.log1p(raced),
        "unraced": (raced == 0).astype(np.float64),
    }


def _card_columns(batch: Batch, recent_figure: Floats) -> dict[str, Floats]:
    """Features of the horse's age, rating, burden and freshness."""
    merit = batch.rating - batch.weight * LB_PER_KG
    level_weights = (batch.race_class == 1)[batch.race_of]
    since = np.nan_to_num(batch.days_since, nan=28.0)
    layoff = -np.expm1(-np.maximum(since - 30.0, 0.0) / 45.0)
    years = batch.age - 4.5
    unexposed = np.isnan(batch.runs[:, 4, FIGURE])
    return {
        "rating_less_weight": merit,
        "rating_less_weight_class_1": np.where(level_weights, merit + 30.0, 0.0),
        "age": years,
        "age_squared": years**2,
        "young_and_unexposed": ((batch.age <= 3) & unexposed).astype(np.float64),
        "layoff": layoff,
        "quick_return": np.clip((8.0 - since) / 8.0, 0.0, 1.0),
        "recent_figure_after_layoff": recent_figure * layoff,
    }


def design(batch: Batch) -> Design:
    """Everything the model needs to know about the runners of ``batch``."""
    history = _history_columns(batch)
    columns = history | _card_columns(batch, history["recent_figure"])
    race_of = batch.race_of
    band = np.fromiter(map(band_of, batch.distance), dtype=np.int64, count=len(batch.distance))
    cell = batch.course * len(BANDS) + band
    return Design(
        dense=np.column_stack([columns[name] for name in FEATURES]),
        jockey=batch.jockey,
        trainer=batch.trainer,
        draw_cell=cell[race_of],
        draw_value=draw_position(batch),
        starts=batch.starts,
        race_of=race_of,
    )


def form_points(batch: Batch) -> float:
    """Least-squares pounds per unit of finishing score, to turn bare form figures into figures.

    A card that gives only finishing positions has no performance figures; a run with finishing
    score u (1 for a win, -1 for last) is then credited with rating + form_points * u.
    """
    raced = ~np.isnan(batch.runs[:, 0, FIGURE])
    runs, rating = batch.runs[raced, 0].astype(np.float64), batch.rating[raced]
    score = 1.0 - 2.0 * (runs[:, POSITION] - 1.0) / np.maximum(runs[:, FIELD_SIZE] - 1.0, 1.0)
    return float((score * (runs[:, FIGURE] - rating)).sum() / (score**2).sum())
