"""Recorded traffic from files: arrival times, whatever they were written as.

Four forms, told apart by their first line:
- CSV with a row a request: a column of times (`timestamp`, `time`, `date`, `ts`, ... in any case).
- CSV with a row a minute or second: such a column, and one of counts (`count`, `requests`, ...).
- an access log in the common or combined format, as Apache and nginx write it.
- JSON lines with a time in each.
Times are dates in ISO 8601, or numbers: seconds, milliseconds, microseconds or nanoseconds since
1970 by their size; smaller ones since the start of the recording, where whole numbers under a name
without a unit are milliseconds in JSON lines and seconds in CSV. `unit` says it instead.
"""

from __future__ import annotations

import csv
import math
import re
from array import array
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal, NamedTuple

import msgspec
import numpy as np
import numpy.typing as npt

from seatrial.files import read_limited
from seatrial.kernel.errors import InputError
from seatrial.kernel.values import Value

LIMIT_BYTES = 256 * 1024**2
ARRIVALS_MAX = 10_000_000
"""Most requests of one trace: what fits well into memory and into `Arrivals`."""

LOG_LATE_S = 600.0
"""Servers log a request when it ends, under the time when it began: so much late is in order."""

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]
Format = Literal["requests", "counts", "access log", "json lines"]
Unit = Literal["auto", "s", "ms", "us", "ns"]
_UNITS: dict[str, float] = {"s": 1.0, "ms": 1e3, "us": 1e6, "ns": 1e9}

_TIMES = (
    "timestamp", "time", "datetime", "date", "ts", "t", "@timestamp", "arrival", "arrived_at",
    "start", "minute", "second", "start_time", "created_at", "arrival_time",
)  # fmt: skip
_COUNTS = (
    "count", "counts", "requests", "hits", "invocations", "arrivals",
    "requests_per_minute", "requests_per_second",
)  # fmt: skip
_SUFFIX = re.compile(r"_(s|ms|us|ns|seconds|millis|micros|nanos)$")
_SUFFIXES = {"seconds": "s", "millis": "ms", "micros": "us", "nanos": "ns"}

# host ident user [10/Oct/2000:13:55:36 -0700] "GET / HTTP/1.0" 200 2326 ...
_LOG = re.compile(
    r"\S+ .*?\[(\d\d)/([A-Z][a-z]{2})/(\d{4}):(\d\d):(\d\d):(\d\d) ([+-]\d\d)(\d\d)\] "
)
_MONTHS = {name: i for i, name in enumerate(
    ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"), 1
)}  # fmt: skip


class Trace(Value):
    """Arrivals of a recording in seconds from its start, and what is known of them.

    `hour` is the hour of the week of its start, from Monday midnight in the zone of its dates;
    none when there are no dates. `resolution_s` is how exactly times were recorded: within it
    they were spread at random, so bursts shorter than it are not in the trace.
    """

    format: Format
    times_s: tuple[float, ...]
    hour: float | None
    resolution_s: float


class _Moment(NamedTuple):
    """A time in seconds as written, its zone's offset, and whether it is a date."""

    at: float
    offset_s: float = 0.0
    dated: bool = False


class _Row(NamedTuple):
    line: int
    moment: _Moment
    requests: int = 1


class _Clock(NamedTuple):
    """How numbers are read: how many are a second, and whether they count from 1970."""

    a_second: float
    dated: bool


class _Table(NamedTuple):
    """All rows: seconds, lines, requests; and the first moment, which says where and when."""

    at: Floats
    lines: Integers
    requests: Integers
    first: _Moment


def read(path: Path, *, unit: Unit = "auto", seed: int = 0) -> Trace:
    """The trace in a file; `InputError` with the line that is wrong. See `parse`."""
    return parse(read_limited(path, LIMIT_BYTES), str(path), unit=unit, seed=seed)


def parse(data: bytes, where: str = "trace", *, unit: Unit = "auto", seed: int = 0) -> Trace:
    """The trace in a file's bytes; `where` names it in errors.

    Times recorded to the second, or as counts, are spread over the second or the slot at random
    from `seed`. Times out of order are refused, but for logs within `LOG_LATE_S`.
    """
    try:
        text = data.decode("utf-8-sig", errors="strict")
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise InputError(
            "is not UTF-8", where=f"{where}:{line}", fix="unpack it, or save it as UTF-8"
        ) from None
    if unit != "auto" and unit not in _UNITS:
        raise InputError(f"unknown unit {unit!r}", where="unit", fix=f"one of {', '.join(_UNITS)}")
    first = next((line for line in text.splitlines() if line.strip()), "")
    if not first:
        raise InputError("has no requests", where=where, fix="give a recorded trace")
    if first.lstrip().startswith("{"):
        return _json_trace(text, where, unit, seed)
    if _LOG.match(first):
        return _trace(
            "access log", _collected(_log_rows(text, where), where), where, seed, seconds=True
        )
    return _csv_trace(text, where, unit, seed)


