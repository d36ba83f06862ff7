"""A provider of language models on a real socket, for tests: it answers, or fails as it is told.

    python stand_in.py --port 0          prints {"port": ...} and serves until it is ended

It speaks Bedrock's Converse (`/model/ID/converse` and `/converse-stream`), Anthropic's Messages
(`/v1/messages`) and OpenAI's Chat Completions (`/v1/chat/completions`), plain and streamed.

POST /_script {"MODEL": [STEP, ...]} tells what a model does, call by call; the last step stays,
and "*" stands for every model without a script of its own. A step is a name, or {"do": name, ...}:

    ok            answers; "text" is what, else it quotes the question
    slow          answers after "seconds" (0.5); streamed: so long between words
    throttle      429; "retry_after_s" is told when given
    error         500, or "status"
    bad           400: the request is at fault
    denied        403
    hang          accepts, then is silent until the server ends
    malformed     200 and half a JSON object
    cut           streamed: breaks off after the first words; plain: in the middle of the body

GET /_calls lists what was asked; POST /_reset forgets scripts and calls.
"""

import argparse
import binascii
import json
import re
import struct
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote

_CONVERSE = re.compile(r"/model/([^/]+)/(converse|converse-stream)")
# The name of a failure in each dialect, as the providers send it.
_AWS_ERRORS = {
    429: "ThrottlingException",
    400: "ValidationException",
    403: "AccessDeniedException",
    503: "ServiceUnavailableException",
}
_STATUS = {"throttle": 429, "error": 500, "bad": 400, "denied": 403}


class StandIn(ThreadingHTTPServer):
    """The server. `script`, `calls` and `reset` are what the `/_` paths do, for use in-process."""

    daemon_threads = True

    def __init__(self, port: int = 0) -> None:
        super().__init__(("127.0.0.1", port), _Handler)
        self.calls: list[dict[str, Any]] = []
        self.ended = threading.Event()
        self._scripts: dict[str, list[Any]] = {}
        self._turn: dict[str, int] = {}
        self._lock = threading.Lock()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def script(self, steps: dict[str, list[Any]]) -> None:
        with self._lock:
            self._scripts.update(steps)
            for model in steps:
                self._turn.pop(model, None)

    def reset(self) -> None:
        with self._lock:
            self._scripts.clear()
            self._turn.clear()
            self.calls.clear()

    def asked(self, model: str) -> int:
        return sum(call["model"] == model for call in self.calls)

    def step(self, model: str, call: dict[str, Any]) -> dict[str, Any]:
        with self._lock:
            self.calls.append(call)
            steps = self._scripts.get(model) or self._scripts.get("*") or ["ok"]
            turn = self._turn.get(model, 0)
            self._turn[model] = turn + 1
        step = steps[min(turn, len(steps) - 1)]
        return step if isinstance(step, dict) else {"do": step}

    def start(self) -> "StandIn":
        threading.Thread(target=self.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def end(self) -> None:
        self.ended.set()
        self.shutdown()
        self.server_close()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: StandIn

    def log_message(self, format: str, *args: object) -> None:
        pass

    def do_GET(self) -> None:
        self._json(200, self.server.calls)

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers.get("Content-Length") or 0)) or b"{}")
        if self.path == "/_script":
            self.server.script(body)
            return self._json(200, {})
        if self.path == "/_reset":
            self.server.reset()
            return self._json(200, {})
        match = _CONVERSE.fullmatch(self.path)
        if match:
            dialect, model, streamed = "bedrock", unquote(match[1]), match[2] != "converse"
        elif self.path.endswith("/chat/completions"):
            dialect, model, streamed = "openai", str(body.get("model")), bool(body.get("stream"))
        elif self.path.endswith("/v1/messages"):
            dialect, model, streamed = "anthropic", str(body.get("model")), bool(body.get("stream"))
        else:
            return self._json(404, {"message": "no such path"})
        key = self.headers.get("x-api-key") or self.headers.get("Authorization") or ""
        step = self.server.step(
            model,
            {"dialect": dialect, "model": model, "key": key, "stream": streamed, "body": body},
        )
        self._play(dialect, model, streamed, step, body)

    def _play(
        self, dialect: str, model: str, streamed: bool, step: dict[str, Any], body: Any
    ) -> None:
        do = step["do"]
        if do == "hang":
            self.close_connection = True
            self.server.ended.wait(120)
            return
        if do in _STATUS:
            return self._fail(dialect, int(step.get("status", _STATUS[do])), step)
        if do == "malformed":
            return self._raw(200, b'{"output": {"mess', "application/json")
        text = str(step.get("text") or f"{model} heard: {_question(dialect, body)[:200]}")
        pause_s = float(step.get("seconds", 0.5)) if do == "slow" else 0.0
        if streamed:
            return self._stream(dialect, model, text, pause_s, cut=do == "cut")
        if pause_s and self.server.ended.wait(pause_s):
            return
        whole = json.dumps(_whole(dialect, model, text, _tokens(dialect, body))).encode()
        if do == "cut":
            self._head(200, "application/json", len(whole))
            self.wfile.write(whole[: len(whole) // 2])
            self.close_connection = True
            return
        self._raw(200, whole, "application/json")

    def _fail(self, dialect: str, status: int, step: dict[str, Any]) -> None:
        words = str(step.get("text") or f"told to fail with {status}")
        more = {}
        if "retry_after_s" in step:
            more["Retry-After"] = str(step["retry_after_s"])
        if dialect == "bedrock":
            kind = _AWS_ERRORS.get(status, "InternalServerException")
            more["x-amzn-ErrorType"] = kind
            return self._json(status, {"message": words}, more)
        self._json(status, {"type": "error", "error": {"type": "error", "message": words}}, more)

    def _stream(self, dialect: str, model: str, text: str, pause_s: float, cut: bool) -> None:
        aws = dialect == "bedrock"
        self.send_response(200)
        kind = "application/vnd.amazon.eventstream" if aws else "text/event-stream"
        self.send_header("Content-Type", kind)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        words = re.findall(r"\S+\s*", text)
        for number, chunk in enumerate(_pieces(dialect, words)):
            if cut and number == 3:
                self.close_connection = True
                return
            if pause_s and self.server.ended.wait(pause_s):
                return
            try:
                self.wfile.write(f"{len(chunk):x}\r\n".encode() + chunk + b"\r\n")
            except OSError:  # The caller has gone; a stream may be left at any time.
                self.close_connection = True
                return
        self.wfile.write(b"0\r\n\r\n")

    def _json(self, status: int, body: object, headers: dict[str, str] | None = None) -> None:
        self._raw(status, json.dumps(body).encode(), "application/json", headers)

    def _raw(
        self, status: int, body: bytes, kind: str, headers: dict[str, str] | None = None
    ) -> None:
        self._head(status, kind, len(body), headers)
        self.wfile.write(body)

    def _head(
        self, status: int, kind: str, length: int, headers: dict[str, str] | None = None
    ) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(length))
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.end_headers()


def _plain(content: Any) -> str:
    if isinstance(content, str):
        return content
    return " ".join(part.get("text", "") for part in content)


def _question(dialect: str, body: Any) -> str:
    return _plain(body["messages"][-1]["content"])


def _tokens(dialect: str, body: Any) -> int:
    """Words of the whole question: plain to reckon with in a test."""
    return sum(len(_plain(message["content"]).split()) for message in body["messages"])


def _whole(dialect: str, model: str, text: str, asked: int) -> dict[str, Any]:
    said = len(text.split())
    if dialect == "bedrock":
        return {
            "output": {"message": {"role": "assistant", "content": [{"text": text}]}},
            "stopReason": "end_turn",
            "usage": {"inputTokens": asked, "outputTokens": said, "totalTokens": asked + said},
            "metrics": {"latencyMs": 1},
        }
    if dialect == "anthropic":
        return {
            "type": "message",
            "role": "assistant",
            "model": model,
            "content": [{"type": "text", "text": text}],
            "stop_reason": "end_turn",
            "usage": {"input_tokens": asked, "output_tokens": said},
        }
    message = {"role": "assistant", "content": text}
    return {
        "object": "chat.completion",
        "model": model,
        "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": asked, "completion_tokens": said},
    }


