"""Public facts about racing that everyone knows: courses, goings, distances, classes.

Nothing in here is hidden from a bettor, so the model, the web pages and the simulator may
all import it. What only the simulator may know (how much each draw is worth, say) lives in
``furlong.simulator``.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Course:
    """A racecourse as described in any form guide."""

    name: str
    hand: str
    character: str


COURSES: tuple[Course, ...] = (
    Course("Ashmoor", "left-handed", "tight, sharp turns, quick-draining chalk"),
    Course("Brackwater", "right-handed", "galloping, riverside, slow to dry"),
    Course("Calder Vale", "left-handed", "undulating with a steep finish"),
    Course("Dunmarsh", "straight and left-handed", "flat, heavy clay"),
    Course("Eastmere", "right-handed", "flat and fair, sandy soil"),
    Course("Fenwick Park", "left-handed", "wide, long straight"),
    Course("Garrowby", "right-handed", "stiff uphill straight mile"),
    Course("Hallowdown", "left-handed", "downland, fast, well drained"),
)
COURSE_NAMES: tuple[str, ...] = tuple(course.name for course in COURSES)

#: Official goings from driest to wettest; the position in this tuple is the "wetness" step.
GOINGS: tuple[str, ...] = ("firm", "good to firm", "good", "good to soft", "soft", "heavy")

#: Distances at which the simulator stages races, in metres.
DISTANCES: tuple[int, ...] = (1000, 1200, 1400, 1600, 2000, 2400, 2800, 3200)

CLASSES: tuple[int, ...] = (1, 2, 3, 4, 5, 6)
#: Lowest official rating that belongs in classes 1 to 5; everything below is class 6.
CLASS_FLOORS: tuple[int, ...] = (100, 90, 80, 70, 60)

LB_PER_KG = 2.2046226

#: How many of its latest runs a race card shows for each horse.
RUNS_SHOWN = 8

#: Sprint, middle, staying: the bands within which a course's draw bias is taken as constant.
BANDS: tuple[str, ...] = ("sprint", "middle", "staying")


def band_of(distance_m: float) -> int:
    """Index into ``BANDS`` for a race distance."""
    return 0 if distance_m <= 1400 else 1 if distance_m <= 2000 else 2


def lb_per_length(distance_m: float) -> float:
    """Pounds that one length is worth: about 3 over 1000 m, falling to 1 for stayers."""
    return max(1.0, 3.0 * 1000.0 / distance_m)


def places_paid(runners: int) -> int:
    """Places paid by a bookmaker: three, two in fields of five to seven, else the win only."""
    return 3 if runners >= 8 else 2 if runners >= 5 else 1


def class_of(rating: float) -> int:
    """The class in which a horse of this official rating runs."""
    for race_class, floor in enumerate(CLASS_FLOORS, start=1):
        if rating >= floor:
            return race_class
    return 6
