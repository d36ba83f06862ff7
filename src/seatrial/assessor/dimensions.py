"""The fifteen dimensions: each a score by a stated rule from facts, with its proof.

A rule is one function whose docstring is the rule; `DIMENSIONS` is the order in which they are
told. docs/dimensions.md is written from the docstrings.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal

from seatrial.assessor import scored_load, scored_place
from seatrial.assessor.assess import Question
from seatrial.assessor.scored import FULL, Rule, View
from seatrial.kernel.assessment import Assessment, Dimension, DimensionName
from seatrial.kernel.simulation import Recovery

DIMENSIONS: tuple[tuple[DimensionName, Rule], ...] = (
    ("deployment", scored_place.deployment),
    ("cost", scored_place.cost),
    ("scalability", scored_load.scalability),
    ("long-requests", scored_load.long_requests),
    ("uploads", scored_load.uploads),
    ("sessions", scored_load.sessions),
    ("cold-start", scored_load.cold_start),
    ("stability", scored_load.stability),
    ("operations", scored_place.operations),
    ("debugging", scored_place.debugging),
    ("multi-region", scored_place.multi_region),
    ("disaster-recovery", scored_load.disaster_recovery),
    ("compliance", scored_place.compliance),
    ("portability", scored_place.portability),
    ("future", scored_place.future),
)


def dimensions(
    asked: Question,
    assessed: Assessment,
    recoveries: Sequence[Recovery],
    cheapest_usd: Decimal | None = None,
) -> tuple[Dimension, ...]:
    """A design's scores in all dimensions, 0 to 10 to one decimal, none where a fact is missing.

    `recoveries` are what the design does after the loss of a zone and of a region; `cheapest_usd`
    is the bill of the cheapest feasible design, which the cost is compared with.
    """
    platform = asked.catalog.platform(assessed.design.platform)
    view = View(asked, assessed, platform, recoveries, cheapest_usd)
    return tuple(_dimension(name, rule, view) for name, rule in DIMENSIONS)


def _dimension(name: DimensionName, rule: Rule, view: View) -> Dimension:
    found = rule(view)
    score = None if found.score is None else round(min(FULL, max(0.0, found.score)), 1)
    return Dimension(name=name, score=score, because=found.because, proof=found.proof)


def winners(
    scored: Mapping[str, Sequence[Dimension]],
) -> dict[DimensionName, tuple[str, ...]]:
    """Who is best in each dimension, by the keys of `scored`; several when they are level.

    A dimension in which nobody has a score has no winner.
    """
    best: dict[DimensionName, tuple[str, ...]] = {}
    for name, _ in DIMENSIONS:
        scores = {
            key: one.score
            for key, all_of_it in scored.items()
            for one in all_of_it
            if one.name == name and one.score is not None
        }
        top = max(scores.values(), default=None)
        best[name] = tuple(key for key, score in scores.items() if score == top)
    return best