def _pieces(dialect: str, words: list[str]) -> Iterator[bytes]:
    said = len(words)
    if dialect == "bedrock":
        yield _aws_event("messageStart", {"role": "assistant"})
        for word in words:
            yield _aws_event("contentBlockDelta", {"delta": {"text": word}, "contentBlockIndex": 0})
        yield _aws_event("contentBlockStop", {"contentBlockIndex": 0})
        yield _aws_event("messageStop", {"stopReason": "end_turn"})
        usage = {"inputTokens": 1, "outputTokens": said, "totalTokens": 1 + said}
        yield _aws_event("metadata", {"usage": usage, "metrics": {"latencyMs": 1}})
    elif dialect == "anthropic":
        usage = {"input_tokens": 1, "output_tokens": 1}
        yield _sse({"type": "message_start", "message": {"role": "assistant", "usage": usage}})
        for word in words:
            delta = {"type": "text_delta", "text": word}
            yield _sse({"type": "content_block_delta", "index": 0, "delta": delta})
        end = {"stop_reason": "end_turn"}
        yield _sse({"type": "message_delta", "delta": end, "usage": {"output_tokens": said}})
        yield _sse({"type": "message_stop"})
    else:
        yield _sse({"choices": [{"index": 0, "delta": {"role": "assistant", "content": ""}}]})
        for word in words:
            yield _sse({"choices": [{"index": 0, "delta": {"content": word}}]})
        yield _sse({"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]})
        yield _sse({"choices": [], "usage": {"prompt_tokens": 1, "completion_tokens": said}})
        yield b"data: [DONE]\n\n"


def _sse(event: dict[str, Any]) -> bytes:
    name = f"event: {event['type']}\n" if "type" in event else ""
    return (name + "data: " + json.dumps(event) + "\n\n").encode()


def _aws_event(name: str, payload: dict[str, Any]) -> bytes:
    """One message of Amazon's event stream: lengths, checksums, headers, payload."""
    headers = b""
    for key, value in (
        (":event-type", name),
        (":content-type", "application/json"),
        (":message-type", "event"),
    ):
        headers += bytes([len(key)]) + key.encode() + b"\x07"
        headers += struct.pack(">H", len(value)) + value.encode()
    body = json.dumps(payload).encode()
    head = struct.pack(">II", 16 + len(headers) + len(body), len(headers))
    message = head + struct.pack(">I", binascii.crc32(head)) + headers + body
    return message + struct.pack(">I", binascii.crc32(message))


def main() -> None:
    parser = argparse.ArgumentParser(description="A provider of language models for tests")
    parser.add_argument("--port", type=int, default=0)
    server = StandIn(parser.parse_args().port)
    print(json.dumps({"port": server.server_address[1]}), flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
