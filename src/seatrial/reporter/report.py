"""The report of a plan: Markdown with charts, one self-contained HTML file, a typeset PDF."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Literal

from seatrial.kernel.bundle import Bundle
from seatrial.kernel.evidence import LoadEvidence
from seatrial.kernel.plan import Plan
from seatrial.kernel.workload import Workload
from seatrial.reporter.app import app
from seatrial.reporter.appendix import files, sources
from seatrial.reporter.charts import Chart, charts, svg
from seatrial.reporter.comparison import comparison
from seatrial.reporter.cost import bill
from seatrial.reporter.course import phases, savings, sensitivity
from seatrial.reporter.decision import decision
from seatrial.reporter.findings import findings, rejected
from seatrial.reporter.measured import measured
from seatrial.reporter.model import Report, Section
from seatrial.reporter.pages import html, markdown
from seatrial.reporter.pdf import pdf
from seatrial.reporter.refs import References, references, shown_assessments
from seatrial.reporter.reliability import reliability
from seatrial.reporter.work import work

Format = Literal["md", "html", "svg", "pdf"]
DAY = re.compile(r"\d{4}-\d\d-\d\d")

FORMATS: tuple[Format, ...] = ("md", "html", "svg", "pdf")
QUICK: tuple[Format, ...] = ("md",)
"""What takes no time: the others start a drawing engine, or carry one."""


def report(
    workload: Workload,
    plan: Plan,
    bundle: Bundle | None,
    evidence: LoadEvidence | None,
    formats: Iterable[Format] = FORMATS,
) -> dict[str, bytes]:
    """Write the report of a plan, as files by their path.

    `report.md`, `report.html`, which needs nothing beside itself, `report.pdf`, and with `svg` the
    charts that `report.md` then shows, `charts/*.svg`. What does not exist (no trial, no bundle,
    no design that does) is said in its place. Same input, same bytes. All but `md` take
    seconds.
    """
    wanted = set(formats)
    drawn = charts(workload, plan, evidence)
    built = build(workload, plan, bundle, evidence, drawn)
    written: dict[str, bytes] = {}
    if "md" in wanted:
        written["report.md"] = markdown(built, images="svg" in wanted)
    if "html" in wanted:
        written["report.html"] = html(built, drawn)
    pictured = drawn if wanted & {"svg", "pdf"} else {}
    pictures = {name: svg(chart) for name, chart in pictured.items()}
    if "svg" in wanted:
        written |= {f"charts/{name}.svg": picture for name, picture in pictures.items()}
    if "pdf" in wanted:
        written["report.pdf"] = pdf(built, pictures)
    return written


def build(
    workload: Workload,
    plan: Plan,
    bundle: Bundle | None,
    evidence: LoadEvidence | None,
    drawn: dict[str, Chart],
) -> Report:
    """The report before it has a format."""
    refs = references(workload, plan, evidence)
    identity = [
        ("Source", plan.workload_digest),
        ("Catalogue", plan.catalog_digest),
        ("Bundle", bundle.digest if bundle else "none"),
        ("Trial", f"{evidence.trial}, {evidence.started_at}" if evidence else "none"),
    ]
    return Report(
        app=plan.app,
        dated=_dated(plan),
        identity=tuple(identity),
        decision=decision(plan, evidence, refs, drawn),
        sections=_sections(workload, plan, bundle, evidence, refs, drawn),
    )


def _sections(
    workload: Workload,
    plan: Plan,
    bundle: Bundle | None,
    evidence: LoadEvidence | None,
    refs: References,
    drawn: dict[str, Chart],
) -> tuple[Section, ...]:
    roadmap, checklists, risks, monitoring, recovery, compliance = work(plan, refs)
    optional = {
        "phases": phases(plan, refs),
        "savings": savings(plan, refs),
        "sensitivity": sensitivity(plan, refs),
        "a roadmap": roadmap,
        "checklists": checklists,
        "risks": risks,
        "monitoring targets": monitoring,
        "recovery": recovery,
        "compliance": compliance,
    }
    missing = tuple(name for name, section in optional.items() if section is None)
    return (
        comparison(plan, refs, drawn),
        bill(plan, refs, drawn),
        reliability(plan, refs, drawn),
        *(section for section in optional.values() if section is not None),
        app(workload, refs, drawn),
        measured(plan, evidence, refs, drawn),
        findings(plan, refs),
        rejected(plan, refs),
        files(plan, bundle),
        sources(plan, evidence, refs, missing),
    )


def _dated(plan: Plan) -> str:
    """The day of the newest price: a report tells no other time, so that its bytes repeat."""
    days = [line.as_of for item in shown_assessments(plan) for line in item.bill.lines]
    # Some sources say "undated", or a month.
    return max((day for day in days if DAY.fullmatch(day)), default="")
