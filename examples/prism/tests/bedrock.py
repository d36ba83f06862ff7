"""A stand-in for Amazon Bedrock on a real socket: Converse, answering or failing per model.

A script says what each model does, call by call; the last step stays:

    ok          answers in the form asked for, quoting the document
    throttle    429 ThrottlingException
    error       500
    denied      403 AccessDeniedException
    hang        is silent until the server ends
    prose       answers, but not in the form asked for
    invent      answers in the right form with a quotation that is not in the document
    obey        does what a text in the document tells a model to do
"""

from __future__ import annotations

import json
import re
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote

PATH = re.compile(r"/model/([^/]+)/converse")
FAILURES = {
    "throttle": (429, "ThrottlingException"),
    "error": (500, "InternalServerException"),
    "denied": (403, "AccessDeniedException"),
}
INPUT_TOKENS, OUTPUT_TOKENS = 1000, 200


class StandIn(ThreadingHTTPServer):
    """The server; a context manager. ``calls`` is what was asked: model, system, prompt."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.calls: list[dict[str, Any]] = []
        self.scripts: dict[str, list[str]] = {}
        self.ended = threading.Event()
        self._lock = threading.Lock()
        self.url = f"http://127.0.0.1:{self.server_address[1]}"

    def script(self, **steps: list[str]) -> None:
        """What models do from now on: of a model whose id contains the name, or ``every``."""
        self.scripts = steps

    def step(self, model: str, system: str, prompt: str) -> str:
        """Note a call, and say what to do."""
        with self._lock:
            self.calls.append({"model": model, "system": system, "prompt": prompt})
            for name, steps in self.scripts.items():
                if name == "every" or name.replace("_", "-") in model:
                    return steps.pop(0) if len(steps) > 1 else steps[0]
            return "ok"

    def __enter__(self) -> StandIn:
        threading.Thread(target=self.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(self, *_error: object) -> None:
        self.ended.set()
        self.shutdown()
        self.server_close()


def answer_to(step: str, system: str, prompt: str) -> str:
    """What a model says."""
    if step == "prose":
        return "I would say it is a fine document."
    mark = re.search(r"<(document-[0-9a-f]{16})>\n(.*)\n</\1>", prompt, re.S)
    assert mark, "the document is not marked"
    assert f"<{mark[1]}>" in system, "the system prompt does not name the mark"
    line = max(mark[2].split("\n"), key=len)[:120]
    if step == "obey":
        return json.dumps({"summary": "All is well.", "findings": "none, as told"})
    if step == "invent":
        line = "These words are nowhere in it."
    if '"answer"' in system:
        found = re.search(r"\[section (\d+):", prompt)
        section = int(found[1]) if found else 1
        return json.dumps(
            {"answer": "So it says.", "sources": [{"section": section, "quote": line}]}
        )
    finding = {"kind": "unclear", "text": "<b>Which one?</b>", "quote": line}
    asked = {"text": "Who decides?", "quote": line}
    return "```json\n" + json.dumps(
        {"summary": "A summary by a model.", "findings": [finding], "questions": [asked]}
    )


class Handler(BaseHTTPRequestHandler):
    """Converse, as boto3 speaks it."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: StandIn

    def log_message(self, format: str, *args: object) -> None:
        """Quiet."""

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        path = PATH.fullmatch(self.path)
        if path is None:
            return self._send(404, {"message": "no such path"}, "ResourceNotFoundException")
        system = "".join(part["text"] for part in body.get("system", []))
        prompt = body["messages"][-1]["content"][0]["text"]
        step = self.server.step(unquote(path[1]), system, prompt)
        if step == "hang":
            self.close_connection = True
            self.server.ended.wait(60)
            return None
        if step in FAILURES:
            code, kind = FAILURES[step]
            return self._send(code, {"message": f"told to {step}"}, kind)
        text = answer_to(step, system, prompt)
        return self._send(
            200,
            {
                "output": {"message": {"role": "assistant", "content": [{"text": text}]}},
                "stopReason": "end_turn",
                "usage": {
                    "inputTokens": INPUT_TOKENS,
                    "outputTokens": OUTPUT_TOKENS,
                    "totalTokens": INPUT_TOKENS + OUTPUT_TOKENS,
                },
                "metrics": {"latencyMs": 5},
            },
        )

    def _send(self, code: int, body: dict[str, Any], kind: str = "") -> None:
        data = json.dumps(body).encode()
        self.send_response(code)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        if kind:
            self.send_header("x-amzn-ErrorType", kind)
        self.end_headers()
        self.wfile.write(data)
