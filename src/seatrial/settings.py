"""seatrial.toml: read strictly, with the file, the line and the nearest known key in errors."""

from __future__ import annotations

import difflib
import math
import re
import tomllib
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any, get_args

import msgspec
from msgspec.structs import asdict

from seatrial.files import read_limited
from seatrial.kernel.assessment import DimensionName
from seatrial.kernel.demand import (
    SHAPES,
    AppSettings,
    Budget,
    Compliance,
    Demand,
    DeploySettings,
    Event,
    Llm,
    MachineSettings,
    Preferences,
    RecoveryTargets,
    Settings,
    Slo,
    Traffic,
    Uploads,
    Work,
)
from seatrial.kernel.errors import SettingsError
from seatrial.kernel.runtime import RuntimeSettings
from seatrial.kernel.units import COMMITMENT
from seatrial.kernel.values import Value

FILE = "seatrial.toml"
LIMIT_BYTES = 1024**2
DATE = r"\d{4}-\d\d-\d\d"


DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")


class EventSection(Value):
    """One entry of [demand] events: every week from that hour of that day on."""

    day: str
    hour: float
    duration_h: float
    factor: float


class DemandSection(Value):
    """[demand] as written: `hourly_weights` is the name of a shape, 24 numbers or 168.

    With `daily_users` and no `requests_per_day`, each makes `requests_per_user`. A recorded
    `trace` says what is not said of the rate, and always the shape and the bursts.
    """

    requests_per_day: float | None = None
    daily_users: float | None = None
    requests_per_user: float = 20.0
    hourly_weights: str | tuple[float, ...] = "evening"
    route_weights: dict[str, float] = {}
    region: str = Demand().region
    growth_year: float = 1.0
    dispersion_1s: float = 1.0
    dispersion_60s: float = 1.0
    trace: str = ""
    events: tuple[EventSection, ...] = ()


SECTIONS: dict[str, type[Value]] = {
    "app": AppSettings,
    "demand": DemandSection,
    "slo": Slo,
    "budget": Budget,
    "recovery": RecoveryTargets,
    "compliance": Compliance,
    "plan": Preferences,
    "llm": Llm,
    "work": Work,
    "uploads": Uploads,
    "deploy": DeploySettings,
    "runtime": RuntimeSettings,
    "machine": MachineSettings,
}


def read(app_dir: Path) -> Settings:
    """The app's seatrial.toml; all defaults when there is none."""
    path = app_dir / FILE
    return read_file(path) if path.exists() else Settings()


def read_file(path: Path) -> Settings:
    """Settings from a file in the form of seatrial.toml."""
    data = read_limited(path, LIMIT_BYTES)
    try:
        return parse(data.decode(), str(path))
    except UnicodeDecodeError as error:
        raise SettingsError("is not UTF-8", where=str(path), fix="save it as UTF-8") from error


def parse(text: str, where: str = FILE) -> Settings:
    """Settings from the text of a seatrial.toml; `where` names the file in errors."""
    try:
        tables = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(
            f"is not TOML: {error}", where=where, fix="see docs/settings.md"
        ) from None
    return interpret(tables, text, where)


def interpret(tables: dict[str, Any], text: str, where: str) -> Settings:
    """Settings from the tables that `text` holds."""
    parts = {name: _section(name, tables.get(name, {}), text, where) for name in SECTIONS}
    for name in tables:
        if name not in SECTIONS:
            raise _unknown(f"[{name}]", name, list(SECTIONS), text, where)
    asked: Any = parts["demand"]
    settings = Settings(
        app=parts["app"],
        demand=Demand(
            traffic=_traffic(asked, tables.get("demand", {}), text, where),
            slo=parts["slo"],
            budget=parts["budget"],
            recovery=parts["recovery"],
            compliance=parts["compliance"],
            preferences=parts["plan"],
            region=asked.region,
            llm=parts["llm"],
            work=parts["work"],
            uploads=parts["uploads"],
        ),
        deploy=parts["deploy"],
        runtime=parts["runtime"],
        machine=parts["machine"],
    )
    _check_variables(settings, text, where)
    _check_ranges(settings, text, where)
    return settings


def _traffic(asked: DemandSection, table: dict[str, Any], text: str, where: str) -> Traffic:
    stated = Traffic(
        requests_per_day=_requests_per_day(asked),
        daily_users=asked.daily_users,
        hourly_weights=_shape(asked.hourly_weights, text, where),
        route_weights=asked.route_weights,
        growth_year=asked.growth_year,
        dispersion_1s=asked.dispersion_1s,
        dispersion_60s=asked.dispersion_60s,
        events=tuple(_event(event, text, where) for event in asked.events),
    )
    if not asked.trace:
        return stated
    for key in ("hourly_weights", "dispersion_1s", "dispersion_60s"):
        if key in table:
            raise SettingsError(
                f"[demand] {key} and trace both say how requests come",
                where=_at(where, text, key),
                fix=f"leave {key} out: the trace tells it",
            )
    file = Path(where).parent / asked.trace
    try:
        there = file.is_file()
    except OSError:  # such as a name that is too long
        there = False
    if not there:
        raise SettingsError(
            f"[demand] trace: {str(file)!r} is no file",
            where=_at(where, text, "trace"),
            fix=f"name a recording beside {Path(where).name}: an access log, CSV or JSON lines",
        )
    # Arrays of a hundred thousand times: only who has a recording waits for numpy.
    from seatrial.recordings import traffic_like

    rated = asked.requests_per_day is not None or asked.daily_users is not None
    return traffic_like(file, stated, rated=rated)


