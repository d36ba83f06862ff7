"""Keeps the database supplied with race cards and results from the simulator.

The world behind the app is replayed from a fixed seed, so its past never changes: the first start
writes some days of racing with results and today's cards; a start on a later day settles the cards
that were still open and adds the days in between. Everything happens in one exclusive
transaction, so any number of processes may start at once.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta

import numpy as np
from sqlalchemy import Engine, func, select
from sqlalchemy.orm import Session

from furlong.cards import Batch
from furlong.db import Base, Race, Result, Runner, writer
from furlong.model import Model
from furlong.names import horse_name, jockey_name, race_title, trainer_name
from furlong.racing import COURSES, GOINGS
from furlong.simulator import Season, World
from furlong.store import predict_race

WORLD_SEED = 2026
HORSES, MEETINGS, RACES = 4500, 2, 6
HISTORY_DAYS = 240  # racing that is replayed but not stored: it gives the horses their form
PAST_DAYS = 5  # days with results written at the first start: 60 races
CATCH_UP_DAYS = 14  # at most this many missed days are filled in later
FIRST_OFF, MINUTES_APART = 13 * 60 + 15, 35
MORNING = time(9, 0, tzinfo=UTC)  # when the forecasts of replayed days are made

log = logging.getLogger(__name__)


def today() -> date:
    """The racing day, by UTC."""
    return datetime.now(UTC).date()


def refresh(engine: Engine, model: Model, day: date | None = None) -> None:
    """Create missing tables, results and cards up to ``day`` (default: today)."""
    day = day or today()
    with writer(engine) as session:
        Base.metadata.create_all(session.connection())
        first, last = session.execute(select(func.min(Race.day), func.max(Race.day))).one()
        if last is not None and last >= day:
            return
        first = first or day - timedelta(days=PAST_DAYS)
        wanted = max(day - timedelta(days=CATCH_UP_DAYS), first)
        added = 0
        open_days = set(session.scalars(select(Race.day).where(Race.finished.is_(False))))
        for when, season in _replay(first, day):
            if when in open_days:
                _settle(session, model, when, season)
            elif when >= wanted and (last is None or when > last):
                races = _add_cards(session, when, season)
                added += len(races)
                if when < day:
                    session.flush()
                    _settle(session, model, when, season)
    log.info("database ready: %d race cards added up to %s", added, day)


def _replay(first: date, last: date) -> Iterator[tuple[date, Season]]:
    """The world's racing from ``first`` to ``last``, always the same for a given first day."""
    # Day numbers follow the calendar, so that the going is driest in summer.
    start = (first - date(first.year, 1, 1)).days - HISTORY_DAYS
    world = World(WORLD_SEED, HORSES, MEETINGS, RACES, start)
    for _ in range(HISTORY_DAYS):
        world.run_day()
    for offset in range((last - first).days + 1):
        yield first + timedelta(days=offset), world.run_day()


def _add_cards(session: Session, day: date, season: Season) -> list[Race]:
    """Store the cards of one day."""
    batch = season.batch
    bounds = np.append(batch.starts, len(batch.age))
    races = []
    for index in range(len(batch.starts)):
        meeting, number = divmod(index, RACES)
        minutes = FIRST_OFF + 15 * meeting + MINUTES_APART * number
        race_class = int(batch.race_class[index])
        race = Race(
            day=day,
            course=COURSES[int(batch.course[index])].name,
            number=number + 1,
            off_time=f"{minutes // 60:02d}:{minutes % 60:02d}",
            title=race_title(race_class, day.toordinal() * 12 + index),
            distance_m=int(batch.distance[index]),
            going=GOINGS[int(batch.going[index])],
            race_class=race_class,
        )
        rows = range(int(bounds[index]), int(bounds[index + 1]))
        inverse = 1.0 / season.odds[rows.start : rows.stop]
        market = inverse / inverse.sum()
        race.runners = [
            _runner(batch, season, row, row - rows.start + 1, float(market[row - rows.start]))
            for row in rows
        ]
        session.add(race)
        races.append(race)
    return races


def _runner(batch: Batch, season: Season, row: int, number: int, market: float) -> Runner:
    """One line of a race card."""
    runs = [
        [round(float(value), 1) for value in run] for run in batch.runs[row] if not np.isnan(run[0])
    ]
    since = batch.days_since[row]
    return Runner(
        number=number,
        name=horse_name(int(season.horse[row])),
        age=int(batch.age[row]),
        weight_kg=float(batch.weight[row]),
        draw=int(batch.draw[row]),
        jockey=jockey_name(int(batch.jockey[row])),
        trainer=trainer_name(int(batch.trainer[row])),
        rating=int(batch.rating[row]),
        days_since_run=None if np.isnan(since) else int(since),
        runs=runs,
        odds=float(season.odds[row]),
        market_prob=market,
    )


def _settle(session: Session, model: Model, day: date, season: Season) -> None:
    """Store the results of a day, after making sure that every race has its forecast."""
    races = session.scalars(
        select(Race).where(Race.day == day, Race.finished.is_(False)).order_by(Race.id)
    ).all()
    order = {horse_name(int(serial)): row for row, serial in enumerate(season.horse)}
    for race in races:
        if race.prediction is None:
            predict_race(session, model, race, datetime.combine(day, MORNING))
        for runner in race.runners:
            row = order[runner.name]
            session.add(
                Result(
                    runner_id=runner.id,
                    position=int(season.position[row]),
                    beaten_lengths=float(season.beaten[row]),
                )
            )
        race.finished = True
