"""Reading cards and keeping forecasts."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

import numpy as np
from sqlalchemy import Select, and_, case, delete, func, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session, aliased, joinedload, selectinload

from furlong.cards import Batch, Entry, single_race
from furlong.db import Forecast, Prediction, Race, Result, Runner
from furlong.evaluate import BIN_EDGES
from furlong.model import Model
from furlong.racing import COURSE_NAMES, GOINGS, places_paid

#: Posted cards kept; older ones are dropped now and then so the table cannot grow for ever.
KEEP_POSTED, PRUNE_EVERY = 20_000, 200


def race_batch(model: Model, race: Race) -> Batch:
    """A stored race as the model sees it."""
    entries = [
        Entry(
            age=runner.age,
            weight=runner.weight_kg,
            draw=runner.draw,
            rating=runner.rating,
            days_since=runner.days_since_run,
            jockey=model.jockey_index(runner.jockey),
            trainer=model.trainer_index(runner.trainer),
            runs=runner.runs,
        )
        for runner in race.runners
    ]
    return single_race(
        COURSE_NAMES.index(race.course),
        race.distance_m,
        GOINGS.index(race.going),
        race.race_class,
        entries,
    )


def _new_prediction(
    model: Model, batch: Batch, names: list[str], runner_ids: list[int | None], made_at: datetime
) -> Prediction:
    """Run the model and lay its forecast out as rows."""
    win, place = model.predict(batch)
    picks = np.empty(len(win), dtype=np.int64)
    picks[np.argsort(-win, kind="stable")] = np.arange(1, len(win) + 1)
    forecasts = [
        Forecast(
            number=index + 1,
            runner_id=runner_ids[index],
            name=names[index],
            win=float(win[index]),
            place=float(place[index]),
            pick=int(picks[index]),
        )
        for index in range(len(win))
    ]
    return Prediction(
        made_at=made_at,
        model_version=model.version,
        places=places_paid(len(win)),
        forecasts=forecasts,
    )


def predict_race(session: Session, model: Model, race: Race, made_at: datetime) -> Prediction:
    """Forecast a stored race and add the forecast to the session."""
    names = [runner.name for runner in race.runners]
    ids: list[int | None] = [runner.id for runner in race.runners]
    prediction = _new_prediction(model, race_batch(model, race), names, ids, made_at)
    prediction.race_id = race.id
    session.add(prediction)
    return prediction


def find_prediction(session: Session, race_id: int) -> Prediction | None:
    """The stored forecast of a race."""
    query = select(Prediction).where(Prediction.race_id == race_id)
    return session.scalar(query.options(selectinload(Prediction.forecasts)))


def stored_prediction(session: Session, model: Model, race: Race) -> Prediction:
    """The forecast of a race: made and stored the first time, read ever after."""
    found = find_prediction(session, race.id)
    if found is not None:
        return found
    race_id = race.id
    made = predict_race(session, model, race, datetime.now(UTC))
    try:
        session.commit()
    except IntegrityError:  # another process has just stored the same forecast
        session.rollback()
        found = find_prediction(session, race_id)
        if found is None:
            raise
        return found
    return made


def predict_posted(
    session: Session, model: Model, batch: Batch, names: list[str], card: dict[str, Any]
) -> Prediction:
    """Forecast a posted card and store both."""
    nobody: list[int | None] = [None] * len(names)
    prediction = _new_prediction(model, batch, names, nobody, datetime.now(UTC))
    prediction.card = card
    session.add(prediction)
    session.flush()
    if prediction.id % PRUNE_EVERY == 0:
        old = select(Prediction.id).where(
            Prediction.race_id.is_(None), Prediction.id <= prediction.id - KEEP_POSTED
        )
        session.execute(delete(Forecast).where(Forecast.prediction_id.in_(old)))
        session.execute(
            delete(Prediction).where(
                Prediction.race_id.is_(None), Prediction.id <= prediction.id - KEEP_POSTED
            )
        )
    session.commit()
    return prediction


def get_race(session: Session, race_id: int) -> Race | None:
    """A race with its runners and their results."""
    query = select(Race).where(Race.id == race_id)
    return session.scalar(query.options(selectinload(Race.runners).joinedload(Runner.result)))


def latest_day(session: Session) -> date | None:
    """The last day for which there are cards."""
    return session.scalar(select(func.max(Race.day)))


def races_on(session: Session, day: date) -> list[Race]:
    """The races of a day by course and time."""
    query = select(Race).where(Race.day == day).order_by(Race.course, Race.number)
    return list(session.scalars(query.options(selectinload(Race.runners))))


def list_races(
    session: Session, limit: int, offset: int, day: date | None, finished: bool | None
) -> tuple[int, list[tuple[Race, int]]]:
    """Races with their numbers of runners, newest day first, and how many match in all."""

    def chosen(query: Select[Any]) -> Select[Any]:
        if day is not None:
            query = query.where(Race.day == day)
        return query if finished is None else query.where(Race.finished.is_(finished))

    total = session.scalar(chosen(select(func.count(Race.id)))) or 0
    size = select(func.count(Runner.id)).where(Runner.race_id == Race.id).scalar_subquery()
    query = chosen(select(Race, size)).order_by(Race.day.desc(), Race.off_time, Race.id)
    rows = session.execute(query.limit(limit).offset(offset))
    return total, [(race, int(count)) for race, count in rows]


@dataclass(frozen=True)
class PastRace:
    """One line of the results list."""

    race: Race
    runners: int
    winner: str
    winner_odds: float
    winner_prob: float
    winner_market: float
    top_pick: str
    top_pick_position: int


def past_races(session: Session, page: int, per_page: int) -> tuple[int, list[PastRace]]:
    """A page of finished races, latest first, with how the forecast did."""
    total = session.scalar(select(func.count(Race.id)).where(Race.finished.is_(True))) or 0
    query = (
        select(Race)
        .where(Race.finished.is_(True))
        .order_by(Race.day.desc(), Race.course, Race.number)
        .limit(per_page)
        .offset((page - 1) * per_page)
        .options(
            selectinload(Race.runners).joinedload(Runner.result),
            joinedload(Race.prediction).selectinload(Prediction.forecasts),
        )
    )
    lines = []
    for race in session.scalars(query):
        if race.prediction is None:
            continue
        by_runner = {forecast.runner_id: forecast for forecast in race.prediction.forecasts}
        placed = [(runner, runner.result.position) for runner in race.runners if runner.result]
        winner = next(runner for runner, position in placed if position == 1)
        pick, pick_position = next(
            (runner, position) for runner, position in placed if by_runner[runner.id].pick == 1
        )
        lines.append(
            PastRace(
                race=race,
                runners=len(race.runners),
                winner=winner.name,
                winner_odds=winner.odds,
                winner_prob=by_runner[winner.id].win,
                winner_market=winner.market_prob,
                top_pick=pick.name,
                top_pick_position=pick_position,
            )
        )
    return total, lines


def record(session: Session) -> dict[str, float]:
    """How the stored forecasts of all finished races have done."""
    runner = aliased(Runner)
    field = select(func.count(runner.id)).where(runner.race_id == Runner.race_id).scalar_subquery()
    query = (
        select(
            func.count(),
            func.avg(func.ln(Forecast.win)),
            func.avg(func.ln(Runner.market_prob)),
            func.avg(func.ln(field)),
            func.avg(case((Forecast.pick == 1, 1.0), else_=0.0)),
        )
        .select_from(Result)
        .join(Runner, Runner.id == Result.runner_id)
        .join(Forecast, Forecast.runner_id == Runner.id)
        .where(Result.position == 1)
    )
    count, model, market, uniform, hits = session.execute(query).one()
    if not count:
        return {"races": 0}
    favourites = (
        select(Runner.race_id, func.max(Runner.market_prob).label("best"))
        .group_by(Runner.race_id)
        .subquery()
    )
    favourite_wins = session.scalar(
        select(func.count())
        .select_from(Result)
        .join(Runner, Runner.id == Result.runner_id)
        .join(favourites, favourites.c.race_id == Runner.race_id)
        .where(and_(Result.position == 1, Runner.market_prob == favourites.c.best))
    )
    return {
        "races": int(count),
        "model": -float(model),
        "market": -float(market),
        "uniform": float(uniform),
        "hit_rate": float(hits),
        "favourite_rate": float(favourite_wins or 0) / float(count),
    }


def running_calibration(session: Session) -> list[dict[str, float]]:
    """Calibration of all stored forecasts of finished races, binned by the database.

    The error is that of a frequency if the forecasts are right, which does not vanish in a bin
    with one runner.
    """
    edges = BIN_EDGES[1:-1]
    bins = case(
        *[(Forecast.win < edge, index) for index, edge in enumerate(edges)], else_=len(edges)
    ).label("bin")
    won = case((Result.position == 1, 1.0), else_=0.0)
    query = (
        select(bins, func.count(), func.avg(Forecast.win), func.avg(won))
        .join(Result, Result.runner_id == Forecast.runner_id)
        .group_by(bins)
        .order_by(bins)
    )
    return [
        {
            "runners": count,
            "forecast": float(forecast),
            "observed": float(rate),
            "error": math.sqrt(float(forecast) * (1 - float(forecast)) / count),
        }
        for _, count, forecast, rate in session.execute(query)
    ]
