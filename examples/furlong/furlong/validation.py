"""Checks a posted race card and names every field that is wrong."""

from __future__ import annotations

import difflib
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from furlong.cards import Batch, Entry, single_race
from furlong.model import Model
from furlong.racing import COURSE_NAMES, GOINGS, LB_PER_KG, RUNS_SHOWN

MIN_RUNNERS, MAX_RUNNERS = 2, 24
CARD_FIELDS = ("course", "distance_m", "going", "race_class", "runners")
RUNNER_REQUIRED = ("name", "age", "weight_kg", "draw", "jockey", "trainer")
RUNNER_FIELDS = (*RUNNER_REQUIRED, "form", "rating", "days_since_run", "runs")
RUN_REQUIRED = ("days_ago", "position", "field_size", "distance_m", "going")
RUN_ALLOWED = (*RUN_REQUIRED, "figure")

#: What a run known only by its finishing position is taken to have been.
USUAL_GAP_DAYS, USUAL_FIELD = 28, 10
#: Rating of the top weight when a card gives no ratings (only differences matter).
TOP_RATING = 80.0


@dataclass(frozen=True)
class PostedCard:
    """A card that passed every check, ready for the model."""

    batch: Batch
    names: list[str]
    runners: int


class Checker:
    """Collects a message for every bad field; getters return None for a bad value."""

    def __init__(self) -> None:
        self.errors: list[dict[str, str]] = []

    def fail(self, field: str, message: str) -> None:
        """Record one bad field."""
        self.errors.append({"field": field, "message": message})

    def keys(
        self, value: Mapping[str, Any], where: str, allowed: Sequence[str], required: Sequence[str]
    ) -> None:
        """Refuse unknown fields, naming the nearest known one, and report missing ones."""
        prefix = f"{where}." if where else ""
        for key in value:
            if key in allowed:
                continue
            near = difflib.get_close_matches(key.lower()[:60], allowed, n=1, cutoff=0.5)
            hint = f"; did you mean {near[0]!r}?" if near else f"; known: {', '.join(allowed)}"
            self.fail(f"{prefix}{key[:60]}", f"unknown field{hint}")
        for key in required:
            if key not in value:
                self.fail(f"{prefix}{key}", "is required")

    def number(self, value: Any, field: str, low: float, high: float) -> float | None:
        """A finite number within bounds; booleans and strings are not numbers."""
        if isinstance(value, bool) or not isinstance(value, int | float):
            self.fail(field, f"must be a number from {low:g} to {high:g}")
            return None
        if isinstance(value, float) and not math.isfinite(value):
            self.fail(field, "must be a finite number")
            return None
        if not low <= value <= high:
            self.fail(field, f"must be from {low:g} to {high:g}")
            return None
        return float(value)

    def whole(self, value: Any, field: str, low: int, high: int) -> int | None:
        """A whole number within bounds."""
        number = self.number(value, field, low, high)
        if number is None:
            return None
        if number != int(number):
            self.fail(field, "must be a whole number")
            return None
        return int(number)

    def text(self, value: Any, field: str, longest: int = 60) -> str | None:
        """A non-empty printable string."""
        if not isinstance(value, str):
            self.fail(field, "must be a string")
            return None
        clean = value.strip()
        if not clean or len(clean) > longest or not clean.isprintable():
            self.fail(field, f"must be 1 to {longest} printable characters")
            return None
        return clean

    def choice(self, value: Any, field: str, known: Sequence[str]) -> int | None:
        """Index of a known name, ignoring case."""
        if not isinstance(value, str):
            self.fail(field, f"must be one of: {', '.join(known)}")
            return None
        lowered = [name.lower() for name in known]
        wanted = value.strip().lower()
        if wanted in lowered:
            return lowered.index(wanted)
        near = difflib.get_close_matches(wanted[:60], lowered, n=1, cutoff=0.5)
        hint = f"did you mean {known[lowered.index(near[0])]!r}? " if near else ""
        self.fail(field, f"unknown; {hint}known: {', '.join(known)}")
        return None