def _collected(rows: Iterable[_Row], where: str) -> _Table:
    at, lines, requests = array("d"), array("q"), array("q")
    first, total = None, 0
    for row in rows:
        first = first or row.moment
        total += row.requests
        if total > ARRIVALS_MAX or len(at) > ARRIVALS_MAX:
            raise InputError(
                f"more than {ARRIVALS_MAX:,} requests", where=f"{where}:{row.line}",
                fix="give a part of it, such as one week or every tenth request",
            )  # fmt: skip
        at.append(row.moment.at)
        lines.append(row.line)
        requests.append(row.requests)
    if first is None or len(at) < 2:
        raise InputError("has fewer than two times", where=where, fix="give a longer trace")
    return _Table(np.array(at), np.array(lines), np.array(requests), first)


def _trace(form: Format, table: _Table, where: str, seed: int, *, seconds: bool) -> Trace:
    """Of a row a request; `seconds`: times may have been cut to whole seconds."""
    # How late each is behind the latest before it.
    late = np.maximum.accumulate(table.at) - table.at
    bad = np.flatnonzero(late > (LOG_LATE_S if form == "access log" else 0.0))
    if bad.size:
        raise InputError(
            f"is {late[bad[0]]:.6g} s before one above it",
            where=f"{where}:{table.lines[bad[0]]}", fix="sort the trace by time",
        )  # fmt: skip
    at = np.sort(table.at)
    start = float(at[0])
    if at[-1] <= start:
        raise _at_one_time(where)
    # Several in one whole second, none between: the order within a second is unknown.
    cut = seconds and bool((at == np.floor(at)).all()) and bool((np.diff(at) == 0).any())
    at = at - start
    if cut:
        at = np.sort(at + _chance(seed).random(at.size))
    return _made(form, at, table.first._replace(at=start), 1.0 if cut else 0.0, where)


def _made(form: Format, at: Floats, start: _Moment, resolution: float, where: str) -> Trace:
    if at.size < 2 or at[-1] <= at[0]:
        raise _at_one_time(where)
    # The epoch began on a Thursday, three days after a Monday.
    local = start.at + start.offset_s + 3 * 86400
    hour = local / 3600 % 168 if start.dated else None
    return Trace(format=form, times_s=tuple(at.tolist()), hour=hour, resolution_s=resolution)


def _at_one_time(where: str) -> InputError:
    return InputError(
        "has all its requests at one time", where=where, fix="give a trace that lasts longer"
    )


def _chance(seed: int) -> np.random.Generator:
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence(seed, spawn_key=(5,))))


def _json_trace(text: str, where: str, unit: Unit, seed: int) -> Trace:
    values = list(_json_values(text, where))
    name, first = values[0][1], values[0][2]
    whole = all(isinstance(value, int) for _, _, value in values)
    clock = _clock(first, name, unit, "ms" if whole else "s")
    rows = (_Row(line, _moment(value, clock, f"{where}:{line}")) for line, _, value in values)
    return _trace("json lines", _collected(rows, where), where, seed, seconds=clock.a_second == 1.0)


def _json_values(text: str, where: str) -> Iterator[tuple[int, str, int | float | str]]:
    decoder = msgspec.json.Decoder(dict[str, msgspec.Raw])
    name = ""
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        place = f"{where}:{number}"
        try:
            row = decoder.decode(line)
            name = name or _column(list(row), _TIMES) or ""
            if name in row:
                yield number, name, msgspec.json.decode(row[name], type=int | float | str)
                continue
        except msgspec.DecodeError as error:
            raise InputError(f"is not a request: {error}", where=place, fix="correct it") from None
        raise InputError(
            f"has no {name or 'time'} among: {', '.join(row)[:200]}", where=place,
            fix=f"name it one of: {', '.join(_TIMES[:6])}",
        )  # fmt: skip


def _log_rows(text: str, where: str) -> Iterator[_Row]:
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        found = _LOG.match(line)
        if found is None or found[2] not in _MONTHS:
            raise InputError(
                "is not a line of an access log", where=f"{where}:{number}",
                fix='write lines as: host - user [10/Oct/2000:13:55:36 -0700] "GET / HTTP/1.0" 200',
            )  # fmt: skip
        day, month, year, hour, minute, second, zone, rest = found.groups()
        offset = int(zone) * 3600 + math.copysign(int(rest) * 60, int(zone + "1"))
        try:
            date = datetime(int(year), _MONTHS[month], int(day), int(hour), int(minute), tzinfo=UTC)
        except ValueError as error:
            raise InputError(f"{error}", where=f"{where}:{number}", fix="correct it") from None
        # A leap second is 60.
        yield _Row(number, _Moment(date.timestamp() + int(second) - offset, offset, True))


