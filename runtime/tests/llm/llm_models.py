"""Models that ask the stand-in, one of each kind, and the four ways to ask a chain."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from stand_in import StandIn

from seatrial_runtime.llm.anthropic import anthropic
from seatrial_runtime.llm.bedrock import bedrock
from seatrial_runtime.llm.course import Answer
from seatrial_runtime.llm.fallback import Fallback
from seatrial_runtime.llm.model import Model
from seatrial_runtime.llm.openai_compatible import openai_compatible

KEY = "sk-test-0123456789abcdef"
KINDS = ("bedrock", "anthropic", "openai")


def model(kind: str, name: str, server: StandIn, **more: Any) -> Model:
    if kind == "bedrock":
        made = bedrock(name, region="us-east-1", endpoint_url=server.url, **more)
        made._client()  # So that short time limits are not spent on making it.
        return made
    if kind == "anthropic":
        return anthropic(name, key=KEY, base_url=server.url, **more)
    return openai_compatible(name, key=KEY, base_url=f"{server.url}/v1", **more)


def _ask(chain: Fallback, question: Any, **settings: Any) -> Answer:
    return chain.ask(question, **settings)


def _ask_async(chain: Fallback, question: Any, **settings: Any) -> Answer:
    return asyncio.run(chain.ask_async(question, **settings))


def _stream(chain: Fallback, question: Any, **settings: Any) -> Answer:
    with chain.stream(question, **settings) as stream:
        text = "".join(stream)
    assert text == stream.answer.text
    return stream.answer


def _stream_async(chain: Fallback, question: Any, **settings: Any) -> Answer:
    async def run() -> Answer:
        async with await chain.stream_async(question, **settings) as stream:
            text = "".join([piece async for piece in stream])
        assert text == stream.answer.text
        return stream.answer

    return asyncio.run(run())


Way = Callable[..., Answer]
WAYS = {"ask": _ask, "ask_async": _ask_async, "stream": _stream, "stream_async": _stream_async}
every_way = pytest.mark.parametrize("way", WAYS.values(), ids=WAYS.keys())
every_kind = pytest.mark.parametrize("kind", KINDS)