def _requests_per_day(asked: DemandSection) -> float:
    if asked.requests_per_day is not None:
        return asked.requests_per_day
    if asked.daily_users is not None:
        return asked.daily_users * asked.requests_per_user
    return Traffic().requests_per_day


def _section(name: str, table: Any, text: str, where: str) -> Any:
    kind = SECTIONS[name]
    if not isinstance(table, dict):
        raise SettingsError(f"[{name}] is not a table", where=where, fix=f"write [{name}]")
    _check_keys(name, kind, table, text, where)
    try:
        # From TOML text a price may come as int, float or string; a float keeps its digits.
        return msgspec.convert(_decimal_digits(table), kind, strict=False)
    except msgspec.ValidationError as error:
        message, _, path = str(error).partition(" - at `$.")
        key = path.rstrip("`")
        raise SettingsError(
            f"[{name}] {key}: {message}",
            where=_at(where, text, key.split(".")[0].split("[")[0]),
            fix="see docs/settings.md",
        ) from None


def _check_keys(name: str, kind: type[Value], table: Any, text: str, where: str) -> None:
    """Only known keys, in a section and in the tables inside it."""
    known = {field.name: field.type for field in msgspec.structs.fields(kind)}
    for key, value in table.items():
        if key not in known:
            raise _unknown(f"[{name}] {key}", key, [*known], text, where)
        inner = known[key]
        if isinstance(inner, type) and issubclass(inner, Value) and isinstance(value, dict):
            _check_keys(f"{name}.{key}", inner, value, text, where)


def _check_variables(settings: Settings, text: str, where: str) -> None:
    """What [app] env has is put into the process environment, which wins over these tables."""
    runtime = settings.runtime
    for table in (runtime, runtime.development, runtime.staging, runtime.production):
        for name in table.env:
            if name in settings.app.env:
                raise SettingsError(
                    f"{name} is in [app] env and in [runtime] too",
                    where=_at(where, text, name),
                    fix="keep it in one of them: [app] env for what is the same everywhere",
                )


def _decimal_digits(table: dict[str, Any]) -> dict[str, Any]:
    """Money as text, so that 0.1 stays 0.1."""
    return {k: str(v) if "usd" in k else v for k, v in table.items()}


def _unknown(shown: str, key: str, known: list[str], text: str, where: str) -> SettingsError:
    nearest = difflib.get_close_matches(key, known, n=1, cutoff=0.5)
    fix = f"did you mean `{nearest[0]}`?" if nearest else f"known are: {', '.join(known)}"
    return SettingsError(f"{shown} is unknown", where=_at(where, text, key), fix=fix)


def _at(where: str, text: str, key: str) -> str:
    if not key:
        return where
    for number, line in enumerate(text.splitlines(), 1):
        if re.match(rf"\s*\[?\s*\"?{re.escape(key)}\b", line):
            return f"{where}:{number}"
    return where


def _shape(weights: str | tuple[float, ...], text: str, where: str) -> tuple[float, ...]:
    place = _at(where, text, "hourly_weights")
    if isinstance(weights, str):
        if weights not in SHAPES:
            raise _unknown(f"hourly_weights = {weights!r}", weights, list(SHAPES), text, place)
        return SHAPES[weights]
    usable = len(weights) in (24, 168) and all(math.isfinite(w) and w >= 0 for w in weights)
    if not usable or sum(weights) <= 0:
        raise SettingsError(
            f"hourly_weights are {len(weights)} numbers, not 24 or 168 from 0 up with one above 0",
            where=place,
            fix="give one weight for each hour of the day, or of the week from Monday midnight, or "
            f"one of: {', '.join(SHAPES)}",
        )
    return weights


def _event(event: EventSection, text: str, where: str) -> Event:
    place = _at(where, text, "events")
    if event.day not in DAYS:
        raise _unknown(f"events day = {event.day!r}", event.day, list(DAYS), text, place)
    sizes = (event.hour, event.duration_h, event.factor)
    good = all(math.isfinite(size) for size in sizes) and 0 <= event.hour < 24
    if not good or not 0 < event.duration_h <= 168 or not 0 <= event.factor <= 1e6:
        raise SettingsError(
            "an event has an hour from 0 up to 24, a duration_h above 0 and a factor from 0 up",
            where=place,
            fix='write events = [{ day = "saturday", hour = 15, duration_h = 2, factor = 20 }]',
        )
    return Event(
        hour=24 * DAYS.index(event.day) + event.hour,
        duration_h=event.duration_h,
        factor=event.factor,
    )


