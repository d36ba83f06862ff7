"""Language models behind an API: whose, through which client, and how long that waits."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from urllib.parse import urlsplit

from seatrial.kernel.values import Value
from seatrial.kernel.workload import Fact
from seatrial.profiler.detectors import guards, tables
from seatrial.profiler.detectors.constants import resolve
from seatrial.profiler.detectors.index import Index, indexes
from seatrial.profiler.detectors.llm_ids import maker, provider_of
from seatrial.profiler.part import Part
from seatrial.profiler.reach import keyword, last
from seatrial.profiler.rules import fact

# Packages whose client classes are known by their last name, and the calls of which a text says
# the provider: `init_chat_model("openai:gpt-4o")`, `litellm.completion("anthropic/claude-...")`.
_WRAPPERS = (
    "langchain", "llama_index", "haystack", "crewai", "pydantic_ai", "autogen", "smolagents",
    "agno", "phi", "langfuse", "agents", "strands", "guidance", "marvin", "ragas", "mem0",
)  # fmt: skip
_NAMED = frozenset({
    "init_chat_model", "init_embeddings", "Agent", "LM", "completion", "acompletion", "embedding",
    "aembedding", "responses", "text_completion", "from_provider", "LLM", "LiteLLM",
    "ChatLiteLLM", "LitellmModel", "LiteLLMModel", "from_litellm", "image_generation",
})  # fmt: skip
_ROUTERS = frozenset({"litellm", "dspy", "instructor", "aisuite", *_WRAPPERS})
_ADDRESS = ("base_url", "openai_api_base", "api_base", "endpoint", "azure_endpoint", "host")
_STREAMS = frozenset({
    "invoke_model_with_response_stream", "converse_stream", "generate_content_stream",
    "chat_stream", "astream_events", "stream_chat", "run_stream", "astream_chat",
})  # fmt: skip
_CREATES = frozenset({
    "create", "chat", "completion", "acompletion", "generate", "generate_content", "complete",
    "generate_content_async", "text_generation", "chat_completion", "run", "ChatCompletion",
})  # fmt: skip
STREAMS_TOLD_MAX = 5
TOLD_MAX = 10


class Sign(Value):
    """One thing in the code that speaks of a provider.

    `optional` says that it runs only when a setting asks for it, `top` that it runs when its
    module is imported; `limited` that the client has a time limit, or none that is too long.
    """

    provider: str
    how: str
    note: str
    optional: bool = False
    top: bool = False
    limited: bool = True
    file: str
    line: int


def signs(part: Part) -> tuple[Sign, ...]:
    """Everything in the component's code that speaks of a provider, clients first."""
    memo = part.source.memo.setdefault("llm.signs", {})
    if part not in memo:
        found = [sign for index in indexes(part) for sign in _signs(part, index)]
        if any(not sign.provider for sign in found):
            found = [sign for sign in found if sign.provider] + list(_routed(part))
        used = [sign for sign in found if sign.how != "import"]
        # A library that is called tells its provider itself: `OpenAI(base_url=...)`.
        called = {sign.note.split(".")[0] for sign in used}
        found = used + [
            sign for sign in found
            if sign.how == "import" and sign.note.split(".")[0] not in called
        ]  # fmt: skip
        memo[part] = tuple(found)
    result: tuple[Sign, ...] = memo[part]
    return result


def detect(part: Part) -> Iterator[Fact]:
    """Streaming, and clients that wait too long; the models are told by `llm_models`."""
    known = signs(part)
    if not known:
        return
    yield from _streams(part)
    told: set[tuple[str, str]] = set()
    for sign in known:
        if not sign.limited and (sign.file, sign.note) not in told and len(told) < TOLD_MAX:
            told.add((sign.file, sign.note))
            seconds = _timeout_s(sign.note)
            waits = f"{seconds} s a try" if seconds else "waits without end"
            yield fact("llm.no-timeout", sign.note, waits, file=sign.file, line=sign.line)


def _signs(part: Part, index: Index) -> Iterator[Sign]:
    if not index.packages:
        return
    for name, line in index.source.imports(index.path):
        provider = _imported(name)
        if provider and not index.own(name):
            yield Sign(provider=provider, how="import", note=name, file=index.path, line=line)
    speaks = any(p in _speakers() or p.startswith(_WRAPPERS) for p in index.packages)
    for call in index.of(ast.Call) if speaks else ():
        found = _called(part, index, call)
        if found is None:
            continue
        provider, note = found
        yield Sign(
            provider=provider, how="client", note=note, optional=guards.optional(index, call),
            top=index.function(call) is None, limited=_limited(index, call, note),
            file=index.path, line=call.lineno,
        )  # fmt: skip
    for text in index.strings:
        provider = _host(str(text.value))
        if provider:
            yield Sign(
                provider=provider, how="host", note="address", file=index.path, line=text.lineno,
                optional=guards.optional(index, text),
            )  # fmt: skip


@cache
def _speakers() -> frozenset[str]:
    """The top-level packages of which a call may speak of a provider."""
    names = [*tables.provider_ids("imports"), *tables.provider_ids("clients"), *_ROUTERS]
    return frozenset(name.split(".")[0] for name in (*names, "boto3", "aioboto3", "botocore"))


