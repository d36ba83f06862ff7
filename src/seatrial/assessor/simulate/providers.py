"""Language models behind an API: which routes call them, and what their failures do to a route.

Which routes call is what the profile saw in the source: a fact names the handler from which a
call is reached. A function that calls in a loop, or one model after the other fails, counts once.
"""

from __future__ import annotations

import re
from typing import NamedTuple

import numpy as np
from msgspec.structs import replace

from seatrial.kernel.demand import Llm
from seatrial.kernel.simulation import Estimate, HourOutlook, Provider, RouteLaw
from seatrial.kernel.workload import Component, Route

RULES = frozenset({"time.llm-call", "time.llm-awaited"})
HANDLER = re.compile(r"(?:^in|reached from) (\w+)\(\)")
READING = frozenset({"GET", "HEAD", "OPTIONS"})

DRAWN = 40_000
"""Requests of each route from which its law with failures is made: 200 a cell."""


class Effect(NamedTuple):
    """What a provider's failures leave: laws of what requests take, and the share that fails."""

    laws: tuple[RouteLaw, ...]
    failed_share: float


def provider_of(llm: Llm) -> Provider:
    """The provider as the settings describe it."""
    return Provider(
        failure_share=llm.throttled_percent / 100,
        timeout_s=llm.timeout_s,
        retries=llm.retries,
        fallback=llm.fallback,
    )


def calls_of(component: Component) -> dict[str, float]:
    """Calls to a language model in each request, by the path of the route; without those of none.

    Where a component calls one and no handler was seen to, all its routes that write are taken to
    call once, or all there are when none writes.
    """
    found: dict[str, float] = {}
    facts = [fact for fact in component.facts if fact.rule in RULES]
    for fact in facts:
        # Of "in ask(), reached from view()" the last is the handler.
        named = HANDLER.findall(fact.value)
        for route in component.routes:
            if named and _handler(route) == named[-1]:
                found[route.path] = found.get(route.path, 0.0) + 1.0
    if found or not (facts or _needed(component)):
        return found
    writing = [route for route in component.routes if not READING.issuperset(route.methods)]
    return {route.path: 1.0 for route in writing or component.routes}


def called(component: Component, laws: tuple[RouteLaw, ...]) -> tuple[RouteLaw, ...]:
    """The laws with the calls of their routes; an app that was not measured calls in each."""
    calls = calls_of(component)
    every = 1.0 if calls or _needed(component) else 0.0
    return tuple(
        replace(law, calls=every if law.path == "*" else calls.get(law.path, 0.0)) for law in laws
    )


def share(laws: tuple[RouteLaw, ...]) -> float:
    """The share of the requests that call a language model."""
    total = sum(law.weight for law in laws)
    return min(1.0, sum(law.weight * min(1.0, law.calls) for law in laws) / total)


def effect(laws: tuple[RouteLaw, ...], provider: Provider, seed: int = 0) -> Effect:
    """The laws with what a provider's failures do to the requests of each route.

    Requests that fail take the time until they do. Processor time keeps its mean, but is spread
    as the wall time then is.
    """
    # The simulator's machine code: rules and prices know providers without it.
    from seatrial.assessor.simulate.service import CELLS, samples, with_provider

    total = sum(law.weight for law in laws)
    made, lost = [], 0.0
    for number, law in enumerate(laws):
        if law.calls <= 0:
            made.append(law)
            continue
        route, cpu, wait = samples([law], DRAWN, seed + number)
        waiting, failed = with_provider([law], provider, route, wait, seed + number)
        lost += law.weight / total * float(failed.mean())
        if np.array_equal(waiting, wait):
            made.append(law)
            continue
        wall = np.sort(cpu + waiting).reshape(CELLS, -1).mean(axis=1)
        cpu_share = float(cpu.sum() / max(wall.mean() * DRAWN, 1e-300))
        made.append(
            replace(law, wall_s=tuple(wall.tolist()), cpu_share=min(1.0, max(0.0, cpu_share)))
        )
    return Effect(tuple(made), lost)


def with_refused(errors: Estimate, refused: float) -> Estimate:
    """Errors in percent, where that share of what is answered is an error of the provider's."""

    def both(percent: float | None) -> float | None:
        return None if percent is None else 100 - (100 - percent) * (1 - refused)

    if refused == 0:
        return errors
    return Estimate(value=both(errors.value), low=both(errors.low), high=both(errors.high))


def hour_with_refused(hour: HourOutlook, refused: float) -> HourOutlook:
    """An hour with the provider's errors among its own."""
    both = with_refused(Estimate(value=hour.error_percent), refused).value
    return hour if both is None else replace(hour, error_percent=both)


def told(component: Component, laws: tuple[RouteLaw, ...], llm: Llm) -> tuple[str, ...]:
    """What is taken for granted of language models; nothing for an app that calls none."""
    calls = calls_of(component)
    if not calls and not any(law.calls for law in laws):
        return ()
    measured = {law.path for law in laws}
    lines = [
        f"{share(laws):.0%} of the requests call a language model; {llm.throttled_percent:g} % of "
        f"its calls are refused, each is given up after {llm.timeout_s:g} s, asked again "
        f"{llm.retries} times, and then {'a fallback answers' if llm.fallback else 'it fails'}"
    ]
    if llm.throttled_percent == 0:
        lines.append("no source says how often a provider throttles: never, unless [llm] says so")
    if "*" not in measured and (missing := sorted(calls.keys() - measured)):
        lines.append(
            f"not in the figures, as they call a language model and were not measured: "
            f"{', '.join(missing[:5])}{' and more' if len(missing) > 5 else ''}"
        )
    return tuple(lines)


def _handler(route: Route) -> str:
    """`docs.summary` or `shop.views:summary` end in the name of the handler."""
    return re.split(r"[.:]", route.endpoint)[-1]


def _needed(component: Component) -> bool:
    return any(service.kind == "llm" and service.required for service in component.services)
