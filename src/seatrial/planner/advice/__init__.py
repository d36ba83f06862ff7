"""What is to be done and watched for the decision: work, checks, risks, targets, recovery."""

from __future__ import annotations

from collections.abc import Sequence

from seatrial.assessor.assess import Question
from seatrial.kernel.advice import Advice, Phase
from seatrial.kernel.assessment import Assessment
from seatrial.planner.advice.checklist import checklist
from seatrial.planner.advice.controls import controls
from seatrial.planner.advice.ground import app_of, ground_of
from seatrial.planner.advice.procedures import procedures
from seatrial.planner.advice.risks import risks
from seatrial.planner.advice.roadmap import roadmap
from seatrial.planner.advice.targets import targets

__all__ = ["advice"]


def advice(asked: Question, chosen: Assessment | None, phases: Sequence[Phase] = ()) -> Advice:
    """All advice for the chosen design; without one what can be said of the app alone.

    `asked` is the question that the design was chosen for, `phases` what follows it with the
    traffic's growth. Same arguments, same advice.
    """
    app = app_of(asked)
    ground = None if chosen is None else ground_of(app, chosen)
    told = controls(ground) if ground else ()
    return Advice(
        phases=tuple(phases),
        roadmap=roadmap(app, ground, phases, told),
        checklist=checklist(app, ground),
        risks=risks(app, ground),
        targets=targets(ground) if ground else (),
        procedures=procedures(ground) if ground else (),
        controls=told,
    )
