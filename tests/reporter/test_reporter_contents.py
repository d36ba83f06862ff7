"""What a report says: nothing lost, nothing invented, and every missing part said."""

from __future__ import annotations

import hashlib
import os
import re
import subprocess
import sys
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest

from seatrial.reporter.report import report
from seatrial.reporter.words import NEVER_EMPTIES


def cell_rows(markdown: str, caption: str) -> list[list[str]]:
    """The cells of the table under a bold caption, without head and rule."""
    after = markdown.split(f"**{caption}")[1].splitlines()[2:]
    rows = []
    for line in after:
        if not line.startswith("|"):
            break
        rows.append([cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]])
    return rows[2:]


def test_decision_names_place_and_cost(cases: dict[str, Any]) -> None:
    text = cases["rich"].markdown
    cost = sum((line.monthly_usd for line in cases["rich"].plan.chosen.bill.lines), Decimal(0))
    assert text.startswith(f"# Run furlong on AWS Fargate for ${cost:.2f} a month.\n")
    assert "**Held in trial.**" in text
    assert "Runner-up elsewhere: Google Cloud Run" in text and "$40.97 more a month" in text
    for question in ("Where", "How much", "How sure this is", "What could change it"):
        assert f"\n## {question}\n" in text
    assert "at 159,000 a day (now 66,600 a day) it is AWS Fargate" in text
    assert "oldest price" in text and "2024-07-01" in text


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("none", "**No feasible design.**"),
        ("bare", "**Not yet measured.**"),
        ("missed", "**Missed in trial.**"),
        ("minimal", "**No feasible design.**"),
    ],
)
def test_verdicts(cases: dict[str, Any], name: str, said: str) -> None:
    assert said in cases[name].markdown


def test_missing_parts_are_said(cases: dict[str, Any]) -> None:
    bare = cases["bare"].markdown
    assert "No trial has run" in bare and "No bundle has been generated" in bare
    assert "measured" not in cases["bare"].charts
    none = cases["none"].markdown
    assert "No design was chosen, so there is no bill" in none
    assert "24 designs fail only budget.month. Allow $412.10 a month." in none
    minimal = cases["minimal"].markdown
    assert "This trial measured source another" in minimal
    assert "The trial compared nothing" in minimal and NEVER_EMPTIES in minimal


ALWAYS = [
    "Where it could run", "What it costs", "Whether it holds", "What the app is",
    "What was measured", "What speaks against it", "What was rejected, and why",
    "What was generated", "Where every number comes from",
]  # fmt: skip
ADVICE = [
    "Phases", "How to pay less", "What would change the answer", "Roadmap by week", "Checklists",
    "Risks", "Monitoring targets", "Recovery", "Compliance readiness",
]  # fmt: skip


def test_every_section_is_there(case: Any) -> None:
    heads = re.findall(r"^## \d+\. (.*)$", case.markdown, re.M)
    assert [head for head in heads if head not in ADVICE] == ALWAYS
    if case.plan.advice is not None and case.name != "huge":
        assert heads == ALWAYS[:3] + ADVICE + ALWAYS[3:]
    elif case.plan.chosen is None:
        assert "Not in this report, because the plan does not have it: phases" in case.markdown


def test_advice_is_told_to_the_last_item(cases: dict[str, Any]) -> None:
    case = cases["rich"]
    text, plan = case.markdown.replace("\\", ""), case.plan
    told = [one.move for one in plan.savings] + [one.name for one in plan.scenarios]
    told += [one.task for one in plan.advice.roadmap] + [one.risk for one in plan.advice.risks]
    told += [one.alarm for one in plan.advice.targets]
    told += [one.evidence for one in plan.advice.controls]
    told += [step for one in plan.advice.procedures for step in one.steps]
    told += [change.what for one in plan.advice.phases for change in one.changes]
    told += [one.name for one in plan.chosen.simulation.failures]
    told += [one.how for one in plan.chosen.simulation.recoveries]
    for words in told:
        assert words in text, words
    for one in plan.advice.checklist:
        assert f"- [{'x' if one.done else ' '}] {one.item}" in text
    assert "furlong/__init__.py:31" in text


def test_what_the_simulation_and_others_say_is_in_the_appendix(cases: dict[str, Any]) -> None:
    case = cases["rich"]
    appendix = case.markdown.split(". Where every number comes from")[1]
    made = case.plan.chosen.simulation
    assert str(made.seed) in appendix and made.method in appendix
    assert all(said in appendix for said in made.assumptions)
    for one in (*made.failures, *case.plan.advice.controls):
        assert one.source.removeprefix("https://").rstrip("/") in appendix
    for item in case.plan.chosen.dimensions:
        assert f"{item.proof.file}:{item.proof.line}" in appendix


def test_relaxations_lead_when_nothing_is_feasible(factory: Any) -> None:
    from seatrial.kernel.advice import Relaxation

    eased = Relaxation(key="budget.cost_usd_month", asked="200", needed="249",
                       design=factory.EKS.design.id, monthly_usd=Decimal("248.99"))  # fmt: skip
    plan = msgspec.structs.replace(factory.nothing_feasible(), relaxations=(eased,))
    text = report(factory.workload(), plan, None, None, ("md",))["report.md"].decode()
    assert "249 instead of 200 would allow Amazon EKS at $248.99 a month" in text


