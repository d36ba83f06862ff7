"""What a rule of the comparison may look at, what it says, and where its proof stands."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import NamedTuple

from seatrial.assessor.assess import Question
from seatrial.kernel.assessment import Assessment
from seatrial.kernel.design import Design
from seatrial.kernel.platform import Platform
from seatrial.kernel.simulation import Recovery
from seatrial.kernel.workload import Fact, Proof

FULL = 10.0


class View(NamedTuple):
    """One design with everything that the comparison asks for.

    `cheapest_usd` is the bill of the cheapest feasible design, none when nothing is feasible.
    """

    asked: Question
    assessed: Assessment
    platform: Platform
    recoveries: Sequence[Recovery]
    cheapest_usd: Decimal | None

    @property
    def design(self) -> Design:
        return self.assessed.design


class Scored(NamedTuple):
    """A score from 0 to 10, none where a fact is not known; the facts in it; where they stand."""

    score: float | None
    because: str
    proof: Proof


Rule = Callable[[View], Scored]


def said(view: View, key: str, rule: str) -> Proof:
    """Where the platform's file takes a key from: its reference, or the file's own source."""
    platform = view.platform
    references = (r for r in platform.references if key in r.says)
    found = next(references, None)
    source, as_of = (found.source, found.as_of) if found else (platform.source, platform.as_of)
    return declared(view, rule, f"{key}: {source}, as of {as_of}")


def declared(view: View, rule: str, note: str) -> Proof:
    """A statement of the platform's catalogue file."""
    file = f"catalog/platforms/{view.platform.id}.toml"
    return Proof(kind="declared", rule=rule, file=file, note=note)


def facts(view: View, *rules: str) -> tuple[Fact, ...]:
    """The facts of these rules in all components, each place once, in the order of the rules."""
    found: dict[tuple[str, str, str, int], Fact] = {}
    for rule in rules:
        for component in view.asked.workload.components:
            for fact in component.facts:
                if fact.rule == rule:
                    place = (fact.rule, fact.subject, fact.proof.file, fact.proof.line)
                    found.setdefault(place, fact)
    return tuple(found.values())


def offers(view: View, kind: str) -> bool:
    """Whether the platform's own provider runs a service of this kind."""
    return any(
        s.kind == kind and s.provider == view.platform.provider for s in view.asked.catalog.services
    )


def boot_s(view: View) -> float | None:
    """How long the app itself takes until it answers, none when that was not measured."""
    return view.asked.profile.boot_s


_SPAN = re.compile(r"(\d+(?:\.\d+)?)\s*(ms|s|min|h)\b")
_UNIT_S = {"ms": 0.001, "s": 1.0, "min": 60.0, "h": 3600.0}
_WAITS = (
    "time.llm-call", "time.llm-awaited", "time.retries", "time.sleep", "llm.no-timeout",
    "llm.fallback", "time.waits-for-task", "time.heavy-work", "time.streaming",
)  # fmt: skip


def span_s(text: str) -> float | None:
    """The longest time that a fact's value states, in seconds: 2400 of `up to 40 min`."""
    spans = [float(number) * _UNIT_S[unit] for number, unit in _SPAN.findall(text)]
    return max(spans, default=None)


def longest(view: View) -> tuple[float, str, Proof] | None:
    """The app's longest request: measured, or stated by a fact; none when neither is known."""
    found: list[tuple[float, str, Proof]] = []
    if view.asked.profile.measured:
        slow = max(view.asked.profile.routes, key=lambda route: route.quantiles_ms[-1])
        seconds = slow.quantiles_ms[-1] / 1000
        found.append((seconds, f"{slow.path} measured", view.asked.profile.proofs[0]))
    for fact in facts(view, *_WAITS):
        stated = span_s(fact.value)
        if stated is not None:
            found.append((stated, f"{fact.subject} ({fact.proof})", fact.proof))
    return max(found, key=lambda one: one[0], default=None)


def replica_rps(view: View) -> float:
    """What one replica answers at most in requests a second: by its processors, or its threads."""
    profile, design = view.asked.profile, view.design
    functions = view.platform.kind == "functions"
    slots = 1 if functions else design.workers * design.threads
    servers = min(1 if functions else design.workers, design.vcpu)
    by_cpu = servers / max(profile.cpu_ms / 1000, 1e-6)
    return min(by_cpu, slots / max(profile.mean_ms / 1000, 1e-6))


def replicas_limit(view: View) -> int | None:
    """The most replicas that the platform runs of the design's size, none without a limit."""
    size = next((s for s in view.platform.sizes if s.name == view.design.size), None)
    limits = [size.replicas_max] if size and size.replicas_max else []
    if view.platform.limits.replicas_max is not None:
        limits.append(int(view.platform.limits.replicas_max.value))
    if view.platform.kind == "machine":
        limits.append(view.design.replicas_max)
    return min(limits, default=None)


def worst_peak_rps(view: View) -> float:
    """The busiest hour's rate, in the largest of the events that were stated."""
    traffic = view.asked.demand.traffic
    return traffic.peak_rps * max((event.factor for event in traffic.events), default=1.0)


def clock(seconds: float) -> str:
    """A span as people say it: `52 ms`, `90 s`, `40 min`, `5.1 h`."""
    if 0 < seconds < 1:
        return f"{seconds * 1000:.3g} ms"
    if seconds < 120:
        return f"{seconds:.3g} s"
    return f"{seconds / 60:.3g} min" if seconds < 7200 else f"{seconds / 3600:.3g} h"
