"""The report of a plan: one Markdown file, one self-contained HTML file, and the charts."""

from __future__ import annotations

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from seatrial.kernel.bundle import Bundle
from seatrial.kernel.evidence import LoadEvidence
from seatrial.kernel.plan import Plan
from seatrial.kernel.workload import Workload
from seatrial.reporter import words
from seatrial.reporter.app import app
from seatrial.reporter.appendix import files, sources
from seatrial.reporter.charts import Chart, draw
from seatrial.reporter.cost import bill, comparison
from seatrial.reporter.decision import decision
from seatrial.reporter.findings import findings, rejected
from seatrial.reporter.measured import measured
from seatrial.reporter.model import Report
from seatrial.reporter.promise import promise
from seatrial.reporter.refs import references


def report(
    workload: Workload, plan: Plan, bundle: Bundle | None, evidence: LoadEvidence | None
) -> dict[str, bytes]:
    """Write the report of a plan, as files by their path.

    `report.md` with `charts/*.svg`, and `report.html`, which needs nothing beside itself. What
    does not exist (no trial, no bundle, no design that does) is said in its place. Same input,
    same bytes.
    """
    charts = draw(workload, plan, evidence)
    built = _build(workload, plan, bundle, evidence, charts)
    pages = {
        "report.md": _environment("md").get_template("report.md.j2"),
        "report.html": _environment("html").get_template("report.html.j2"),
    }
    written = {
        name: (template.render(report=built, charts=charts).strip() + "\n").encode()
        for name, template in pages.items()
    }
    for name, chart in charts.items():
        written[f"charts/{name}.svg"] = chart.standalone.encode()
    return written


def _build(
    workload: Workload,
    plan: Plan,
    bundle: Bundle | None,
    evidence: LoadEvidence | None,
    charts: dict[str, Chart],
) -> Report:
    refs = references(workload, plan, evidence)
    identity = [
        ("Source", plan.workload_digest),
        ("Catalogue", plan.catalog_digest),
        ("Bundle", bundle.digest if bundle else "none"),
        ("Trial", f"{evidence.trial}, {evidence.started_at}" if evidence else "none"),
    ]
    return Report(
        app=plan.app,
        identity=tuple(identity),
        decision=decision(plan, evidence, refs),
        sections=(
            comparison(plan, refs, charts),
            bill(plan, refs),
            app(workload, refs, charts),
            promise(plan, refs, charts),
            measured(plan, evidence, refs, charts),
            findings(plan, refs),
            rejected(plan, refs),
            files(plan, bundle),
            sources(plan, evidence, refs),
        ),
    )


def _environment(kind: str) -> Environment:
    """An environment in which every text that is put out is escaped, without asking for it.

    Markdown has no auto-escape of its own: there `finalize` escapes, and marks what it made as
    done.
    """

    def shown(value: object) -> object:
        if isinstance(value, Markup) or not isinstance(value, str):
            return value
        return words.clean(value) if kind == "html" else Markup(words.markdown(value))

    return Environment(
        loader=PackageLoader("seatrial.reporter"),
        autoescape=True,
        finalize=shown,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