def test_unpriced_is_never_zero(cases: dict[str, Any]) -> None:
    text = cases["unpriced"].markdown
    assert text.startswith(
        "# Run furlong on DigitalOcean App Platform; what it costs is not fully known."
    )
    total = cell_rows(text, "The bill of do-app-platform")[-1]
    assert total[4].startswith("**unpriced**") and not re.search(r"\$0\.00(?!\d)", text)
    assert "no row for this SKU in nyc3" in text
    assert "unpriced" in cases["unpriced"].charts["cost"].description


def test_every_rejected_design_is_counted_once(cases: dict[str, Any]) -> None:
    case = cases["many"]
    rows = cell_rows(case.markdown, "400 designs rejected")
    counts = [int(row[2].strip("*").split("<")[0]) for row in rows]
    assert counts[:-1] == [250, 149, 1] and counts[-1] == 400
    assert "(no reason recorded)" in case.markdown
    accounts = cell_rows(case.markdown, "Nothing disappears")
    numbers = [[int(cell.strip("*").replace(",", "")) for cell in row[1:]] for row in accounts]
    assert numbers[-1] == [406, 6, 400]
    assert [sum(column) for column in zip(*numbers[:-1], strict=True)] == numbers[-1]
    assert all(considered == feasible + rejected for considered, feasible, rejected in numbers)


def test_feasible_designs_behind_the_ranking_are_counted(cases: dict[str, Any]) -> None:
    text = cases["rich"].markdown
    assert "60 designs on six platforms were considered" in text
    assert "the first 4 of 6 feasible designs" in text


def test_chosen_platform_comes_first_and_rejected_ones_last(cases: dict[str, Any]) -> None:
    rows = cell_rows(cases["rich"].markdown, "Every platform")
    verdicts = [row[1].strip("*") for row in rows]
    assert verdicts[:3] == ["chosen", "feasible", "unpriced"]
    assert set(verdicts[3:]) == {"rejected", "not considered"}


def test_a_count_that_does_not_add_up_is_told(factory: Any) -> None:
    plan = msgspec.structs.replace(factory.plan(), considered=999)
    text = report(factory.workload(), plan, None, None, ("md",))["report.md"].decode()
    assert "The count does not add up: 999 considered, 6 feasible, 54 rejected." in text


def test_a_bundle_of_another_design_is_told(cases: dict[str, Any]) -> None:
    assert "which is not the chosen design" in cases["unpriced"].markdown
    assert "which is not the chosen design" not in cases["rich"].markdown


def test_huge_figures_are_written(cases: dict[str, Any]) -> None:
    text = cases["huge"].markdown
    assert NEVER_EMPTIES in text and "$123,456,788,999,876,544,211.00 a month" in text
    assert "are missing of $200.00" in text


def test_facts_and_routes_carry_file_and_line(cases: dict[str, Any]) -> None:
    case = cases["rich"]
    for component in case.workload.components:
        for item in (*component.facts, *component.routes, *component.services):
            line = f"{item.proof.file}:{item.proof.line}".replace("__", r"\_\_")
            assert line in case.markdown


def test_finding_has_fix_and_proof(cases: dict[str, Any]) -> None:
    rows = cell_rows(cases["rich"].markdown, "What the rules say")
    assert rows[0][0] == "**risk**" and "[R:state.local-files]" in rows[0][1]
    assert rows[0][2].startswith("Write them to PostgreSQL")
    assert rows[0][3].startswith("furlong/cards.py:118")


SCRIPT = """
import hashlib, importlib.util, sys
spec = importlib.util.spec_from_file_location("factory", sys.argv[1])
factory = importlib.util.module_from_spec(spec)
spec.loader.exec_module(factory)
from seatrial.reporter.report import report
files = report(factory.workload(), factory.plan(), factory.bundle(), factory.evidence())
for name in sorted(files):
    print(name, hashlib.sha256(files[name]).hexdigest())
"""


def test_same_input_same_bytes_in_any_process(cases: dict[str, Any]) -> None:
    given = cases["rich"]
    files = report(given.workload, given.plan, given.bundle, given.evidence)
    assert {"report.md", "report.html", "report.pdf", "charts/cost.svg"} <= set(files)
    here = [f"{name} {hashlib.sha256(files[name]).hexdigest()}" for name in sorted(files)]
    # Hashes under another seed than in this process.
    seed = "0" if os.environ.get("PYTHONHASHSEED") == "4711" else "4711"
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, str(Path(__file__).with_name("factory.py"))],
        env={**os.environ, "PYTHONHASHSEED": seed, "TZ": "Asia/Tokyo", "LC_ALL": "C.UTF-8",
             "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)},
        capture_output=True, text=True, check=True, timeout=120,
    )  # fmt: skip
    assert done.stdout.splitlines() == here
