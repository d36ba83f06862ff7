"""How long a request may wait for others, by what the app's source says."""

from __future__ import annotations

import re
from typing import NamedTuple

from seatrial.kernel.workload import Component, Fact, Proof

LIBRARY_TRIES_S = {"openai": (600.0, 3), "anthropic": (600.0, 3), "boto3": (60.0, 5)}
"""Seconds a try and tries of clients that are given no limit: the READMEs of openai-python and
anthropic-sdk-python (2026-11), botocore's Config (`read_timeout`, 5 attempts in legacy mode)."""

_CALLS = ("time.llm-call", "time.llm-awaited")
_SECONDS = re.compile(r"=(\d{1,9}(?:\.\d+)?)$")
_ATTEMPTS = re.compile(r"(\d{1,4}) attempts")
_BETWEEN = re.compile(r"at most ([\d.]+) s between")
_HANDLER = re.compile(r"in (.+?\(\))(?:, reached from (.+?\(\)))?")


class Waiting(NamedTuple):
    """The longest time that one call of a handler may hold a request."""

    seconds: float
    sentence: str
    proof: Proof


def waits(component: Component) -> tuple[Waiting, ...]:
    """Calls of language models whose longest time is known, the longest first.

    Tries times their limit, times the models that are tried one after the other, and the pauses
    between. Calls that no handler was seen to reach are not counted, nor limits of zero.
    """
    found = [
        waiting
        for fact in component.facts
        if fact.rule in _CALLS and fact.confidence >= 1
        if (waiting := _waiting(component.facts, fact)) is not None
    ]
    return tuple(sorted(found, key=lambda w: (-w.seconds, w.proof.file, w.proof.line)))


def _waiting(facts: tuple[Fact, ...], call: Fact) -> Waiting | None:
    near = [fact for fact in facts if fact.proof.file == call.proof.file]
    library = call.subject.split(" ")[0]
    limits = [
        float(match[1])
        for fact in near
        if fact.rule == "time.timeout-configured" and fact.subject.split(" ")[0] == library
        if (match := _SECONDS.search(fact.value))
    ]
    usual, tries = LIBRARY_TRIES_S.get(library, (0.0, 1))
    seconds = max(limits, default=usual)
    if seconds <= 0:
        return None
    pauses = 0.0
    for fact in near:
        if fact.rule == "time.retries" and (match := _ATTEMPTS.search(fact.value)):
            tries *= int(match[1])
            between = _BETWEEN.search(fact.value)
            pauses += float(between[1]) if between else 0.0
    chain = max(
        (len(fact.value.split(" -> ")) for fact in near if fact.rule == "llm.fallback"), default=1
    )
    if any(fact.value.startswith("deadline_s=") for fact in near):
        chain = 1  # one limit is over the whole chain
    total = chain * (seconds * tries + pauses)
    handler = _HANDLER.search(call.value)
    name = (handler[2] or handler[1]) if handler else "a handler"
    models = f"{chain} models x " if chain > 1 else ""
    sentence = (
        f"handler {name} waits on {call.subject} up to {spoken(total)} ({call.proof}): "
        f"{models}{tries} tries x {seconds:g} s"
    )
    return Waiting(total, sentence, call.proof)


def spoken(seconds: float) -> str:
    """A time as people say it."""
    if seconds >= 7200:
        return f"{seconds / 3600:.3g} h"
    return f"{seconds / 60:.3g} min" if seconds >= 120 else f"{seconds:.3g} s"