def _csv_trace(text: str, where: str, unit: Unit, seed: int) -> Trace:
    lines = text.split("\n")
    first = next(i for i, line in enumerate(lines) if line.strip())
    delimiter = max(",;\t", key=lines[first].count)
    reader = csv.reader(lines[first:], delimiter=delimiter)
    try:
        header = [cell.strip() for cell in next(reader)]
        time_name = _column(header, _TIMES)
        if time_name is None:
            raise InputError(
                f"has no column of times among {', '.join(header)[:200]}",
                where=f"{where}:{first + 1}",
                fix=f"give a first line with one of: {', '.join(_TIMES[:6])}",
            )
        count_name = _column([name for name in header if name != time_name], _COUNTS)
        at = header.index(time_name)
        counted = None if count_name is None else header.index(count_name)
        table = _collected(_csv_rows(reader, first, where, header, (at, counted), unit), where)
    except csv.Error as error:
        raise InputError(
            f"is not CSV: {error}", where=f"{where}:{first + reader.line_num}", fix="correct it"
        ) from None
    if counted is None:
        return _trace("requests", table, where, seed, seconds=True)
    return _counts_trace(table, time_name, where, seed)


def _csv_rows(
    reader: Iterator[list[str]], first: int, where: str, header: list[str],
    columns: tuple[int, int | None], unit: Unit,
) -> Iterator[_Row]:  # fmt: skip
    at, counted = columns
    clock = None
    for number, cells in enumerate(reader, first + 2):
        if not any(cell.strip() for cell in cells):
            continue
        place = f"{where}:{number}"
        if len(cells) != len(header):
            raise InputError(
                f"has {len(cells)} columns and not {len(header)}", where=place, fix="correct it"
            )
        clock = clock or _clock(cells[at].strip(), header[at], unit, "s")
        requests = 1 if counted is None else _count(cells[counted].strip(), place)
        yield _Row(number, _moment(cells[at].strip(), clock, place), requests)


def _count(cell: str, place: str) -> int:
    value = _number(cell)
    if value is None or not 0 <= value <= ARRIVALS_MAX or value != int(value):
        raise InputError(f"{cell[:40]!r} is no count", where=place, fix="give 0 or more requests")
    return int(value)


def _counts_trace(table: _Table, name: str, where: str, seed: int) -> Trace:
    gaps = np.diff(table.at)
    bad = np.flatnonzero(gaps <= 0)
    if bad.size:
        line = table.lines[bad[0] + 1]
        raise InputError("is not after the slot above", where=f"{where}:{line}", fix="sort it")
    at = table.at - table.at[0]
    # Slots without requests may be left out, so the slot is the shortest step there is.
    step = float(gaps.min())
    if name.lower() == "minute" and not table.first.dated and step == 1:
        # Minute 0, 1, 2 and so on.
        at, step = at * 60, 60.0
    uneven = np.flatnonzero(np.abs(at / step - np.round(at / step)) > 1e-3)
    if uneven.size or step > 3600:
        line = table.lines[uneven[0] if uneven.size else 1]
        raise InputError(
            f"is not one of even slots of {step:g} s", where=f"{where}:{line}",
            fix="give one row a minute or a second",
        )  # fmt: skip
    times = np.repeat(at, table.requests)
    times = np.sort(times + _chance(seed).random(times.size) * step)
    return _made("counts", times, table.first, step, where)


def _column(names: Sequence[str], wanted: Sequence[str]) -> str | None:
    """The name that is wanted most, a unit at its end aside."""
    plain = {_SUFFIX.sub("", name.lower()): name for name in reversed(names)}
    plain |= {name.lower(): name for name in reversed(names)}
    return next((plain[name] for name in wanted if name in plain), None)


def _clock(first: int | float | str, name: str, unit: Unit, small: str) -> _Clock:
    """How the numbers of a column are read, from its first one; dates need no clock."""
    number = _number(first) if isinstance(first, str) else float(first)
    if number is None:
        return _Clock(1.0, False)
    written = _SUFFIX.search(name.lower())
    chosen = unit if unit != "auto" else _SUFFIXES.get(written[1], written[1]) if written else ""
    # Since 1970: the years from 2001 to 2286 have ten digits of seconds.
    for scale in (chosen,) if chosen else _UNITS:
        if 1e9 <= number / _UNITS[scale] < 1e10:
            return _Clock(_UNITS[scale], True)
    return _Clock(_UNITS[chosen or small], False)


def _moment(value: int | float | str, clock: _Clock, place: str) -> _Moment:
    number = _number(value) if isinstance(value, str) else float(value)
    if number is None:
        return _date(str(value), place)
    if not math.isfinite(number) or number < 0:
        raise InputError(f"{value} is no time", where=place, fix="give a number from 0 up")
    return _Moment(number / clock.a_second, 0.0, clock.dated)


def _number(cell: str) -> float | None:
    try:
        return float(cell)
    except ValueError:
        return None


def _date(cell: str, place: str) -> _Moment:
    try:
        date = datetime.fromisoformat(cell)
    except ValueError:
        raise InputError(
            f"{cell[:40]!r} is no time", where=place,
            fix="give a number, or a date as 2026-11-21 18:15:46.680",
        ) from None  # fmt: skip
    zone = date.utcoffset()
    offset = zone.total_seconds() if zone is not None else 0.0
    # A date without a zone is local: as if its zone were UTC, which leaves the hour as written.
    at = (date.replace(tzinfo=UTC) if zone is None else date).timestamp()
    return _Moment(at, offset, True)
