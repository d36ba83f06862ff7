"""What all of the advice stands on: the app's facts, and the design with what would be built."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from importlib.resources import files
from typing import NamedTuple, TypeVar

import msgspec

from seatrial.assessor.assess import Question
from seatrial.assessor.recovery import STORES, recoveries
from seatrial.kernel.assessment import Assessment
from seatrial.kernel.design import Attached, Design
from seatrial.kernel.platform import Platform
from seatrial.kernel.simulation import Recovery
from seatrial.kernel.values import Value
from seatrial.kernel.workload import Dependency, Fact, Proof, Service

T = TypeVar("T")

ECS = ("aws-fargate", "aws-ecs-ec2", "aws-ecs-express")


class App(NamedTuple):
    """The question with the app's facts by rule, those of all components, each place once."""

    asked: Question
    facts: Mapping[str, tuple[Fact, ...]]

    def found(self, rules: Iterable[str]) -> tuple[Fact, ...]:
        """The facts of these rules, in their order."""
        return tuple(fact for rule in rules for fact in self.facts.get(rule, ()))

    @property
    def source_read(self) -> bool:
        """Whether the facts are from the app's source; described apps have none to read."""
        components = self.asked.workload.components
        proofs = [fact.proof for component in components for fact in component.facts]
        proofs += [route.proof for component in components for route in component.routes]
        return any(proof.kind == "source" for proof in proofs)

    @property
    def services(self) -> tuple[Service, ...]:
        """What the components use, each kind once."""
        kinds: dict[str, Service] = {}
        for component in self.asked.workload.components:
            for service in component.services:
                kinds.setdefault(service.kind, service)
        return tuple(kinds.values())

    def service(self, kind: str) -> Service | None:
        """The service of that kind."""
        return next((one for one in self.services if one.kind == kind), None)

    def depends(self, *names: str) -> Dependency | None:
        """The first of these distributions that the app asks for."""
        asked = {_norm(d.name): d for d in self.asked.workload.dependencies}
        return next((asked[name] for name in names if name in asked), None)


class Ground(NamedTuple):
    """The app, the chosen design, its platform, and what it does after losses."""

    app: App
    chosen: Assessment
    platform: Platform
    recoveries: Sequence[Recovery]

    @property
    def asked(self) -> Question:
        return self.app.asked

    @property
    def design(self) -> Design:
        return self.chosen.design

    @property
    def stores(self) -> tuple[Attached, ...]:
        """The databases of the design."""
        return tuple(one for one in self.design.attached if one.kind in STORES)

    @property
    def file(self) -> str:
        """The platform's file in the catalogue."""
        return f"catalog/platforms/{self.platform.id}.toml"

    def proof(self, rule: str, note: str = "") -> Proof:
        """A statement of the platform's file, with its source unless a better one is given."""
        told = note or f"{self.platform.source}, as of {self.platform.as_of}"
        return Proof(kind="declared", rule=rule, file=self.file, note=told)

    def recovery(self, name: str) -> Recovery | None:
        """What happens after the loss of that name."""
        return next((one for one in self.recoveries if one.name == name), None)

    def written(self, name: str) -> Written | None:
        """The statement of the infrastructure that Seatrial writes for this design."""
        return next((one for one in self.all_written if one.id == name), None)

    @property
    def all_written(self) -> tuple[Written, ...]:
        """Everything that is stated of the infrastructure of this design."""
        if not self.platform.bundled:
            return ()
        has = {"": True, "database": self.design.database is not None}
        return tuple(
            one for one in packaged_written()
            if self.platform.id in one.platforms and has[one.needs]
        )  # fmt: skip


class Written(Value):
    """One statement of the infrastructure that Seatrial writes, and the file that shows it.

    `template` is where that file is made from and `contains` the text in it. `needs` is
    `database` when only designs with one have it.
    """

    id: str
    says: str
    file: str
    template: str
    contains: str
    platforms: tuple[str, ...]
    needs: str = ""


class _Written(Value):
    written: tuple[Written, ...]


def decoded(name: str, kind: type[T]) -> T:
    """A data file of this folder."""
    text = files("seatrial.planner.advice").joinpath(name).read_text("utf-8")
    return msgspec.toml.decode(text.encode(), type=kind)


@cache
def packaged_written() -> tuple[Written, ...]:
    """What is known of the infrastructure that Seatrial writes."""
    return decoded("written.toml", _Written).written


def app_of(asked: Question) -> App:
    """The app's facts by rule."""
    found: dict[str, dict[tuple[str, str, int], Fact]] = {}
    for component in asked.workload.components:
        for fact in component.facts:
            place = (fact.subject, fact.proof.file, fact.proof.line)
            found.setdefault(fact.rule, {}).setdefault(place, fact)
    return App(asked, {rule: tuple(facts.values()) for rule, facts in found.items()})


def ground_of(app: App, chosen: Assessment) -> Ground:
    """The ground of a design: its recoveries are those of its simulation, or of the failure model.

    The simulation's are the same times where it has them.
    """
    design, platform = chosen.design, app.asked.catalog.platform(chosen.design.platform)
    simulated = chosen.simulation.recoveries if chosen.simulation else ()
    found = simulated or recoveries(design, platform, app.asked.profile.boot_s)
    return Ground(app, chosen, platform, found)


def has_standby(store: Attached) -> bool:
    """Whether a database has a standby in another zone."""
    return store.options.get("deployment") == "multi-az"


def places(facts: Sequence[Fact], most: int = 3) -> str:
    """Where facts stand: `app.py:12, db.py:3 and 2 more`."""
    told = list(dict.fromkeys(str(fact.proof) for fact in facts))
    more = f" and {len(told) - most} more" if len(told) > most else ""
    return ", ".join(told[:most]) + more


def _norm(name: str) -> str:
    return name.lower().replace("_", "-").replace(".", "-")
