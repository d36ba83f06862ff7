"""The pages."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import UTC, date, datetime

import numpy as np
from flask import Blueprint, Flask, Response, abort, jsonify, render_template, request
from markupsafe import Markup
from sqlalchemy.exc import SQLAlchemyError
from werkzeug.exceptions import HTTPException
from werkzeug.wrappers import Response as BaseResponse

from furlong import store
from furlong.app import database, ensure_today, state
from furlong.cards import form_figures
from furlong.charts import calibration_svg
from furlong.db import Prediction, Race, Runner, is_alive
from furlong.evaluate import VALUE_EDGE
from furlong.racing import COURSES

pages = Blueprint("pages", __name__)
PER_PAGE = 20
LARGEST_ID = 2**31 - 1

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Line:
    """A runner as a race page shows it."""

    runner: Runner
    form: str
    win: float
    place: float
    combined: float  # model and market together
    pick: int
    value: bool

    @property
    def fair_odds(self) -> float:
        """Decimal odds at which a bet on the model's probability breaks even."""
        return 1.0 / self.win


def race_lines(race: Race, prediction: Prediction) -> list[Line]:
    """The runners with their forecasts."""
    forecasts = {forecast.number: forecast for forecast in prediction.forecasts}
    win = np.array([forecasts[runner.number].win for runner in race.runners])
    market = np.array([runner.market_prob for runner in race.runners])
    combined = state().model.with_market(win, market)
    return [
        Line(
            runner=runner,
            form=form_figures(run[1] for run in runner.runs),
            win=forecasts[runner.number].win,
            place=forecasts[runner.number].place,
            combined=float(chance),
            pick=forecasts[runner.number].pick,
            value=bool(chance * runner.odds > VALUE_EDGE),
        )
        for runner, chance in zip(race.runners, combined, strict=True)
    ]


@pages.get("/")
def index() -> str:
    """The latest day's meetings."""
    ensure_today()
    day = store.latest_day(database())
    races = store.races_on(database(), day) if day else []
    meetings: dict[str, list[Race]] = {}
    for race in races:
        meetings.setdefault(race.course, []).append(race)
    courses = {course.name: course for course in COURSES}
    return render_template("index.html", day=day, meetings=meetings, courses=courses)


def _race_or_404(race_id: int) -> Race:
    race = store.get_race(database(), race_id) if race_id <= LARGEST_ID else None
    if race is None:
        abort(404)
    return race


@pages.get("/races/<int:race_id>")
def race(race_id: int) -> str:
    """A race card with its forecast."""
    found = _race_or_404(race_id)
    prediction = store.stored_prediction(database(), state().model, found)
    lines = race_lines(found, prediction)
    return render_template(
        "race.html",
        race=found,
        prediction=prediction,
        lines=lines,
        top=max(line.place for line in lines),
        edge=VALUE_EDGE,
    )


@pages.get("/results")
def results() -> str:
    """Past races, and how the forecasts have done."""
    ensure_today()
    text = request.args.get("page", "1")
    if not (text.isascii() and text.isdigit() and 1 <= len(text) <= 6 and int(text) >= 1):
        abort(404)
    page = int(text)
    total, races = store.past_races(database(), page, PER_PAGE)
    last_page = max(1, -(-total // PER_PAGE))
    if page > last_page:
        abort(404)
    rows = store.running_calibration(database())
    chart = calibration_svg(rows, "Calibration of all stored forecasts")
    return render_template(
        "results.html",
        races=races,
        page=page,
        last_page=last_page,
        record=store.record(database()),
        chart=Markup(chart),
    )


@pages.get("/results/<int:race_id>")
def result(race_id: int) -> str:
    """One past race with the forecast made before it."""
    found = _race_or_404(race_id)
    if not found.finished:
        abort(404)
    prediction = store.stored_prediction(database(), state().model, found)
    lines = race_lines(found, prediction)
    lines.sort(key=lambda line: line.runner.result.position if line.runner.result else 99)
    return render_template(
        "result.html",
        race=found,
        prediction=prediction,
        lines=lines,
        top=max(line.place for line in lines),
    )


@pages.get("/about")
def about() -> str:
    """The model card."""
    figures = state().evaluation
    title = f"Calibration of win probabilities on {figures['races']} held-out races"
    chart = calibration_svg(figures["calibration"], title, top=0.6)
    return render_template("about.html", figures=figures, model=state().model, chart=Markup(chart))


@pages.get("/healthz")
def healthz() -> Response | tuple[Response, int]:
    """Whether the database answers."""
    try:
        alive = is_alive(state().engine)
    except SQLAlchemyError:
        log.exception("the database does not answer")
        alive = False
    return jsonify(status="ok") if alive else (jsonify(status="database unavailable"), 503)


def register_filters(app: Flask) -> None:
    """How the templates print numbers and dates."""

    @app.template_filter("percent")
    def percent(value: float) -> str:
        return f"{100.0 * value:.1f}%" if value < 0.9995 else "100%"

    @app.template_filter("odds")
    def odds(value: float) -> str:
        return f"{value:.2f}" if value < 10 else f"{value:.1f}" if value < 100 else f"{value:.0f}"

    @app.template_filter("longdate")
    def longdate(value: date) -> str:
        return f"{value:%A} {value.day} {value:%B %Y}"

    @app.template_filter("shortdate")
    def shortdate(value: date) -> str:
        return f"{value.day} {value:%b %Y}"

    @app.template_filter("clock")
    def clock(value: datetime) -> str:
        utc = value.astimezone(UTC) if value.tzinfo else value  # SQLite forgets time zones
        return f"{utc:%H:%M}"

    @app.template_filter("ordinal")
    def ordinal(value: int) -> str:
        teens = 10 <= value % 100 <= 20
        return f"{value}" + ("th" if teens else {1: "st", 2: "nd", 3: "rd"}.get(value % 10, "th"))


def register_errors(app: Flask) -> None:
    """Error pages, and JSON errors for the API."""

    @app.errorhandler(HTTPException)
    def failed(error: HTTPException) -> BaseResponse | tuple[str, int]:
        if request.path.startswith("/api/"):
            answer = jsonify(error=error.description or error.name)
            answer.status_code = error.code or 500
            return answer
        return render_template("error.html", error=error), error.code or 500
