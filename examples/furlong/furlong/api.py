"""JSON API under /api."""

from __future__ import annotations

import json
from datetime import UTC, date
from typing import Any

from flask import Blueprint, Response, jsonify, request
from werkzeug.exceptions import HTTPException, NotFound

from furlong import store
from furlong.app import database, ensure_today, state
from furlong.cards import form_figures
from furlong.db import Prediction, Race, Runner
from furlong.validation import Checker, check_card

api = Blueprint("api", __name__, url_prefix="/api")
LIST_PARAMETERS = ("limit", "offset", "date", "status")
LIMIT_DEFAULT, LIMIT_MAX, OFFSET_MAX = 20, 100, 1_000_000
LARGEST_ID = 2**31 - 1  # ids are 32-bit integers in PostgreSQL

Answer = Response | tuple[Response, int]


def bad_request(message: str, fields: list[dict[str, str]] | None = None) -> Answer:
    """A 400 answer naming every bad field."""
    return jsonify(error=message, fields=fields or []), 400


@api.errorhandler(HTTPException)
def http_error(error: HTTPException) -> Answer:
    """HTTP errors as JSON."""
    return jsonify(error=error.description or error.name), error.code or 500


def race_json(race: Race, runners: int) -> dict[str, Any]:
    """The head of a race card."""
    return {
        "id": race.id,
        "date": race.day.isoformat(),
        "off_time": race.off_time,
        "course": race.course,
        "number": race.number,
        "title": race.title,
        "distance_m": race.distance_m,
        "going": race.going,
        "race_class": race.race_class,
        "status": "finished" if race.finished else "upcoming",
        "runner_count": runners,
    }


def runner_json(runner: Runner) -> dict[str, Any]:
    """One runner, with its result if there is one."""
    result = runner.result
    return {
        "number": runner.number,
        "name": runner.name,
        "age": runner.age,
        "weight_kg": runner.weight_kg,
        "draw": runner.draw,
        "jockey": runner.jockey,
        "trainer": runner.trainer,
        "rating": runner.rating,
        "days_since_run": runner.days_since_run,
        "form": form_figures(run[1] for run in runner.runs),
        "odds": runner.odds,
        "position": result.position if result else None,
        "beaten_lengths": result.beaten_lengths if result else None,
    }


def prediction_json(prediction: Prediction) -> dict[str, Any]:
    """A stored forecast."""
    made_at = prediction.made_at
    if made_at.tzinfo is None:  # SQLite forgets time zones
        made_at = made_at.replace(tzinfo=UTC)
    return {
        "id": prediction.id,
        "race_id": prediction.race_id,
        "made_at": made_at.astimezone(UTC).isoformat(timespec="seconds"),
        "model_version": prediction.model_version,
        "places": prediction.places,
        "runners": [
            {
                "number": forecast.number,
                "name": forecast.name,
                "win": round(forecast.win, 6),
                "place": round(forecast.place, 6),
                "fair_odds": round(1.0 / forecast.win, 2),
            }
            for forecast in prediction.forecasts
        ],
    }


def _whole(check: Checker, key: str, default: int, low: int, high: int) -> int:
    """A whole-number query parameter."""
    text = request.args.get(key)
    if text is None:
        return default
    if not (text.isascii() and text.isdigit() and len(text) <= 9 and low <= int(text) <= high):
        check.fail(key, f"must be a whole number from {low} to {high}")
        return default
    return int(text)


@api.get("/races")
def races() -> Answer:
    """List races, newest day first."""
    ensure_today()
    check = Checker()
    check.keys(request.args, "", LIST_PARAMETERS, ())
    limit = _whole(check, "limit", LIMIT_DEFAULT, 1, LIMIT_MAX)
    offset = _whole(check, "offset", 0, 0, OFFSET_MAX)
    day: date | None = None
    if "date" in request.args:
        try:
            day = date.fromisoformat(request.args["date"])
        except ValueError:
            check.fail("date", "must be a date such as 2025-06-21")
    status = request.args.get("status")
    if status not in (None, "upcoming", "finished"):
        check.fail("status", "must be 'upcoming' or 'finished'")
    if check.errors:
        return bad_request("invalid query", check.errors)
    finished = None if status is None else status == "finished"
    total, found = store.list_races(database(), limit, offset, day, finished)
    rows = [race_json(race, count) for race, count in found]
    return jsonify(total=total, limit=limit, offset=offset, races=rows)


def _race(race_id: int) -> Race:
    race = store.get_race(database(), race_id) if race_id <= LARGEST_ID else None
    if race is None:
        raise NotFound(f"no race {race_id}")
    return race


@api.get("/races/<int:race_id>")
def race_card(race_id: int) -> Answer:
    """One race card, with its result once it has been run."""
    race = _race(race_id)
    runners = [runner_json(runner) for runner in race.runners]
    return jsonify(**race_json(race, len(runners)), runners=runners)


@api.get("/races/<int:race_id>/prediction")
def race_prediction(race_id: int) -> Answer:
    """The forecast of a stored race: made at the first request, read afterwards."""
    prediction = store.stored_prediction(database(), state().model, _race(race_id))
    return jsonify(prediction_json(prediction))


@api.get("/predictions/<int:prediction_id>")
def prediction(prediction_id: int) -> Answer:
    """A stored forecast by its own number."""
    found = None
    if prediction_id <= LARGEST_ID:
        found = database().get(Prediction, prediction_id)
    if found is None:
        raise NotFound(f"no prediction {prediction_id}")
    return jsonify(prediction_json(found))


def _constant(name: str) -> float:
    """Let NaN and the infinities through to the checks, which name the field they are in."""
    return float(name.replace("Infinity", "inf"))


@api.post("/predict")
def predict() -> Answer:
    """Forecast a posted race card and store both."""
    if request.mimetype != "application/json":
        return jsonify(error="send the race card as application/json"), 415
    try:
        posted = json.loads(request.get_data(), parse_constant=_constant)
    except (ValueError, RecursionError):
        return bad_request("the body is not valid JSON")
    model = state().model
    card, errors = check_card(model, posted)
    if card is None:
        return bad_request("invalid race card", errors)
    made = store.predict_posted(database(), model, card.batch, card.names, posted)
    return jsonify(prediction_json(made)), 201
