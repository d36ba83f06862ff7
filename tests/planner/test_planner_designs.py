"""Every name that a plan prints names its design again."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

import pytest
from msgspec.structs import replace
from planner_cases import CATALOG, HERE

from seatrial import traits
from seatrial.assessor.assess import question
from seatrial.designs import design_named
from seatrial.kernel.values import to_json
from seatrial.planner.plan import plan
from seatrial.planner.spaces import spaces

APPS = sorted((Path(__file__).parents[2] / "examples/plans").glob("*.toml"))


@pytest.mark.parametrize("app", APPS, ids=lambda path: path.stem)
def test_names_of_every_platform_and_region_are_read_again(app: Path) -> None:
    workload, wanted = traits.read(app)
    # With a standby in a second region where there may be one.
    recovery = replace(wanted.demand.recovery, region_rto_s=7200.0)
    asked = question(workload, replace(wanted.demand, recovery=recovery), CATALOG)
    chance = random.Random(1)
    for space in spaces(asked, HERE):
        for _ in range(20):
            made = space.design(tuple(chance.randrange(length) for length in space.axes))
            assert design_named(made.id, CATALOG, HERE, asked) == made


def test_names_in_a_plan_are_read_again() -> None:
    workload, wanted = traits.read(next(path for path in APPS if path.stem == "dating"))
    asked = question(workload, wanted.demand, CATALOG)
    told = set(_names(to_json(plan(workload, wanted.demand, CATALOG, HERE, 2))))
    assert len(told) > 100
    for name in told:
        assert design_named(name, CATALOG, HERE, asked).id == name


def _names(printed: bytes) -> Iterator[str]:
    """Whatever has the form of a design's name in a document."""
    ids = {platform.id for platform in CATALOG.platforms}
    for text in printed.decode().split('"'):
        head, _, rest = text.partition("/")
        if head in ids and "/" in rest and " " not in text:
            yield text
