"""The profiler's rules: what each fact is called, how bad it is and what helps.

They are data: `rulebook/*.toml`, one file a subject. Every rule has a page in docs/profile.
"""

from __future__ import annotations

import tomllib
from functools import cache
from importlib.resources import files

from seatrial.kernel.values import Value
from seatrial.kernel.workload import Fact, Proof, ProofKind, Severity

SUBJECT_MAX = 300
"""Longest text of the app's that a fact repeats."""


class Rule(Value):
    """`title` says the danger in one line without the app's names; `fix` what to do about it."""

    id: str
    severity: Severity
    title: str
    fix: str = ""
    confidence: float = 1.0


@cache
def rules() -> dict[str, Rule]:
    """All rules by their id, in the order of their files."""
    found: dict[str, Rule] = {}
    folder = files("seatrial.profiler") / "rulebook"
    for file in sorted(folder.iterdir(), key=lambda file: file.name):
        if not file.name.endswith(".toml"):
            continue
        for name, table in tomllib.loads(file.read_text(encoding="utf-8")).items():
            assert name not in found, f"{name} stands twice"
            found[name] = Rule(id=name, **table)
    return found


def fact(
    rule: str,
    subject: str,
    value: str = "",
    *,
    file: str = "",
    line: int = 0,
    note: str = "",
    confidence: float | None = None,
    kind: ProofKind = "source",
) -> Fact:
    """A fact by its rule; `confidence` replaces the rule's own."""
    known = rules()[rule]
    return Fact(
        rule=rule, subject=subject[:SUBJECT_MAX], value=value[:SUBJECT_MAX],
        severity=known.severity, fix=known.fix,
        confidence=known.confidence if confidence is None else confidence,
        proof=Proof(kind=kind, rule=rule, file=file, line=line, note=note),
    )  # fmt: skip
