"""What follows from a decision: phases, savings, what would change it, and the work to do."""

from __future__ import annotations

from decimal import Decimal
from typing import Literal

from seatrial.kernel.quote import Year
from seatrial.kernel.values import Value
from seatrial.kernel.workload import Proof


class Relaxation(Value):
    """The smallest change of one constraint that makes some design feasible.

    `asked` and `needed` are values of the setting `key` as it is written in seatrial.toml.
    """

    key: str
    asked: str
    needed: str
    design: str
    monthly_usd: Decimal | None


class ScenarioChoice(Value):
    """What would be chosen in another situation of the same app.

    `demand` says what was changed, in words; `design` is none when nothing does, `why` says so.
    """

    name: str
    demand: str
    design: str | None
    platform: str
    monthly_usd: Decimal | None
    why: str


class PlatformYears(Value):
    """One platform's best design over years, and what it costs per user and per request.

    `usd_user_month` is none as long as the number of users is not stated.
    """

    platform: str
    design: str
    years: tuple[Year, ...]
    total_usd: Decimal | None
    usd_1000_requests: Decimal | None
    usd_user_month: Decimal | None


class CheapestFrom(Value):
    """From so many requests a day on this platform is the best one; empty: none does any more.

    `design` and `monthly_usd` are its best at exactly that traffic.
    """

    requests_per_day: float
    daily_users: int
    platform: str
    design: str | None
    monthly_usd: Decimal | None


class Saving(Value):
    """One way to pay less for the chosen design, and what stands against it.

    `kind` says what is changed: commitment, spot, arm, size, logs, endpoints.
    """

    kind: str
    move: str
    design: str
    saving_usd_month: Decimal
    against: str
    proof: Proof


class Flip(Value):
    """Where one assumption changes the decision: from `value` on, `to` is chosen.

    `value` is none when nothing within `tried` changes it. `now` is the assumption as it stands;
    all three are written with their unit.
    """

    assumption: str
    now: str
    tried: str
    value: str | None
    to: str
    monthly_usd: Decimal | None


class Change(Value):
    """Something to change in the code before a phase, with the place."""

    what: str
    why: str
    proof: Proof


class Phase(Value):
    """A part of the app's life with its own design, from `month` on (0: now).

    `until_rps` is the peak rate at which it ends, none for the last; `migration` are the steps
    from the phase before. `when` says when it begins, in words. Where traffic does not grow
    `month` is 0 throughout, and only `when` tells the phases apart.
    """

    name: Literal["start", "growth", "scale"]
    month: int
    peak_rps: float
    until_rps: float | None
    design: str
    platform: str
    monthly_usd: Decimal
    changes: tuple[Change, ...] = ()
    migration: tuple[str, ...] = ()
    when: str = ""


class Task(Value):
    """One piece of work of the roadmap, with where it comes from."""

    week: int
    task: str
    hours: float | None
    because: str


class Check(Value):
    """One item of a checklist; `evidence` says what showed that it is done, empty when open."""

    phase: Literal["before migration", "go live"]
    item: str
    done: bool
    evidence: str


class Risk(Value):
    """Something that may go wrong with this decision, and what keeps it from doing harm."""

    risk: str
    severity: Literal["high", "medium", "low"]
    mitigation: str
    proof: Proof


class Target(Value):
    """One figure to watch in production: when to alarm, and why at that value."""

    metric: str
    alarm: str
    because: str


class Procedure(Value):
    """What to do after a loss, and how long it takes; `rpo_s` none: nothing can be restored."""

    loss: str
    rto_s: float
    rpo_s: float | None
    steps: tuple[str, ...]


class Control(Value):
    """One control of a standard: met or missing by the design, and what shows it."""

    standard: str
    control: str
    met: Literal["met", "missing", "owner"]
    evidence: str
    source: str


class Advice(Value):
    """Everything that is to be done and watched, for the chosen design."""

    phases: tuple[Phase, ...] = ()
    roadmap: tuple[Task, ...] = ()
    checklist: tuple[Check, ...] = ()
    risks: tuple[Risk, ...] = ()
    targets: tuple[Target, ...] = ()
    procedures: tuple[Procedure, ...] = ()
    controls: tuple[Control, ...] = ()
