"""What the app's services are used for: calls of language models, uploads, tasks.

A managed service bills amounts that follow from the demand, not from the design. They are worked
out once, by the request, so that a bill at other traffic counts other amounts. An amount that
nobody knows stays unknown, with the setting that would tell it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from seatrial.assessor.language import UNKNOWN, model_of
from seatrial.assessor.profile import Metered, RouteLoad
from seatrial.assessor.simulate.providers import calls_of
from seatrial.kernel.demand import Demand
from seatrial.kernel.platform import Catalog
from seatrial.kernel.units import DAYS_PER_MONTH, MIB_PER_GIB
from seatrial.kernel.workload import Component, Workload

REQUESTS_PER_TASK = 3
"""A message is sent, received and deleted, each of which a queue bills."""

READS_PER_UPLOAD = 1
"""A file that was sent is read once, to work on it or to show it."""

_HANDLER = re.compile(r"[.:]")


def metered_of(
    workload: Workload, demand: Demand, routes: tuple[RouteLoad, ...], catalog: Catalog
) -> tuple[Metered, ...]:
    """The amounts of the services of all components, each by the request or by the month."""
    parts = workload.components
    kinds = {service.kind for component in parts for service in component.services}
    found: list[Metered] = []
    if "llm" in kinds:
        found += _tokens(workload, demand, routes, catalog)
    if "s3" in kinds:
        found += _files(workload, demand, routes)
    if "sqs" in kinds:
        found.append(_messages(demand))
    return tuple(found)


def _share(
    routes: tuple[RouteLoad, ...], by_path: dict[str, float], a_day: float | None, demand: Demand
) -> float | None:
    """How often something happens in a request: as stated for a day, or by the routes it is in.

    None when neither says it: the app was not measured, or no measured route does it.
    """
    if a_day is not None:
        return a_day / demand.traffic.requests_per_day
    return sum(route.weight * by_path.get(route.path, 0.0) for route in routes) or None


def _tokens(
    workload: Workload, demand: Demand, routes: tuple[RouteLoad, ...], catalog: Catalog
) -> Iterator[Metered]:
    """Tokens of the calls; those that a provider's cache answers are counted as any other."""
    llm = demand.llm
    by_path: dict[str, float] = {}
    for component in workload.components:
        by_path |= calls_of(component) if component.routes else {}
    calls = _share(routes, by_path, llm.calls_per_day, demand)
    model = None if model_of(workload.components, llm, catalog) == UNKNOWN else llm.model
    for meter, key in (
        ("input_tokens_month", "input_tokens_call"),
        ("output_tokens_month", "output_tokens_call"),
    ):
        each = getattr(llm, key)
        known = {"model": model, "calls_per_day": calls, key: each}
        amount = (calls or 0.0) * (each or 0.0)
        yield Metered(kind="llm", meter=meter, per_request=amount, missing=_missing("llm", known))


def _files(workload: Workload, demand: Demand, routes: tuple[RouteLoad, ...]) -> Iterator[Metered]:
    """Files in object storage: each is written once, read once, and stays as long as stated."""
    said = demand.uploads
    by_path = {path: 1.0 for component in workload.components for path in _upload_paths(component)}
    sent = _share(routes, by_path, said.per_day, demand)
    for meter, times in (("writes_month", 1), ("reads_month", READS_PER_UPLOAD)):
        missing = _missing("uploads", {"per_day": sent})
        amount = times * (sent or 0.0)
        yield Metered(kind="object-storage", meter=meter, per_request=amount, missing=missing)
    missing = _missing("uploads", {"per_day": sent, "mib": said.mib, "kept_days": said.kept_days})
    # As many days of uploads as each is kept are there at any time.
    kept = (sent or 0.0) * (said.mib or 0.0) / MIB_PER_GIB
    kept *= (said.kept_days or 0.0) / float(DAYS_PER_MONTH)
    yield Metered(kind="object-storage", meter="storage_gib", per_request=kept, missing=missing)


def _missing(section: str, known: dict[str, object]) -> str:
    """The settings that nobody stated, as they are written; empty when all are known."""
    names = [key for key, value in known.items() if value is None]
    return f"[{section}] {' and '.join(names)}" if names else ""


def _upload_paths(component: Component) -> list[str]:
    """The routes in whose handlers files are taken; none where that is done elsewhere."""
    said = {f.subject for f in component.facts if f.rule == "upload.accepted"}
    # `upload()`, `upload(document)`, or the route itself.
    names = {subject.partition("(")[0] for subject in said}
    return [r.path for r in component.routes
            if r.path in said or _HANDLER.split(r.endpoint)[-1] in names]  # fmt: skip


def _messages(demand: Demand) -> Metered:
    tasks = demand.work.tasks_per_day
    if tasks is None:
        return Metered(kind="queue", meter="requests_month", missing="[work] tasks_per_day")
    month = tasks * float(DAYS_PER_MONTH) * REQUESTS_PER_TASK
    return Metered(kind="queue", meter="requests_month", per_month=month)
