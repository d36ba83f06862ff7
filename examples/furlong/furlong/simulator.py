"""A synthetic racing world.

Nothing here is real: courses, horses and people are invented and every race is drawn from the
random process described below. That is the point: the true chance of every runner is known, so
a model (or a market) can be measured against the best anyone could do.

A runner's *merit* on the day is counted in pounds (lb), the unit of handicapping:

    merit = ability + age + form + going + distance + draw + jockey + trainer - layoff - weight

and its strength is s = merit / LB_PER_UNIT. Each runner performs at s + g with g standard Gumbel
noise, and the best performance wins. That is the Plackett-Luce model: the true win probability of
runner i is exactly exp(s_i) / sum_j exp(s_j), the second is drawn the same way from those left,
and so on.

What the public sees (and all that the model may use) is the race card: age, weight, draw, jockey,
trainer, official rating and the horse's latest runs with a performance figure. The handicapper
works from results alone. The betting market sees more: a noisy view of the true strength itself.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from furlong.cards import RUN_FIELDS, Batch, Floats, Ints, join
from furlong.racing import (
    CLASS_FLOORS,
    COURSES,
    DISTANCES,
    GOINGS,
    LB_PER_KG,
    RUNS_SHOWN,
    band_of,
    lb_per_length,
)

LB_PER_UNIT = 7.0  # pounds in one unit of strength; one unit multiplies the odds by e

# Horses
ABILITY_MEAN, ABILITY_SD = 74.0, 14.0  # lb, on the scale of official ratings
FORM_SD, FORM_HALF_LIFE = 4.5, 150.0  # form is an AR(1) process in time: lb, days
GOING_SD = 2.2  # lb per step of going away from GOING_NEUTRAL, one slope per horse
GOING_NEUTRAL = 2.2
STAMINA_MEAN, STAMINA_SD = np.log2(1650.0), 0.5  # best distance, log2 metres
STAMINA_COST = 10.0  # lb lost per squared octave away from the best distance
PLACEMENT_SD = 0.25  # error of the trainer's idea of the best distance, octaves
PEAK_AGE, AGE_COST = 5.0, 0.6  # lb lost per squared year away from the peak
YOUNGEST, RETIRES_AT = 2, 10
LAYOFF_COST, LAYOFF_FREE, LAYOFF_SCALE = 4.0, 35.0, 40.0  # lb; days free of cost; days
QUICK_COST, QUICK_DAYS = 2.0, 7.0  # lb lost by running again within a week

# People; the same in every world, whatever its seed, so that a fitted jockey keeps his name
PEOPLE_SEED = 1905
JOCKEYS, TRAINERS = 50, 58
JOCKEY_SD, TRAINER_SD = 2.5, 2.5  # lb
DEMAND = 0.8  # how far better jockeys get more rides

# Lb lost by the widest stall compared with the middle one (the lowest gains it), per course
# for sprint, middle and staying distances, in a field of twelve; larger fields spread wider.
DRAW_BIAS: tuple[tuple[float, float, float], ...] = (
    (5.0, 2.5, 0.5),
    (-3.5, 0.5, 0.0),
    (2.0, 1.0, 0.0),
    (0.5, 3.0, 1.0),
    (-1.0, 0.0, 0.0),
    (-4.5, -1.5, 0.0),
    (0.0, -2.0, 0.5),
    (3.5, 0.0, -0.5),
)
# Mean going of each course relative to the season, in steps.
DRAINAGE: tuple[float, ...] = (-0.6, 0.6, 0.2, 1.0, -0.4, 0.0, 0.3, -0.9)

# The handicapper
FIRST_RATING_SD = 8.0  # error of a debutant's rating, lb
SETTLED_RATING_SD = 5.0  # error of the ratings of the older horses a new world begins with
RATING_GAIN, RATING_STEP = 0.15, 6.0  # share of (figure - rating) applied, largest change
TOP_WEIGHT, LEVEL_WEIGHT, LOWEST_WEIGHT = 61.0, 58.0, 51.0  # kg

# The market
MARKET_NOISE = 0.50  # sd of the error in its view of strength
MARKET_SHRINK = 0.85  # it allows for that error
LONGSHOT_POWER = 0.92  # ... and overbets longshots: p ** LONGSHOT_POWER
OVERROUND_PER_RUNNER = 0.015
LONGEST_ODDS = 250.0

# Fields
MEAN_FIELD, FIELD_SD, SMALLEST_FIELD, LARGEST_FIELD = 10.3, 3.1, 5, 20
HORSES_PER_DAILY_RACE = 350  # fewer could not fill the fields, given how long horses rest
BURN_IN_DAYS = 300  # days run before anything is recorded, to give horses a past


@dataclass(frozen=True)
class Season:
    """Races with everything known about them afterwards; ``batch`` is the public part."""

    batch: Batch
    day: Ints  # per race
    horse: Ints  # per runner: serial number of the horse
    odds: Floats  # decimal, with the bookmakers' margin
    position: Ints
    beaten: Floats  # lengths behind the winner
    strength: Floats  # latent: never shown to any model


def segment_softmax(values: Floats, starts: Ints, race_of: Ints) -> Floats:
    """Softmax within each race."""
    shifted = np.exp(values - np.maximum.reduceat(values, starts)[race_of])
    return np.asarray(shifted / np.add.reduceat(shifted, starts)[race_of])


class World:
    """Horses, people and a calendar; ``run_day`` stages the next day's races."""

    def __init__(
        self, seed: int, horses: int = 9000, meetings: int = 4, races: int = 6, first_day: int = 0
    ) -> None:
        if horses < HORSES_PER_DAILY_RACE * meetings * races:
            raise ValueError(f"{horses} horses are too few for {meetings * races} races a day")
        people = np.random.default_rng(PEOPLE_SEED)
        self.jockey_lb = people.normal(0.0, JOCKEY_SD, JOCKEYS)
        self.trainer_lb = people.normal(0.0, TRAINER_SD, TRAINERS)
        demand = people.normal(0.0, 0.5, JOCKEYS) + DEMAND * self.jockey_lb / JOCKEY_SD
        self.demand = demand
        self.rng = np.random.default_rng(seed)
        self.meetings, self.races = meetings, races
        self.day = first_day
        self.bias = np.array(DRAW_BIAS)

        self.serial = np.arange(horses)
        self.next_serial = horses
        self.ability = np.zeros(horses)
        self.going_slope = np.zeros(horses)
        self.stamina = np.zeros(horses)
        self.believed = np.zeros(horses)  # the trainer's idea of the stamina
        self.foaled = np.zeros(horses)
        self.trainer = np.zeros(horses, dtype=np.int64)
        self.form = np.zeros(horses)
        self.form_day = np.zeros(horses)
        self.rating = np.zeros(horses)
        self.ready = np.zeros(horses)
        self.runs = np.full((horses, RUNS_SHOWN, len(RUN_FIELDS)), np.nan)
        ages = self.rng.uniform(YOUNGEST, RETIRES_AT - 1, horses)
        self._foal(np.arange(horses), ages)
        self.ready = first_day + self.rng.uniform(-20.0, 20.0, horses)

    def _foal(self, who: Ints, ages: Floats) -> None:
        """Put new horses into the places ``who``."""
        rng, count = self.rng, len(who)
        self.ability[who] = rng.normal(ABILITY_MEAN, ABILITY_SD, count)
        self.going_slope[who] = rng.normal(0.0, GOING_SD, count)
        self.stamina[who] = rng.normal(STAMINA_MEAN, STAMINA_SD, count)
        self.believed[who] = self.stamina[who] + rng.normal(0.0, PLACEMENT_SD, count)
        self.foaled[who] = self.day - 365.0 * ages
        self.trainer[who] = rng.integers(0, TRAINERS, count)
        self.form[who] = rng.normal(0.0, FORM_SD, count)
        self.form_day[who] = self.day
        known = self.ability[who] - AGE_COST * (np.floor(ages) - PEAK_AGE) ** 2
        error = np.where(ages < YOUNGEST + 2, FIRST_RATING_SD, SETTLED_RATING_SD)
        self.rating[who] = np.rint(known + error * rng.normal(0.0, 1.0, count))
        self.ready[who] = self.day + rng.uniform(0.0, 60.0, count)
        self.runs[who] = np.nan

    def _retire(self) -> None:
        """Replace horses that are too old by two-year-olds, and a few others at random."""
        age = (self.day - self.foaled) / 365.0
        leaves = (age >= RETIRES_AT) | (self.rng.random(len(age)) < 0.0004)
        who = np.flatnonzero(leaves)
        if len(who):
            self._foal(who, self.rng.uniform(YOUNGEST, YOUNGEST + 1.5, len(who)))
            self.serial[who] = np.arange(self.next_serial, self.next_serial + len(who))
            self.next_serial += len(who)

    def _enter(self, distances: Floats, classes: Ints, wanted: Ints) -> list[Ints]:
        """Choose the runners of each race: ready, of the right class, suited by the distance."""
        ready = np.flatnonzero(self.ready <= self.day)
        keen = self.rng.gumbel(size=len(ready))
        stamina, rating = self.believed[ready], self.rating[ready]
        class_now = 6 - np.searchsorted(np.array(CLASS_FLOORS[::-1]), rating, side="right")
        free = np.ones(len(ready), dtype=bool)
        fields: list[Ints] = []
        for distance, race_class, size in zip(np.log2(distances), classes, wanted, strict=True):
            usable = np.flatnonzero(free & (class_now == race_class))
            if len(usable) < size:  # not enough in the class: take the nearest in rating
                free_now = np.flatnonzero(free)
                middle = 105.0 - 10.0 * (race_class - 1)
                nearest = np.argsort(np.abs(rating[free_now] - middle), kind="stable")
                usable = free_now[nearest[: 2 * size]]
            appeal = keen[usable] - ((stamina[usable] - distance) / 0.25) ** 2
            chosen = usable[np.argsort(-appeal, kind="stable")[:size]]
            free[chosen] = False
            by_rating = np.argsort(-rating[chosen], kind="stable")  # the top weight is number 1
            fields.append(ready[chosen[by_rating]])
        return fields

    def _programme(self) -> tuple[Ints, Floats, Floats, Ints, Ints]:
        """Courses, distances, goings, classes and field sizes of the day's races."""
        rng, count = self.rng, self.meetings * self.races
        venues = rng.choice(len(COURSES), self.meetings, replace=False)
        season = GOING_NEUTRAL + 1.2 * np.cos(2.0 * np.pi * self.day / 365.0)
        going = season + np.array(DRAINAGE)[venues] + rng.normal(0.0, 0.9, self.meetings)
        going = np.clip(np.rint(going), 0, len(GOINGS) - 1)
        distances = np.array(DISTANCES, dtype=np.float64)
        weights = np.array([3, 4, 4, 5, 4, 3, 2, 1], dtype=np.float64)
        distance = rng.choice(distances, count, p=weights / weights.sum())
        classes = rng.choice(6, count, p=[0.05, 0.09, 0.19, 0.26, 0.24, 0.17]) + 1
        mean = MEAN_FIELD - 1.5 * (classes == 1)
        sizes = np.clip(np.rint(rng.normal(mean, FIELD_SD)), SMALLEST_FIELD, LARGEST_FIELD)
        course = np.repeat(venues, self.races)
        return course, distance, np.repeat(going, self.races), classes, sizes.astype(np.int64)

    def run_day(self) -> Season:
        """Stage one day's races, update every horse that ran, and return the races."""
        self._retire()
        course, distance, going, classes, sizes = self._programme()
        fields = self._enter(distance, classes, sizes)
        who = np.concatenate(fields)
        starts = np.cumsum([0] + [len(field) for field in fields[:-1]])
        batch = self._card(who, starts, course, distance, going, classes)
        strength = self._strength(who, batch)
        odds = self._market(strength, batch)
        performance = strength + self.rng.gumbel(size=len(who))
        position, beaten, figure = _result(performance, batch)
        season = Season(
            batch=batch,
            day=np.full(len(starts), self.day),
            horse=self.serial[who],
            odds=odds,
            position=position,
            beaten=beaten,
            strength=strength,
        )
        self._remember(who, batch, position, figure)
        self.day += 1
        return season

    def _card(
        self, who: Ints, starts: Ints, course: Ints, distance: Floats, going: Floats, classes: Ints
    ) -> Batch:
        """The public race cards."""
        rng = self.rng
        sizes = np.diff(np.append(starts, len(who)))
        race_of = np.repeat(np.arange(len(starts)), sizes)
        rating = self.rating[who]
        top = np.maximum.reduceat(rating, starts)[race_of]
        handicap = np.rint(2.0 * (TOP_WEIGHT - (top - rating) / LB_PER_KG)) / 2.0
        weight = np.where(classes[race_of] == 1, LEVEL_WEIGHT, np.maximum(handicap, LOWEST_WEIGHT))
        shuffled = np.lexsort((rng.random(len(who)), race_of))
        draw = np.empty(len(who))
        draw[shuffled] = np.arange(len(who)) - starts[race_of] + 1
        calls = np.argsort(-(rng.gumbel(size=(len(starts), JOCKEYS)) + self.demand), axis=1)
        column = np.arange(len(who)) - starts[race_of]
        column = column[np.lexsort((rng.random(len(who)), race_of))]
        runs = self.runs[who].astype(np.float32)
        runs[:, :, 0] = self.day - self.runs[who][:, :, 0]
        return Batch(
            starts=starts,
            course=course,
            distance=distance,
            going=going,
            race_class=classes,
            age=np.floor((self.day - self.foaled[who]) / 365.0),
            weight=weight,
            draw=draw,
            rating=rating,
            days_since=runs[:, 0, 0].astype(np.float64),
            jockey=calls[race_of, column],
            trainer=self.trainer[who],
            runs=runs,
        )

    def _strength(self, who: Ints, batch: Batch) -> Floats:
        """Latent strength of every runner; advances the form process to today."""
        race_of = batch.race_of
        elapsed = self.day - self.form_day[who]
        keep = 0.5 ** (elapsed / FORM_HALF_LIFE)
        shock = self.rng.normal(0.0, FORM_SD, len(who))
        self.form[who] = keep * self.form[who] + np.sqrt(1.0 - keep**2) * shock
        self.form_day[who] = self.day

        octaves = np.log2(batch.distance)[race_of] - self.stamina[who]
        band = np.array([band_of(metres) for metres in batch.distance])
        sizes = batch.sizes[race_of].astype(np.float64)
        stall = (2.0 * batch.draw - sizes - 1.0) / np.maximum(sizes - 1.0, 1.0)  # -1 .. 1
        spread = stall * np.sqrt(sizes / 12.0)
        since = np.nan_to_num(batch.days_since, nan=28.0)
        layoff = LAYOFF_COST * -np.expm1(-np.maximum(since - LAYOFF_FREE, 0.0) / LAYOFF_SCALE)
        quick = QUICK_COST * np.clip((QUICK_DAYS - since) / QUICK_DAYS, 0.0, 1.0)
        merit = (
            self.ability[who]
            - AGE_COST * (batch.age - PEAK_AGE) ** 2
            + self.form[who]
            + self.going_slope[who] * (batch.going[race_of] - GOING_NEUTRAL)
            - STAMINA_COST * octaves**2
            - self.bias[batch.course, band][race_of] * spread
            + self.jockey_lb[batch.jockey]
            + self.trainer_lb[batch.trainer]
            - layoff
            - quick
            - batch.weight * LB_PER_KG
        )
        return np.asarray(merit / LB_PER_UNIT)

    def _market(self, strength: Floats, batch: Batch) -> Floats:
        """Decimal odds: a noisy, slightly longshot-loving view plus the bookmakers' margin."""
        view = strength + self.rng.normal(0.0, MARKET_NOISE, len(strength))
        view *= MARKET_SHRINK * LONGSHOT_POWER
        implied = segment_softmax(view, batch.starts, batch.race_of)
        book = 1.0 + OVERROUND_PER_RUNNER * batch.sizes[batch.race_of]
        odds = np.clip(1.0 / (implied * book), 1.02, LONGEST_ODDS)
        step = np.select([odds < 3, odds < 6, odds < 12, odds < 30], [0.05, 0.1, 0.5, 1.0], 5.0)
        return np.asarray(np.round(np.maximum(np.rint(odds / step) * step, 1.02), 2))

    def _remember(self, who: Ints, batch: Batch, position: Ints, figure: Floats) -> None:
        """Write the result into each horse's record, re-rate it and send it home to rest."""
        race_of = batch.race_of
        latest = np.column_stack(
            [
                np.full(len(who), float(self.day)),
                position,
                batch.sizes[race_of],
                batch.distance[race_of],
                batch.going[race_of],
                figure,
            ]
        )
        self.runs[who, 1:] = self.runs[who, :-1]
        self.runs[who, 0] = latest
        change = np.clip(RATING_GAIN * (figure - batch.rating), -RATING_STEP, RATING_STEP)
        self.rating[who] = np.clip(np.rint(batch.rating + change), 35, 130)
        rest = 6.0 + self.rng.gamma(2.0, 8.0, len(who))
        break_taken = self.rng.random(len(who)) < 0.08
        rest += break_taken * self.rng.uniform(50.0, 180.0, len(who))
        self.ready[who] = self.day + rest


