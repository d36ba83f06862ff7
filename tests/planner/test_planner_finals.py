"""Which designs are simulated, what of them is ranked, and what goes on beside it."""

from __future__ import annotations

import random
from collections.abc import Sequence
from functools import cache
from threading import Event

import pytest
from msgspec.structs import replace
from planner_cases import CATALOG, HERE, demand, simulation, workload

from seatrial.assessor.assess import Question, assess, question, with_simulation
from seatrial.kernel.design import Design
from seatrial.kernel.errors import InputError
from seatrial.kernel.simulation import Simulation
from seatrial.planner import plan as planner
from seatrial.planner.finals import RANKED, ROUNDS, Race
from seatrial.planner.search import Found, search

PLATFORMS = ("aws-fargate", "aws-ecs-ec2", "do-app-platform", "aws-lightsail", "this-machine")
SOME = replace(CATALOG, platforms=tuple(p for p in CATALOG.platforms if p.id in PLATFORMS))
LONG_S = 60.0


@cache
def found() -> Found:
    return search(question(workload(), demand(), SOME), HERE)


class Simulator:
    """Finds the designs `slow` too slow, and remembers what it was asked."""

    def __init__(self, slow: set[str]) -> None:
        self.slow = slow
        self.asked: list[list[str]] = []

    def __call__(self, asked: Question, designs: Sequence[Design]) -> tuple[Simulation, ...]:
        self.asked.append([one.id for one in designs])
        return tuple(simulation(one, 9999.0 if one.id in self.slow else 20.0) for one in designs)


def by_rounds(made: Found, slow: set[str]) -> tuple[list[str], list[str], set[str]]:
    """What passed, what did not, and all that was looked at, as the rule is told."""
    rest = [one.design for one in made.best] + [*made.later]
    passed: list[str] = []
    dropped: list[str] = []
    for _ in range(ROUNDS):
        many = RANKED - len(passed)
        for one in rest[:many]:
            told = with_simulation(
                made.asked, assess(made.asked, one),
                simulation(one, 9999.0 if one.id in slow else 20.0),
            )  # fmt: skip
            (dropped if told.violations else passed).append(one.id)
        rest = rest[many:]
        if len(passed) >= RANKED or not rest:
            break
    return passed, dropped, {*passed, *dropped}


@pytest.mark.parametrize("share", [0.0, 0.1, 0.3, 0.5, 0.8, 0.95, 1.0])
def test_ten_at_a_time_are_simulated_until_ten_passed(share: float) -> None:
    made, chance = found(), random.Random(share)
    names = [one.design.id for one in made.best] + [one.id for one in made.later]
    assert len(names) > 2 * RANKED
    for _ in range(3):
        slow = {name for name in names if chance.random() < share}
        simulate = Simulator(slow)
        race = Race(made, simulate)
        winner = race.winner()
        assert simulate.asked[0] == names[:1], "the first of all is simulated alone"
        last = race.finals()
        passed, dropped, seen = by_rounds(made, slow)
        assert [one.design.id for one in last.ranked] == passed
        assert (winner.design.id if winner else None) == next(iter(passed), None)
        beyond = [one.design.id for one in last.dropped][len(dropped) :]
        assert [one.design.id for one in last.dropped][: len(dropped)] == dropped
        asked = [name for batch in simulate.asked for name in batch]
        assert len(asked) == len(set(asked)), "none is simulated twice"
        extra = set(asked) - seen  # looked at for one that can be built
        assert extra <= {*beyond} | ({last.buildable.design.id} if last.buildable else set())


def test_without_a_simulator_the_first_ten_are_ranked() -> None:
    race = Race(found(), None)
    assert race.winner() == found().best[0]
    assert race.finals().ranked == found().best[:RANKED]


def test_what_would_change_the_decision_does_not_wait_for_the_places_behind_the_first(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    begun, waited = Event(), []
    inner, simulate = planner.whatif, Simulator(set())

    def whatif(*args):  # type: ignore[no-untyped-def]
        begun.set()
        return inner(*args)

    def simulated(asked: Question, designs: Sequence[Design]) -> tuple[Simulation, ...]:
        if simulate.asked:
            waited.append(begun.wait(LONG_S))
        return simulate(asked, designs)

    monkeypatch.setattr(planner, "whatif", whatif)
    made = planner.plan(workload(), demand(), SOME, HERE, 2, simulate=simulated)
    assert waited == [True] and len(made.ranked) == RANKED and made.flips


def test_what_goes_wrong_behind_the_first_is_told() -> None:
    simulate = Simulator(set())

    def simulated(asked: Question, designs: Sequence[Design]) -> tuple[Simulation, ...]:
        if simulate.asked:
            raise InputError("cannot be simulated", where="trace", fix="mend it")
        return simulate(asked, designs)

    with pytest.raises(InputError, match="cannot be simulated"):
        planner.plan(workload(), demand(), SOME, HERE, 2, simulate=simulated)
