"""Which language model the bill counts: the one that is stated, or the one the source names."""

from __future__ import annotations

import re

from seatrial.kernel.demand import Llm
from seatrial.kernel.platform import EVERYWHERE, Catalog
from seatrial.kernel.workload import Component

UNKNOWN = "unknown"
"""In place of a model's name where nothing says which one is called."""

SELLERS = {"vertex": "google"}
"""Providers as the profile names them, where the price list has another name."""

_PROFILE = re.compile(r"^(?:(us|eu|apac|jp|au|global)\.)?[a-z0-9]+\.(?=[a-z])")
_TAIL = re.compile(r"(?:[-@]\d{8})?(?:-v\d+(?::\d+)?)?$")
CHAIN = " -> "


def model_of(components: tuple[Component, ...], llm: Llm, catalog: Catalog) -> str:
    """The model of the catalogue that the bill counts; `UNKNOWN` when that cannot be told.

    Of a chain of fallbacks it is the first one, which answers unless it fails. An app that names
    several models without saying which one it tries first has to be told by `[llm] model`.
    """
    if llm.model:
        return llm.model
    found = [fact for component in components for fact in component.facts]
    chains = [fact.value.split(CHAIN)[0] for fact in found if fact.rule == "llm.fallback"]
    named = chains or [fact.subject for fact in found if fact.rule == "llm.model"]
    service = next(
        (s for s in catalog.services if s.kind == "llm" and s.provider == EVERYWHERE), None
    )
    known = service.choices.get("model", ()) if service else ()
    sellers = {s.provider for c in components for s in c.services if s.kind == "llm"}
    models = {model for name in dict.fromkeys(named) if (model := _known(name, sellers, known))}
    return models.pop() if len(models) == 1 else UNKNOWN


def _known(name: str, sellers: set[str], known: tuple[str, ...]) -> str:
    """The catalogue's name of a model that the source names; empty when it has none.

    `us.anthropic.claude-haiku-4-5-20251001-v1:0` is `bedrock/claude-haiku-4-5`.
    """
    plain = re.split(r"[/:](?=[a-z])", name)[-1]
    profile = _PROFILE.match(plain)
    found = []
    for seller in sorted(sellers):
        place, model = SELLERS.get(seller, seller), plain
        if seller == "bedrock" and profile:
            place = "bedrock-global" if profile[1] == "global" else seller
            model = plain[profile.end() :]
        bare = _TAIL.sub("", model)
        found += [one for one in (f"{place}/{model}", f"{place}/{bare}", f"{place}/{bare}-latest")
                  if one in known][:1]  # fmt: skip
    return found[0] if len(found) == 1 else ""