def _form(check: Checker, value: Any, field: str) -> list[int]:
    """Finishing positions from "3-1-5" (latest last), returned latest first."""
    if not isinstance(value, str):
        check.fail(field, 'must be a string such as "3-1-5", latest run last')
        return []
    if not value.strip():
        return []
    tokens = value.strip().split("-")
    good = all(
        token.isascii() and token.isdigit() and len(token) <= 2 and 1 <= int(token) <= 40
        for token in tokens
    )
    if not good or len(tokens) > 40:
        check.fail(field, 'must be finishing positions 1 to 40 joined by "-", latest last')
        return []
    return [int(token) for token in reversed(tokens)][:RUNS_SHOWN]


def _run(check: Checker, value: Any, where: str, model: Model, rating: float) -> list[float] | None:
    """One detailed past run as a row of cards.RUN_FIELDS."""
    if not isinstance(value, dict):
        check.fail(where, "must be an object")
        return None
    check.keys(value, where, RUN_ALLOWED, RUN_REQUIRED)
    row: list[float | None] = []
    for key, low, high in (
        ("days_ago", 1, 3000),
        ("position", 1, 40),
        ("field_size", 2, 40),
        ("distance_m", 800, 5000),
    ):
        row.append(check.whole(value[key], f"{where}.{key}", low, high) if key in value else None)
    row.append(check.choice(value["going"], f"{where}.going", GOINGS) if "going" in value else None)
    position, field_size = row[1], row[2]
    if position is not None and field_size is not None and position > field_size:
        check.fail(f"{where}.position", f"is beyond the field of {field_size:g}")
    figure = None
    if value.get("figure") is not None:
        figure = check.number(value["figure"], f"{where}.figure", -100, 200)
    complete = [float(cell) for cell in row if cell is not None]
    if len(complete) < len(row):
        return None
    if figure is None:
        figure = _credited(model, rating, complete[1], complete[2])
    return [*complete, figure]


def _credited(model: Model, rating: float, position: float, field_size: float) -> float:
    """Performance figure for a run of which only the finishing position is known."""
    score = 1.0 - 2.0 * (position - 1.0) / max(field_size - 1.0, 1.0)
    return rating + model.form_points * max(score, -1.0)


def _history(
    check: Checker,
    runner: Mapping[str, Any],
    where: str,
    model: Model,
    rating: float,
    distance: float,
    going: int,
) -> tuple[list[list[float]], float | None]:
    """Past runs (latest first) and days since the latest."""
    since: float | None = None
    if runner.get("days_since_run") is not None:
        since = check.whole(runner["days_since_run"], f"{where}.days_since_run", 1, 3000)
    positions = _form(check, runner.get("form", ""), f"{where}.form")
    detailed = runner.get("runs")
    if detailed is not None:
        if not isinstance(detailed, list) or len(detailed) > 40:
            check.fail(f"{where}.runs", "must be a list of at most 40 runs")
            return [], since
        rows = [
            _run(check, run, f"{where}.runs[{index}]", model, rating)
            for index, run in enumerate(detailed)
        ]
        known = sorted((row for row in rows if row is not None), key=lambda row: row[0])
        if known and since is None:
            since = known[0][0]
        return known[:RUNS_SHOWN], since
    if positions and since is None:
        since = float(USUAL_GAP_DAYS)
    assumed = []
    for index, position in enumerate(positions):
        ago = (since or USUAL_GAP_DAYS) + USUAL_GAP_DAYS * index
        field_size = max(USUAL_FIELD, position)
        figure = _credited(model, rating, position, field_size)
        assumed.append([ago, position, field_size, distance, float(going), figure])
    return assumed, since


def _basics(check: Checker, runner: Any, where: str) -> dict[str, Any] | None:
    """The simple fields of a runner; None if it is not even an object."""
    if not isinstance(runner, dict):
        check.fail(where, "must be an object")
        return None
    check.keys(runner, where, RUNNER_FIELDS, RUNNER_REQUIRED)
    values: dict[str, Any] = {}
    for key in ("name", "jockey", "trainer"):
        if key in runner:
            values[key] = check.text(runner[key], f"{where}.{key}")
    if "age" in runner:
        values["age"] = check.whole(runner["age"], f"{where}.age", 2, 20)
    if "draw" in runner:
        values["draw"] = check.whole(runner["draw"], f"{where}.draw", 1, 40)
    if "weight_kg" in runner:
        values["weight_kg"] = check.number(runner["weight_kg"], f"{where}.weight_kg", 40, 90)
    if runner.get("rating") is not None:
        values["rating"] = check.number(runner["rating"], f"{where}.rating", 0, 150)
    return values


