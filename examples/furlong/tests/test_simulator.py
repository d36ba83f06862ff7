from __future__ import annotations

import numpy as np
import pytest

from furlong.names import horse_name
from furlong.simulator import BURN_IN_DAYS, Season, World, concatenate, segment_softmax


@pytest.fixture(scope="module")
def season() -> Season:
    world = World(11)
    for _ in range(BURN_IN_DAYS):
        world.run_day()
    return concatenate([world.run_day() for _ in range(170)])


def truth(season: Season) -> np.ndarray:
    return segment_softmax(season.strength, season.batch.starts, season.batch.race_of)


def test_true_probabilities_sum_to_one(season: Season) -> None:
    sums = np.add.reduceat(truth(season), season.batch.starts)
    assert np.allclose(sums, 1.0)


def test_winners_occur_as_often_as_softmax_says(season: Season) -> None:
    p, won = truth(season), season.position == 1
    for low, high in ((0, 0.03), (0.03, 0.07), (0.07, 0.15), (0.15, 0.3), (0.3, 1.0)):
        inside = (p >= low) & (p < high)
        expected = p[inside].sum()
        sd = np.sqrt((p[inside] * (1 - p[inside])).sum())
        assert abs(won[inside].sum() - expected) < 4 * sd


def test_second_place_is_plackett_luce(season: Season) -> None:
    left = season.position >= 2
    value = np.where(left, season.strength, -np.inf)
    p = segment_softmax(value, season.batch.starts, season.batch.race_of)
    second = season.position == 2
    top = p > 0.3
    sd = np.sqrt((p[top] * (1 - p[top])).sum())
    assert abs(second[top].sum() - p[top].sum()) < 4 * sd


def test_cards_are_well_formed(season: Season) -> None:
    batch = season.batch
    assert batch.sizes.min() >= 5 and batch.sizes.max() <= 20
    for start, size in zip(batch.starts, batch.sizes, strict=True):
        rows = slice(start, start + size)
        assert sorted(batch.draw[rows]) == list(range(1, size + 1))
        assert sorted(season.position[rows]) == list(range(1, size + 1))
        assert len(set(batch.jockey[rows])) == size
        assert len(set(season.horse[rows])) == size
    assert np.nanmin(batch.days_since) >= 1
    assert batch.weight.min() >= 50 and batch.weight.max() <= 61


def test_the_book_has_a_margin(season: Season) -> None:
    book = np.add.reduceat(1.0 / season.odds, season.batch.starts)
    assert 1.05 < book.mean() < 1.25


def test_same_seed_same_world() -> None:
    first, second = World(5), World(5)
    for _ in range(5):
        one, two = first.run_day(), second.run_day()
        assert np.array_equal(one.strength, two.strength)
        assert np.array_equal(one.position, two.position)


def test_too_few_horses_are_refused() -> None:
    with pytest.raises(ValueError, match="too few"):
        World(1, horses=2000)


def test_names_are_unique() -> None:
    assert len({horse_name(serial) for serial in range(25_000)}) == 25_000