def _check_ranges(settings: Settings, text: str, where: str) -> None:
    for name in settings.demand.preferences.weights:
        known = [*get_args(DimensionName)]
        if name not in known:
            raise _unknown(f"[plan] weights {name}", name, known, text, where)
    demand = settings.demand
    for key, good, wanted in (*_asked(demand), *_kept(demand), *_here(settings)):
        if not good:
            place = _at(where, text, key)
            raise SettingsError(f"{key} must be {wanted}", where=place, fix="correct it")


Checks = Iterator[tuple[str, object, str]]
"""Keys, whether their values are good, and what they must be."""


def _asked(demand: Demand) -> Checks:
    traffic, slo, llm = demand.traffic, demand.slo, demand.llm
    users, routes = traffic.daily_users, traffic.route_weights
    yield "requests_per_day", 0 < traffic.requests_per_day <= 1e12, "more than 0, at most 1e12"
    yield "daily_users", users is None or 0 < users <= 1e12, "more than 0, at most 1e12"
    yield "route_weights", _weights(routes), "numbers from 0 up, one above 0"
    yield "growth_year", 0 < traffic.growth_year <= 1000, "more than 0, at most 1000"
    yield "dispersion_1s", 1 <= traffic.dispersion_1s <= 1e6, "1 or more"
    yield "dispersion_60s", 1 <= traffic.dispersion_60s <= 1e6, "1 or more"
    percent = slo.availability_percent
    yield "availability_percent", 0 < percent < 100, "above 0 and below 100"
    yield "latency_ms_p95", 0 < slo.latency_ms_p95 < math.inf, "more than 0"
    ordered = slo.latency_ms_p95 <= slo.latency_ms_p99 < math.inf
    yield "latency_ms_p99", ordered, "not below latency_ms_p95"
    yield "throttled_percent", 0 <= llm.throttled_percent <= 100, "from 0 to 100"
    yield "timeout_s", 0 < llm.timeout_s <= 3600, "above 0, at most 3600"
    yield "retries", 0 <= llm.retries <= 20, "from 0 to 20"
    named = not llm.model or re.fullmatch(r"[a-z-]+/[\w.:-]+", llm.model)
    yield "model", named, 'provider and model, as "bedrock/claude-haiku-4-5"'
    for key in ("calls_per_day", "input_tokens_call", "output_tokens_call"):
        yield key, _some(getattr(llm, key)), "a number from 0 up, at most 1e12"
    for part in (demand.work, demand.uploads):
        for key, value in asdict(part).items():
            yield key, _some(value), "a number from 0 up, at most 1e12"


def _kept(demand: Demand) -> Checks:
    budget, chosen = demand.budget, demand.preferences
    yield "cost_usd_month", _amount(budget.cost_usd_month), "an amount from 0 up"
    yield "ops_usd_hour", _amount(budget.ops_usd_hour), "an amount from 0 up"
    for key, value in asdict(demand.recovery).items():
        yield key, value is None or 0 <= value < math.inf, "seconds from 0 up"
    places = all(re.fullmatch(r"[a-z]{2}|[A-Z]{2}", one) for one in demand.compliance.residency)
    yield "residency", places, 'countries as "DE", or areas as "eu"'
    terms = all(COMMITMENT.fullmatch(term) for term in chosen.commitments)
    yield "commitments", terms, 'terms such as "reserved-1y-none" or "spot"'
    yield "weights", _weights(chosen.weights), "numbers from 0 up, one above 0"


def _here(settings: Settings) -> Checks:
    deploy, machine = settings.deploy, settings.machine
    yield "replicas", 1 <= deploy.replicas <= 64, "from 1 to 64"
    scaled = deploy.replicas_max == 0 or deploy.replicas <= deploy.replicas_max <= 64
    yield "replicas_max", scaled, "from replicas to 64, or 0"
    yield "port", 1 <= deploy.port <= 65535, "from 1 to 65535"
    yield "cost_usd_month", _amount(machine.cost_usd_month), "an amount from 0 up"
    dated = machine.cost_usd_month is None or re.fullmatch(DATE, machine.cost_as_of)
    yield "cost_as_of", dated, "the date of cost_usd_month, as 2026-11-21"
    yield "ready_path", settings.app.ready_path.startswith("/"), "a path that starts with /"


def _some(given: float | None) -> bool:
    return given is None or 0 <= given <= 1e12


def _weights(given: dict[str, float]) -> bool:
    numbers = given.values()
    return not given or (all(0 <= one < math.inf for one in numbers) and sum(numbers) > 0)


def _amount(given: Decimal | None) -> bool:
    return given is None or (given.is_finite() and given >= 0)
