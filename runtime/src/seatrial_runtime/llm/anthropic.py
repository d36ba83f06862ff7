"""Anthropic's Messages API."""

import json
from typing import Any

from seatrial_runtime.llm.errors import LlmError, Unavailable, of_status
from seatrial_runtime.llm.http_model import HttpModel, Reader
from seatrial_runtime.llm.keys import key_of
from seatrial_runtime.llm.model import End, Prompt, Reply
from seatrial_runtime.llm.prices import Usage

VERSION = "2023-06-01"
# What an error inside a stream would have been as a status.
_STATUS = {
    "rate_limit_error": 429,
    "overloaded_error": 529,
    "api_error": 500,
    "timeout_error": 504,
    "invalid_request_error": 400,
    "request_too_large": 413,
    "authentication_error": 401,
    "permission_error": 403,
    "not_found_error": 404,
}


class Anthropic(HttpModel):
    """See `anthropic`."""

    def headers(self, key: str) -> dict[str, str]:
        return {"x-api-key": key, "anthropic-version": VERSION}

    def body(self, prompt: Prompt, stream: bool) -> dict[str, Any]:
        body: dict[str, Any] = {
            "model": self.name,
            "max_tokens": prompt.max_tokens,
            "messages": [{"role": m.role, "content": m.text} for m in prompt.messages],
        }
        if prompt.system:
            body["system"] = prompt.system
        if prompt.temperature is not None:
            body["temperature"] = prompt.temperature
        if stream:
            body["stream"] = True
        return body

    def reply(self, data: dict[str, Any]) -> Reply:
        text = "".join(part["text"] for part in data["content"] if part["type"] == "text")
        return Reply(text, _usage(data.get("usage") or {}), str(data.get("stop_reason") or ""))

    def reader(self) -> Reader:
        return _Reader()


class _Reader(Reader):
    def __init__(self) -> None:
        self._counts: dict[str, Any] = {}
        self._stop_reason = ""

    def feed(self, data: str) -> str:
        event = json.loads(data)
        kind = event["type"]
        if kind == "content_block_delta":
            return str(event["delta"].get("text", ""))
        if kind == "message_start":
            self._counts.update(event["message"].get("usage") or {})
        elif kind == "message_delta":
            self._counts.update(event.get("usage") or {})
            self._stop_reason = str(event["delta"].get("stop_reason") or "")
        elif kind == "message_stop":
            self.end = End(_usage(self._counts), self._stop_reason)
        elif kind == "error":
            raise _told(event["error"])
        return ""


def _told(error: dict[str, Any]) -> LlmError:
    status = _STATUS.get(str(error.get("type")))
    detail = str(error.get("message", ""))
    return of_status(status, detail) if status else Unavailable(detail)


def _usage(counts: dict[str, Any]) -> Usage:
    return Usage(
        input_tokens=counts.get("input_tokens"),
        output_tokens=counts.get("output_tokens"),
        cache_read_tokens=counts.get("cache_read_input_tokens") or 0,
        cache_write_tokens=counts.get("cache_creation_input_tokens") or 0,
    )


def anthropic(
    model: str,
    *,
    key: str | None = None,
    base_url: str = "https://api.anthropic.com",
    options: dict[str, Any] | None = None,
    **more: Any,
) -> Anthropic:
    """A model of Anthropic's own API; the key is `key`, else ANTHROPIC_API_KEY.

    `options` are added to the body of each request; the rest is as for `Model`.
    """
    url = f"{base_url.rstrip('/')}/v1/messages"
    return Anthropic(model, url, key_of(key, ("ANTHROPIC_API_KEY",)), options or {}, **more)
