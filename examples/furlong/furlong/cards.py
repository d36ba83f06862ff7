"""What a bettor can see before a race, as flat arrays over any number of races.

A ``Batch`` is the only thing the model ever looks at, whether it holds forty thousand simulated
races (training), one stored race card or one card posted to the API (serving).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from furlong.racing import RUNS_SHOWN

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

#: Columns of ``Batch.runs``: one past run of a horse, as printed in a form guide.
RUN_FIELDS: tuple[str, ...] = (
    "days_ago",
    "position",
    "field_size",
    "distance_m",
    "going",
    "figure",
)
(DAYS_AGO, POSITION, FIELD_SIZE, DISTANCE, GOING, FIGURE) = range(len(RUN_FIELDS))


@dataclass(frozen=True)
class Batch:
    """Races (first group of arrays) and their runners (second group), race after race."""

    starts: Ints  # index of each race's first runner
    course: Ints  # index into racing.COURSES
    distance: Floats  # metres
    going: Floats  # 0 firm .. 5 heavy
    race_class: Ints  # 1 best .. 6

    age: Floats
    weight: Floats  # kg
    draw: Floats  # stall, 1 nearest the rail
    rating: Floats  # official rating in pounds
    days_since: Floats  # since the latest run, NaN for a debutant
    jockey: Ints  # index of a known jockey, -1 if unknown
    trainer: Ints
    runs: NDArray[np.float32]  # (runners, RUNS_SHOWN, RUN_FIELDS), latest first, NaN padded

    @property
    def sizes(self) -> Ints:
        """Number of runners in each race."""
        return np.diff(np.append(self.starts, len(self.age)))

    @property
    def race_of(self) -> Ints:
        """Index of the race each runner is in."""
        return np.repeat(np.arange(len(self.starts)), self.sizes)

    def races(self, first: int, last: int) -> Batch:
        """The races ``first`` (inclusive) to ``last`` (exclusive) as a batch of their own."""
        bounds = np.append(self.starts, len(self.age))
        rows = slice(int(bounds[first]), int(bounds[last]))
        values: dict[str, Any] = {}
        for field in fields(self):
            value = getattr(self, field.name)
            per_race = field.name in _PER_RACE
            values[field.name] = value[first:last] if per_race else value[rows]
        values["starts"] = values["starts"] - bounds[first]
        return Batch(**values)


_PER_RACE = ("starts", "course", "distance", "going", "race_class")


def join(batches: Sequence[Batch]) -> Batch:
    """Concatenate batches in order."""
    offsets = np.cumsum([0] + [len(batch.age) for batch in batches[:-1]])
    values: dict[str, Any] = {
        field.name: np.concatenate([getattr(batch, field.name) for batch in batches])
        for field in fields(Batch)
    }
    values["starts"] = np.concatenate(
        [batch.starts + offset for batch, offset in zip(batches, offsets, strict=True)]
    )
    return Batch(**values)


@dataclass(frozen=True)
class Entry:
    """One runner of a card, as stored in the database or posted to the API."""

    age: float
    weight: float
    draw: float
    rating: float
    days_since: float | None
    jockey: int
    trainer: int
    runs: Sequence[Sequence[float]]  # RUN_FIELDS each, latest first


def single_race(
    course: int, distance: float, going: float, race_class: int, entries: Sequence[Entry]
) -> Batch:
    """A batch of one race."""
    runs = np.full((len(entries), RUNS_SHOWN, len(RUN_FIELDS)), np.nan, dtype=np.float32)
    for row, entry in enumerate(entries):
        shown = entry.runs[:RUNS_SHOWN]
        if shown:
            runs[row, : len(shown)] = shown

    def floats(values: Iterable[float]) -> Floats:
        return np.fromiter(values, dtype=np.float64, count=len(entries))

    return Batch(
        starts=np.zeros(1, dtype=np.int64),
        course=np.array([course]),
        distance=np.array([distance], dtype=np.float64),
        going=np.array([going], dtype=np.float64),
        race_class=np.array([race_class]),
        age=floats(entry.age for entry in entries),
        weight=floats(entry.weight for entry in entries),
        draw=floats(entry.draw for entry in entries),
        rating=floats(entry.rating for entry in entries),
        days_since=floats(
            np.nan if entry.days_since is None else entry.days_since for entry in entries
        ),
        jockey=np.array([entry.jockey for entry in entries]),
        trainer=np.array([entry.trainer for entry in entries]),
        runs=runs,
    )


def form_figures(positions: Iterable[float]) -> str:
    """Finishing positions given latest first, printed the usual way round: latest last."""
    return "-".join(str(int(position)) for position in reversed(list(positions)))