def _no_duplicates(check: Checker, basics: Sequence[dict[str, Any] | None]) -> None:
    """No two runners may share a stall or a name."""
    for key in ("draw", "name"):
        first: dict[Any, int] = {}
        for index, values in enumerate(basics):
            value = (values or {}).get(key)
            if value is None:
                continue
            same = value.lower() if isinstance(value, str) else value
            if same in first:
                message = f"is the same as that of runners[{first[same]}]"
                check.fail(f"runners[{index}].{key}", message)
            first.setdefault(same, index)


def _ratings(basics: Sequence[dict[str, Any] | None]) -> list[float]:
    """Ratings, filling a gap with what the weights imply under handicap rules."""
    weights = [(values or {}).get("weight_kg") for values in basics]
    ratings = [(values or {}).get("rating") for values in basics]
    known = [
        rating - weight * LB_PER_KG
        for rating, weight in zip(ratings, weights, strict=True)
        if rating is not None and weight is not None
    ]
    top = max((weight for weight in weights if weight is not None), default=60.0)
    offset = sum(known) / len(known) if known else TOP_RATING - top * LB_PER_KG
    return [
        rating if rating is not None else (weight or top) * LB_PER_KG + offset
        for rating, weight in zip(ratings, weights, strict=True)
    ]


def check_card(model: Model, posted: Any) -> tuple[PostedCard | None, list[dict[str, str]]]:
    """Either a card ready for the model or the list of everything wrong with it."""
    check = Checker()
    if not isinstance(posted, dict):
        check.fail("", "the body must be a JSON object")
        return None, check.errors
    check.keys(posted, "", CARD_FIELDS, CARD_FIELDS)

    course = distance = going = race_class = None
    if "course" in posted:
        course = check.choice(posted["course"], "course", COURSE_NAMES)
    if "distance_m" in posted:
        distance = check.whole(posted["distance_m"], "distance_m", 800, 5000)
    if "going" in posted:
        going = check.choice(posted["going"], "going", GOINGS)
    if "race_class" in posted:
        race_class = check.whole(posted["race_class"], "race_class", 1, 6)
    runners = posted.get("runners", [])
    if not isinstance(runners, list):
        check.fail("runners", "must be a list")
        return None, check.errors
    if "runners" in posted and not MIN_RUNNERS <= len(runners) <= MAX_RUNNERS:
        check.fail("runners", f"must hold {MIN_RUNNERS} to {MAX_RUNNERS} runners")
        return None, check.errors

    basics = [_basics(check, runner, f"runners[{i}]") for i, runner in enumerate(runners)]
    _no_duplicates(check, basics)
    ratings = _ratings(basics)
    histories = [
        _history(check, runner, f"runners[{i}]", model, ratings[i], distance or 1600, going or 0)
        for i, runner in enumerate(runners)
        if isinstance(runner, dict)
    ]
    if check.errors or course is None or distance is None or going is None or race_class is None:
        return None, check.errors
    complete = [values for values in basics if values is not None]
    # Non-runners leave gaps between the stalls; what counts is the order of those left.
    stalls = sorted(values["draw"] for values in complete)
    entries = [
        Entry(
            age=values["age"],
            weight=values["weight_kg"],
            draw=stalls.index(values["draw"]) + 1,
            rating=rating,
            days_since=since,
            jockey=model.jockey_index(values["jockey"]),
            trainer=model.trainer_index(values["trainer"]),
            runs=runs,
        )
        for values, rating, (runs, since) in zip(complete, ratings, histories, strict=True)
    ]
    batch = single_race(course, distance, going, race_class, entries)
    return PostedCard(batch, [values["name"] for values in complete], len(entries)), []
