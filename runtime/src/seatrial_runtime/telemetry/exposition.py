"""The figures of all processes as Prometheus text, read from the files that they write.

The supervisor calls this: `gone` for each process that ended, `render` at each scrape. No counter
goes down when a process dies: what it counted is folded into one file a kind.
"""

import contextlib
import json
import os
import re
import threading
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from prometheus_client.exposition import generate_latest
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from seatrial_runtime.telemetry.cells import CellFile, Damaged, read_cells

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_NAME = re.compile(r"(counter|histogram|summary|gauge)(?:_([a-z]+))?_([^_/]+?)(?:\.rt)?\.db")
_ROUNDING = 1e-9
_FOLDED = "folded"  # Stands where the others have a process id.
_ADDED_UP = ("counter", "histogram", "summary")  # A gauge dies with its process.

Labels = tuple[tuple[str, str], ...]
Sample = tuple[str, Labels]


@dataclass
class _Merged:
    """One metric over all processes."""

    kind: str
    help: str
    samples: dict[Sample, float] = field(default_factory=dict)
    times: dict[Sample, float] = field(default_factory=dict)


@dataclass
class _Folder:
    """What is remembered of one folder."""

    good: dict[str, dict[str, tuple[float, float]]] = field(default_factory=dict)
    """By path, as last read."""
    lost: int = 0
    """Files of dead processes that were damaged when they were folded."""
    shown: dict[tuple[str, Sample], float] = field(default_factory=dict)
    """At the last scrape."""


_lock = threading.Lock()
_folders: defaultdict[str, _Folder] = defaultdict(_Folder)


def gone(metrics_dir: str, pid: int) -> None:
    """A process has ended: add what it counted to what the dead counted, drop its gauges."""
    with _lock:
        folder = _folders[metrics_dir]
        _fold(folder, [found for found in _files(metrics_dir) if found.who == str(pid)])


def render(metrics_dir: str) -> bytes:
    """The whole text. A file that cannot be read counts with what was last read of it."""
    with _lock:
        folder = _folders[metrics_dir]
        # Processes that the app forked and that nobody told us of.
        _fold(folder, [found for found in _files(metrics_dir) if _dead(found.who)])
        merged: dict[str, _Merged] = {}
        damaged = folder.lost
        for found in _files(metrics_dir):
            cells, sound = _cells(folder, found.path)
            damaged += not sound
            for key, (value, time_s) in cells.items():
                with contextlib.suppress(ValueError, TypeError, AttributeError):
                    _add(merged, found, key, value, time_s)
        for metric, one in merged.items():
            if one.kind in _ADDED_UP:
                _steady(folder, metric, one)
    name = "seatrial_metrics_damaged_files"
    help = "Files of figures that could not be read as they are"
    merged[name] = _Merged("gauge", help, {(name, ()): float(damaged)})
    return generate_latest(_Snapshot(merged))


def _steady(folder: _Folder, metric: str, one: _Merged) -> None:
    """Folding adds the same numbers in another order, and the last bit of a sum may fall by it:
    to Prometheus that would be a restart from zero."""
    for sample, value in one.samples.items():
        before = folder.shown.get((metric, sample), value)
        if 0.0 < before - value <= _ROUNDING * abs(before):
            one.samples[sample] = before
        folder.shown[metric, sample] = one.samples[sample]


@dataclass(frozen=True)
class _Found:
    path: str
    kind: str
    mode: str
    who: str


def _files(metrics_dir: str) -> list[_Found]:
    found = []
    with contextlib.suppress(FileNotFoundError):
        for name in sorted(os.listdir(metrics_dir)):
            match = _NAME.fullmatch(name)
            if match:
                path = os.path.join(metrics_dir, name)
                found.append(_Found(path, match[1], match[2] or "", match[3]))
    return found


def _dead(who: str) -> bool:
    if not who.isdecimal():
        return False  # Ours, or named by the app's own choice.
    try:
        os.kill(int(who), 0)
    except ProcessLookupError:
        return True
    except (OSError, OverflowError):
        return False
    return False