def _imported(name: str) -> str:
    """The provider of an imported module; '' for its types and errors only."""
    if ".types" in name or name.endswith((".error", "._exceptions")):
        return ""
    parts = name.split(".")
    for length in range(min(len(parts), 3), 0, -1):
        provider = tables.provider_ids("imports").get(".".join(parts[:length]))
        if provider:
            return provider
    return ""


def _called(part: Part, index: Index, call: ast.Call) -> tuple[str, str] | None:
    """The provider whose client a call makes or uses, and what is called."""
    name = last(call.func)
    if name in ("client", "resource", "create_client"):
        given = call.args[0] if call.args else keyword(call, "service_name")
        what = resolve(part, index, given) or ""
        if what in ("bedrock-runtime", "bedrock-agent-runtime"):
            return "bedrock", f"boto3 {what}"
    called = index.foreign(call.func)
    if not called:
        return None
    package = called.split(".")[0]
    provider = tables.provider_ids("clients").get(called)
    if provider is None and package.startswith(_WRAPPERS):
        provider = tables.provider_ids("classes").get(name)
    if provider is None and (package.startswith(_WRAPPERS) or package in _ROUTERS):
        return (_by_text(part, index, call), called) if name in _NAMED else None
    if provider is None:
        provider = _imported(called) if name[:1].islower() else None
        if not provider or ".types" in called or "." not in called:
            return None
        if package == "openai" and _is_azure(index):
            provider = "azure-openai"
        return provider, called
    return _at(part, index, call, provider), called


def _at(part: Part, index: Index, call: ast.Call, provider: str) -> str:
    """Whose a client is when it is given an address of its own."""
    if call_provider := keyword(call, "provider"):  # openai_compatible(..., provider="together")
        named = resolve(part, index, call_provider) or ""
        provider = tables.provider_ids("names").get(named, provider)
    if provider == "google" and getattr(keyword(call, "vertexai"), "value", False) is True:
        return "vertex"
    given = keyword(call, *_ADDRESS)
    if provider != "openai" or given is None:
        return provider
    text = resolve(part, index, given)
    if not text or "://" not in text:
        return provider
    return _host(text) or "openai-compatible"


def _by_text(part: Part, index: Index, call: ast.Call) -> str:
    """The provider that a text says, '' when it stands elsewhere."""
    given = resolve(part, index, keyword(call, "model_provider"))
    if given:
        return tables.provider_ids("names").get(given, "")
    first = keyword(call, "model", "model_name", "model_id") or (
        call.args[0] if call.args else None
    )
    return provider_of(resolve(part, index, first) or "")


def _routed(part: Part) -> Iterator[Sign]:
    """The providers of the ids that an app keeps elsewhere: `id="anthropic:claude-..."`."""
    for index in indexes(part):
        for node in index.strings:
            text = str(node.value)
            name = text.partition(":")[0] if ":" in text else text.partition("/")[0]
            provider = tables.provider_ids("names").get(name)
            if provider and maker(text):
                yield Sign(
                    provider=provider, how="name", note=text, file=index.path, line=node.lineno
                )


def _host(text: str) -> str:
    """The provider whose API an address leads to."""
    if not text.startswith(("http://", "https://")) or len(text) > 300:
        return ""
    try:
        place = urlsplit(text).netloc.lower()
    except ValueError:
        return ""
    for host, provider in tables.provider_ids("hosts").items():
        if place == host or (host[0] in ".-" and place.endswith(host)):
            return provider
    return ""


def _is_azure(index: Index) -> bool:
    return any(
        last(target) == "api_type" and isinstance(value, ast.Constant) and value.value == "azure"
        for target, value in index.assigned
    )


def _timeout_s(called: str) -> int | None:
    """How long a client waits for one try by its library's own doing; none when that is short."""
    if called.startswith("ollama."):
        return 0
    if called.startswith("seatrial_runtime."):
        return None  # its models have a limit of their own, and a chain a deadline
    provider = tables.provider_ids("clients").get(called)
    return tables.providers()[provider].timeout_s if provider else None


def _limited(index: Index, call: ast.Call, called: str) -> bool:
    """Whether a client stops waiting within a time that users would wait."""
    if _timeout_s(called) is None:
        return True
    if any(one.arg in (None, "timeout", "http_client", "transport") for one in call.keywords):
        return True
    # `client.with_options(timeout=...)`, `messages.create(..., timeout=...)`, `wait_for(...)`.
    return any(
        one.arg == "timeout" or last(other.func) == "wait_for"
        for other in index.of(ast.Call)
        for one in (other.keywords or [ast.keyword(arg="", value=other)])
    )


def _streams(part: Part) -> Iterator[Fact]:
    told = 0
    for index in indexes(part):
        for call in index.of(ast.Call):
            name = last(call.func)
            given = keyword(call, "stream", "streaming")
            asked = isinstance(given, ast.Constant) and given.value is True
            if name in _STREAMS or (asked and (name in _CREATES or name[:1].isupper())):
                yield fact("llm.stream", name, file=index.path, line=call.lineno)
                told += 1
                break
        if told >= STREAMS_TOLD_MAX:
            return