def _result(performance: Floats, batch: Batch) -> tuple[Ints, Floats, Floats]:
    """Positions, beaten lengths and the performance figures the press would publish.

    A figure is built from public facts alone: the field's mean rating less weight anchors the
    race and margins (rounded to a quarter of a length) are turned into pounds.
    """
    starts, race_of = batch.starts, batch.race_of
    order = np.lexsort((-performance, race_of))
    position = np.empty(len(order), dtype=np.int64)
    position[order] = np.arange(len(order)) - starts[race_of] + 1
    margin = (np.maximum.reduceat(performance, starts)[race_of] - performance) * LB_PER_UNIT
    pounds = np.array([lb_per_length(metres) for metres in batch.distance])[race_of]
    beaten = np.rint(4.0 * margin / pounds) / 4.0
    merit = batch.weight * LB_PER_KG - beaten * pounds
    sizes = batch.sizes[race_of]
    mean_merit = np.add.reduceat(merit, starts)[race_of] / sizes
    mean_rating = np.add.reduceat(batch.rating, starts)[race_of] / sizes
    return position, beaten, np.round(mean_rating + merit - mean_merit, 1)


def concatenate(seasons: list[Season]) -> Season:
    """Join consecutive days into one record."""
    return Season(
        batch=join([season.batch for season in seasons]),
        day=np.concatenate([season.day for season in seasons]),
        horse=np.concatenate([season.horse for season in seasons]),
        odds=np.concatenate([season.odds for season in seasons]),
        position=np.concatenate([season.position for season in seasons]),
        beaten=np.concatenate([season.beaten for season in seasons]),
        strength=np.concatenate([season.strength for season in seasons]),
    )


def simulate(seed: int, races: int) -> Season:
    """At least ``races`` races in calendar order, after a burn-in that is thrown away."""
    world = World(seed)
    for _ in range(BURN_IN_DAYS):
        world.run_day()
    days = -(-races // (world.meetings * world.races))
    return concatenate([world.run_day() for _ in range(days)])
