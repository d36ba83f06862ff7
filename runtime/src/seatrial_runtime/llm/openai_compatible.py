"""The Chat Completions API, as OpenAI made it and many others speak it."""

import json
from dataclasses import dataclass
from typing import Any

from seatrial_runtime.llm.errors import of_status
from seatrial_runtime.llm.http_model import HttpModel, Reader
from seatrial_runtime.llm.keys import key_of
from seatrial_runtime.llm.model import End, Prompt, Reply
from seatrial_runtime.llm.prices import Usage


@dataclass(frozen=True)
class Provider:
    """Where one speaks it, and how its dialect differs."""

    base_url: str
    variables: tuple[str, ...]
    max_tokens_field: str = "max_tokens"
    asks_usage: bool = True
    """Whether a stream tells its tokens only when asked to by `stream_options`."""


PROVIDERS = {
    # platform.openai.com/docs/api-reference/chat: newer models refuse max_tokens.
    "openai": Provider(
        "https://api.openai.com/v1", ("OPENAI_API_KEY",), max_tokens_field="max_completion_tokens"
    ),
    # docs.together.ai/docs/inference/openai-compatibility
    "together": Provider("https://api.together.ai/v1", ("TOGETHER_API_KEY",)),
    # docs.cohere.com/docs/compatibility-api; it refuses stream_options.
    "cohere": Provider(
        "https://api.cohere.ai/compatibility/v1", ("COHERE_API_KEY", "CO_API_KEY"), asks_usage=False
    ),
}


class OpenaiCompatible(HttpModel):
    """See `openai_compatible`."""

    provider: Provider

    def headers(self, key: str) -> dict[str, str]:
        return {"authorization": f"Bearer {key}"} if key else {}

    def body(self, prompt: Prompt, stream: bool) -> dict[str, Any]:
        messages = [{"role": m.role, "content": m.text} for m in prompt.messages]
        if prompt.system:
            messages.insert(0, {"role": "system", "content": prompt.system})
        body: dict[str, Any] = {
            "model": self.name,
            "messages": messages,
            self.provider.max_tokens_field: prompt.max_tokens,
        }
        if prompt.temperature is not None:
            body["temperature"] = prompt.temperature
        if stream:
            body["stream"] = True
            if self.provider.asks_usage:
                body["stream_options"] = {"include_usage": True}
        return body

    def reply(self, data: dict[str, Any]) -> Reply:
        choice = data["choices"][0]
        message = choice["message"]
        text = message.get("content")
        if text is None:
            text = message["refusal"]
        return Reply(str(text), _usage(data.get("usage")), str(choice.get("finish_reason") or ""))

    def reader(self) -> Reader:
        return _Reader()


class _Reader(Reader):
    def __init__(self) -> None:
        self._usage: Any = None
        self._stop_reason = ""

    def feed(self, data: str) -> str:
        if data == "[DONE]":
            self.end = End(_usage(self._usage), self._stop_reason)
            return ""
        event = json.loads(data)
        if "error" in event:
            told = event["error"]
            code = told.get("code")
            raise of_status(code if isinstance(code, int) else 500, str(told.get("message", "")))
        self._usage = event.get("usage") or self._usage
        text = ""
        for choice in event.get("choices", ())[:1]:
            delta = choice.get("delta") or {}
            text = delta.get("content") or delta.get("refusal") or ""
            self._stop_reason = str(choice.get("finish_reason") or self._stop_reason)
        if self._stop_reason:
            # Some end without [DONE]; what may still come is the count of tokens.
            self.end = End(_usage(self._usage), self._stop_reason)
        return str(text)


def _usage(counts: Any) -> Usage:
    if not isinstance(counts, dict):
        return Usage()
    asked = counts.get("prompt_tokens")
    cached = (counts.get("prompt_tokens_details") or {}).get("cached_tokens") or 0
    return Usage(
        # They count what came from the cache as prompt too.
        input_tokens=None if asked is None else asked - cached,
        output_tokens=counts.get("completion_tokens"),
        cache_read_tokens=cached,
    )


def openai_compatible(
    model: str,
    *,
    provider: str = "openai",
    base_url: str = "",
    key: str | None = None,
    options: dict[str, Any] | None = None,
    **more: Any,
) -> OpenaiCompatible:
    """A model of a provider of PROVIDERS, or of any server at `base_url` (vLLM, Ollama, ...),
    which may need no key.

    The key is `key`, else the provider's variable: OPENAI_API_KEY, TOGETHER_API_KEY or
    COHERE_API_KEY. `options` are added to the body of each request; the rest is as for `Model`.
    """
    if provider not in PROVIDERS:
        raise ValueError(f"provider {provider!r}: one of {', '.join(PROVIDERS)}, or give base_url=")
    known = PROVIDERS[provider]
    if base_url:
        # The key of a known provider is not sent to an address that is not its own.
        known = Provider(
            base_url,
            (),
            known.max_tokens_field if provider != "openai" else "max_tokens",
            known.asks_usage,
        )
    url = f"{known.base_url.rstrip('/')}/chat/completions"
    held = key_of(key, known.variables, needed=not base_url)
    made = OpenaiCompatible(model, url, held, options or {}, **more)
    made.provider = known
    return made
