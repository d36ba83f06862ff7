"""Recorded traffic is read from each of its forms, and what is wrong is said with its line."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pytest

from seatrial import traces
from seatrial.assessor.simulate.arrivals import times
from seatrial.kernel.errors import InputError, StorageError
from seatrial.kernel.simulation import Arrivals
from seatrial.traces import Trace, Unit, parse, read

LOG = (
    '10.0.0.1 - - [16/Nov/2023:18:17:{second} +0100] "GET /{n} HTTP/1.1" 200 512'
    ' "https://example.org/?a=[b]" "Mozilla/5.0 (X11)"\n'
)


def text(*lines: str) -> bytes:
    return "\n".join(lines).encode()


def test_rows_of_requests_with_dates() -> None:
    # Seven digits, carriage returns and no last line end, as some public traces have them.
    trace = parse(
        b"TIMESTAMP,ContextTokens,GeneratedTokens\r\n"
        b"2023-11-16 18:17:03.9799600,4808,10\r\n2023-11-16 18:17:04.0319600,3180,8\r\n"
        b"2023-11-16 18:17:04.0319600,110,27\r\n2023-11-16 18:17:33.4590290,1,1"
    )
    assert trace.format == "requests"
    np.testing.assert_allclose(trace.times_s, (0, 0.052, 0.052, 29.479069), atol=1e-6)
    # A Thursday: day 3, a little after 18:17.
    assert trace.hour == pytest.approx(3 * 24 + 18 + (17 * 60 + 3.98) / 3600, abs=1e-5)
    assert trace.resolution_s == 0


def test_json_lines_in_milliseconds() -> None:
    trace = parse(
        text(
            '{"timestamp": 0, "input_length": 6758, "hash_ids": [0, 1, 2]}',
            '{"timestamp": 0, "input_length": 7322, "hash_ids": [0, 14]}',
            '{"timestamp": 3000, "input_length": 7236, "hash_ids": []}', "",
            '{"timestamp": 3536999, "input_length": 1}', "",
        )
    )  # fmt: skip
    assert trace == Trace(
        format="json lines", times_s=(0.0, 0.0, 3.0, 3536.999), hour=None, resolution_s=0.0
    )


@pytest.mark.parametrize(
    ("name", "values", "unit", "last"),
    [
        ("time", ("0", "0.5", "2"), "auto", 2.0),
        ("ts", ("1700158623", "1700158623.5", "1700158625"), "auto", 2.0),
        ("ts", ("1700158623000", "1700158623500", "1700158625000"), "auto", 2.0),
        ("ts", ("1700158623000000", "1700158624000000", "1700158625000000"), "auto", 2.0),
        ("t_us", ("0", "5", "2000000"), "auto", 2.0),
        ("ts", ("0", "5", "2"), "s", None),
        ("ts", ("0", "1", "2"), "s", 2.0),
        ("when", ("0", "1", "2"), "s", None),
        ("@timestamp", ('"2026-11-21T00:00:00Z"', '"2026-11-21T00:00:02.5Z"'), "auto", 2.5),
        ("time", ('"2026-10-25T02:59:59+02:00"', '"2026-10-25T02:00:01+01:00"'), "auto", 2.0),
        ("ts", ("0", "2000000000", "3000000000"), "auto", 3e6),
    ],
)
def test_times_and_units(name: str, values: tuple[str, ...], unit: Unit, last: float) -> None:
    data = text(*(f'{{"{name}": {value}}}' for value in values))
    if last is None:
        with pytest.raises(InputError):
            parse(data, unit=unit)
        return
    trace = parse(data, unit=unit)
    assert trace.times_s[-1] == pytest.approx(last, abs=1e-5)
    assert len(trace.times_s) == len(values)


def test_access_logs() -> None:
    lines = [LOG.format(second=second, n=n) for n, second in enumerate(("03", "03", "03", "05"))]
    # Written when it ended, half a minute after requests that came later.
    lines.append(LOG.format(second="02", n=9).replace("18:17", "18:16"))
    trace = parse("".join(lines).encode())
    assert (trace.format, trace.resolution_s, len(trace.times_s)) == ("access log", 1.0, 5)
    counts = np.bincount(np.floor(trace.times_s).astype(int))
    assert (counts[0], counts[61], counts[63]) == (1, 3, 1)
    assert len(set(trace.times_s)) == 5
    assert trace.hour == pytest.approx(3 * 24 + 18 + (16 * 60 + 2) / 3600)
    assert trace == parse("".join(lines).encode()) != parse("".join(lines).encode(), seed=1)
    common = b'h - - [31/Dec/2023:23:59:60 -0330] "GET / HTTP/1.0" 200 -\n'
    common += b'h - - [01/Jan/2024:00:00:01 -0330] "\\x16\\x03" 400 -\n'
    assert np.floor(parse(common).times_s[-1]) == 1


@pytest.mark.parametrize(
    ("header", "rows", "step"),
    [
        ("minute,requests", ("0,3", "1,0", "2,5"), 60),
        ("timestamp;count", ("0;3", "60;0", "120;5"), 60),
        ("second\thits", ("0\t3", "1\t0", "2\t5"), 1),
        ("Date,Requests", ("2026-11-21 00:00,3", "2026-11-21 00:01,0", "2026-11-21 00:02,5"), 60),
        ("time,host,count", ("0,a,3", "1,a,0", "2,a,5"), 1),
    ],
)
def test_counts(header: str, rows: tuple[str, ...], step: float) -> None:
    trace = parse(text(header, *rows))
    assert (trace.format, trace.resolution_s) == ("counts", step)
    assert np.bincount((np.array(trace.times_s) // step).astype(int)).tolist() == [3, 0, 5]
    assert (np.diff(trace.times_s) >= 0).all()


def test_slots_without_requests_may_be_left_out() -> None:
    trace = parse(text("second,count", "10,1", "11,2", "15,4"))
    assert np.bincount(np.array(trace.times_s).astype(int)).tolist() == [1, 2, 0, 0, 0, 4]


def test_a_file_is_replayed(tmp_path: Path) -> None:
    path = tmp_path / "trace.csv"
    path.write_bytes(text("time", "0.5", "1.25", "7"))
    arrivals = Arrivals(requests_day=1, weekly_weights=(), trace_s=read(path).times_s)
    assert tuple(times(arrivals, 0, 8, 1)) == (0.0, 0.75, 6.5)


@pytest.mark.parametrize(
    ("data", "line", "says"),
    [
        (b"", "", "no requests"),
        (b"\n \n", "", "no requests"),
        (b"time\n1\n", "", "fewer than two"),
        (b"time\n1\n1\n", "", "at one time"),
        (b"time\n1\n3\n2\n", ":4", "before one above"),
        (b"time\n1\n-3\n", ":3", "no time"),
        (b"time\n1\nnan\n", ":3", "no time"),
        (b"time\n1\ninf\n", ":3", "no time"),
        (b"time\n1\nsoon\n", ":3", "no time"),
        (b"time,x\n1,2\n3\n", ":3", "1 columns"),
        (b"what,x\n1,2\n3,3\n", ":1", "no column of times"),
        (b"1,2\n3,3\n", ":1", "no column of times"),
        (b"minute,count\n0,1\n1,-1\n", ":3", "no count"),
        (b"minute,count\n0,1\n1,1.5\n", ":3", "no count"),
        (b"minute,count\n0,1\n0,1\n", ":3", "not after"),
        (b"second,count\n0,1\n2,1\n5,1\n", ":4", "even slots"),
        (b"second,count\n0,0\n1,0\n", "", "at one time"),
        (b"second,count\n0,90000000\n1,0\n", ":2", "no count"),
        (b"second,count\n0,9000000\n1,9000000\n", ":3", "more than"),
        (b'{"ts": 1}\n{"ts": 2\n', ":2", "not a request"),
        (b'{"ts": 1}\n{"x": 2}\n', ":2", "no ts"),
        (b'{"ts": 1}\n{"ts": null}\n', ":2", "not a request"),
        (b'{"ts": 1}\n[1]\n', ":2", "not a request"),
        (b'{"a": 1}\n{"a": 2}\n', ":1", "no time"),
        (b'{"ts": 5}\n{"ts": 2}\n', ":2", "before one above"),
        (LOG.format(second="03", n=1).encode() + b"garbage\n", ":2", "access log"),
        (LOG.format(second="03", n=1).replace("16/Nov", "31/Nov").encode() * 2, ":1", "day"),
        ((LOG + LOG.replace("18:17", "17:17")).format(second="03", n=1).encode(), ":2", "before"),
        (gzip.compress(b"time\n1\n2\n", mtime=0), ":1", "UTF-8"),
        (b"time\n1\n\xff\n", ":3", "UTF-8"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said_with_its_line(data: bytes, line: str, says: str) -> None:
    with pytest.raises(InputError) as caught:
        parse(data, "t.csv")
    assert caught.value.where == f"t.csv{line}"
    assert says in caught.value.what
    assert caught.value.fix


def test_limits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "trace.csv"
    path.write_bytes(text("time", "1", "2", "3", "4"))
    monkeypatch.setattr(traces, "ARRIVALS_MAX", 3)
    with pytest.raises(InputError, match="more than 3 requests") as caught:
        read(path)
    assert caught.value.where == f"{path}:5"
    monkeypatch.setattr(traces, "LIMIT_BYTES", 5)
    with pytest.raises(StorageError):
        read(path)
    with pytest.raises(StorageError):
        read(tmp_path / "none.csv")
    with pytest.raises(InputError):
        parse(b"time\n1\n2\n", unit="min")  # type: ignore[arg-type]
