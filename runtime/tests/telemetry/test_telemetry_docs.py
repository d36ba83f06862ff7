import re
from pathlib import Path

from seatrial_runtime.telemetry import metrics

RUNTIME = Path(__file__).parents[2]
PAGE = (RUNTIME.parent / "docs/runtime/observability.md").read_text()


def test_every_metric_is_explained_with_its_type_and_labels() -> None:
    rows = dict(re.findall(r"^\| `(\w+)` \| (.+) \|$", PAGE, re.M))
    for metric in metrics.ALL:
        kind, labels, meaning = (part.strip() for part in rows.pop(metric.name).split("|", 2))
        expected = ("pid",) if metric is metrics.MEMORY else metric.labels
        assert kind == metric.kind, metric.name
        assert tuple(re.findall(r"`(\w+)`", labels)) == expected, metric.name
        assert meaning
    named = "\n".join(p.read_text() for p in (RUNTIME / "src").rglob("*.py"))
    written = set(re.findall(r"# TYPE (seatrial_\w+)", named))
    missing = {name for name in written if name not in rows}
    assert not missing
    metric_rows = {name for name in rows if name.startswith(("seatrial_", "http_server_"))}
    assert metric_rows - written == {"seatrial_metrics_damaged_files"}


def test_every_event_of_a_worker_is_explained() -> None:
    rows = set(re.findall(r"^\| `(\w+)` \|", PAGE, re.M))
    told = set()
    for path in (RUNTIME / "src/seatrial_runtime/telemetry").glob("*.py"):
        told |= set(re.findall(r'emit\(\s*"\w+",\s*"(\w+)"', path.read_text()))
    assert told - {"traces", "flush"} <= rows  # These two say in words what went wrong.