def _cells(folder: _Folder, path: str) -> tuple[dict[str, tuple[float, float]], bool]:
    try:
        folder.good[path] = read_cells(path)
    except FileNotFoundError:
        return {}, True
    except (OSError, Damaged):
        return folder.good.get(path, {}), False
    return folder.good[path], True


def _fold(folder: _Folder, dead: Iterable[_Found]) -> None:
    by_kind: dict[str, list[_Found]] = {}
    for found in dead:
        by_kind.setdefault(found.kind, []).append(found)
    for kind, files in by_kind.items():
        if kind in _ADDED_UP:
            try:
                _fold_kind(folder, kind, files)
            except OSError:
                continue  # No room for the sum: the files stay, and count as they are.
        for found in files:
            # After the new sum is in place. Killed in between, the sum would count them twice,
            # but the folder does not outlive the process that folds.
            with contextlib.suppress(OSError):
                os.unlink(found.path)
            folder.good.pop(found.path, None)


def _fold_kind(folder: _Folder, kind: str, files: Sequence[_Found]) -> None:
    folded = os.path.join(os.path.dirname(files[0].path), f"{kind}_{_FOLDED}.db")
    sums: dict[str, float] = {}
    for path in (folded, *(found.path for found in files)):
        cells, sound = _cells(folder, path)
        folder.lost += not sound
        for key, (value, _) in cells.items():
            sums[key] = sums.get(key, 0.0) + value
    fresh = CellFile(folded + ".new")
    view, places = fresh.allocate(list(sums))
    for place, value in zip(places, sums.values(), strict=True):
        view[place] = value
    fresh.close()
    os.replace(folded + ".new", folded)


def _add(merged: dict[str, _Merged], found: _Found, key: str, value: float, time_s: float) -> None:
    metric, name, given, help = json.loads(key)
    labels: Labels = tuple(sorted(given.items()))
    one = merged.setdefault(metric, _Merged(found.kind, help))
    if one.kind != found.kind:
        return  # Two parts of the app use one name for two things; the first has it.
    if found.kind == "gauge" and found.mode.removeprefix("live") == "all":
        labels = (*labels, ("pid", found.who))
    sample = (name, labels)
    if sample not in one.samples:
        one.samples[sample], one.times[sample] = value, time_s
    elif found.kind != "gauge":
        one.samples[sample] += value
    elif found.mode.endswith("recent"):
        if time_s > one.times[sample]:
            one.samples[sample], one.times[sample] = value, time_s
    else:
        one.samples[sample] = _GAUGES.get(found.mode.removeprefix("live"), _sum)(
            one.samples[sample], value
        )


def _sum(left: float, right: float) -> float:
    return left + right


_GAUGES: Mapping[str, Callable[[float, float], float]] = {"min": min, "max": max, "sum": _sum}


class _Snapshot(Collector):
    """What was merged, as the library that writes the text wants it."""

    def __init__(self, merged: Mapping[str, _Merged]) -> None:
        self._merged = merged

    def collect(self) -> Iterable[Metric]:
        """Every metric, by name."""
        for name, one in sorted(self._merged.items()):
            metric = Metric(name, one.help, one.kind)
            samples = one.samples.items()
            if one.kind == "histogram":
                samples = _cumulated(name, one.samples).items()
            for (sample, labels), value in samples:
                metric.add_sample(sample, dict(labels), value)
            yield metric


def _cumulated(metric: str, samples: Mapping[Sample, float]) -> dict[Sample, float]:
    """Files hold what fell into each bucket; the text wants what fell into it or below."""
    plain: dict[Sample, float] = {}
    buckets: dict[Labels, list[tuple[float, str, float]]] = {}
    for (name, labels), value in samples.items():
        bound = dict(labels).get("le")
        if bound is None:
            plain[name, labels] = value
            continue
        rest = tuple(label for label in labels if label[0] != "le")
        with contextlib.suppress(ValueError):
            buckets.setdefault(rest, []).append((float(bound), bound, value))
    for rest, found in buckets.items():
        total = 0.0
        for _, bound, value in sorted(found):
            total += value
            plain[metric + "_bucket", (*rest, ("le", bound))] = total
        plain[metric + "_count", rest] = total
    return plain
