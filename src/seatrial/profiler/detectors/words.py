"""What the name of a container says about what it holds."""

from __future__ import annotations

import ast
import re

from seatrial.profiler.part import Part
from seatrial.profiler.scopes import Klass

_WORD = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])")

CACHES = frozenset({"cache", "cached", "memo", "memoized", "lookup", "prefetched", "warm"})
CONNECTIONS = frozenset({
    "connection", "connected", "websocket", "socket", "ws", "subscriber", "listener", "viewer",
    "peer",
})  # fmt: skip
SOCKETS = frozenset({
    "websocket", "ws", "socket", "WebSocket", "Queue", "WebSocketResponse",
})  # fmt: skip
"""What is put in: a connection, or the queue that one is served from."""
CHATS = frozenset({
    "chat", "conversation", "history", "message", "memory", "dialog", "dialogue", "thread",
    "transcript", "turn", "context",
})  # fmt: skip
TURNS = frozenset({"role", "chat", "conversation", "message"})
"""What is put in: a turn of a conversation, or an object that keeps them."""
COUNTS = frozenset({
    "metric", "stat", "statistic", "count", "counter", "hit", "latency", "timing", "duration",
    "usage", "total", "histogram", "telemetry", "error", "log", "event", "recent",
})  # fmt: skip
LIMITS = frozenset({"ratelimit", "throttle", "attempt", "limiter", "limit", "quota"})
RATES = frozenset({"ratelimit", "throttle", "limiter", "cooldown", "throttled"})
CLOCKS = frozenset({"time", "now", "monotonic", "utcnow", "perf_counter"})
"""What is put in: the moment when something was last done."""
IDS = frozenset({"id", "ids", "seq", "sequence", "next", "number"})
ONCE = frozenset({
    "client", "engine", "pool", "instance", "lock", "model", "provider", "factory", "logger",
    "tracer", "registry", "handler", "loaded", "plugin", "semaphore", "pipeline", "executor",
})  # fmt: skip
"""Things made once for each process, which may as well be made again."""
DATA = frozenset({
    "session", "user", "job", "task", "order", "cart", "room", "game", "player", "todo", "item",
    "booking", "store", "db", "database", "result", "report", "upload", "file", "document",
    "history", "token", "otp", "conversation", "message", "chat", "state", "pending", "progress",
    "status", "note", "post", "comment", "vote", "account", "record", "queue",
})  # fmt: skip
SETUP = (
    "init", "load", "setup", "start", "create", "configure", "ensure", "connect", "shutdown",
    "close", "get_", "stop", "warm", "reset", "lifespan", "make", "build", "initialize", "teardown",
    "bootstrap", "prepare",
)  # fmt: skip

CHORES = frozenset({
    "heart", "beat", "heartbeat", "cleanup", "clean", "cleaner", "reap", "reaper", "expire",
    "expiry", "expiration", "evict", "gc", "keepalive", "watchdog", "monitor", "ping", "flush",
    "idle", "health", "metric", "refresh", "prune", "purge", "reload", "sweep", "janitor",
    "watch", "decay", "alive",
})  # fmt: skip
"""Loops that look after their own process, and do so in each."""

_KEEPERS = frozenset({"store", "storage", "backend", "repository", "registry", "manager"})
_MODELS = (
    "openai", "anthropic", "langchain", "langchain_openai", "langchain_community", "langgraph",
    "langchain_core", "langchain_anthropic", "cohere", "google", "mistralai", "ollama", "groq",
    "together", "litellm", "llama_index", "transformers", "boto3", "vertexai", "chainlit",
    "huggingface_hub", "pydantic_ai", "agents", "langchain_google_genai", "langchain_aws",
    "llama_cpp", "replicate", "crewai", "autogen", "semantic_kernel", "haystack", "dspy",
)  # fmt: skip


def words(name: str) -> frozenset[str]:
    """The words of a name, small and in the singular: `activeSessions` is active, session."""
    found = (word.lower() for word in _WORD.findall(name))
    return frozenset(
        word[:-3] + "y" if word.endswith("ies") and len(word) > 4
        else word[:-1] if word.endswith("s") and not word.endswith(("ss", "us"))
        and len(word) > 2 and word not in ("ws", "ids") else word
        for word in found
    )  # fmt: skip


def keeps_sessions(part: Part, klass: Klass) -> bool:
    """Whether a class keeps visitors' sessions: a store, by its name, of sessions, by its name or
    by what is written above it or its module."""
    named = words(klass.name)
    if not named & _KEEPERS:
        return False
    if "session" in named:
        return True
    tree = part.source.tree(klass.path)
    texts = [ast.get_docstring(klass.node) or "", (tree and ast.get_docstring(tree)) or ""]
    return any("session" in words(text.strip().partition("\n")[0][:200]) for text in texts)


def speaks_with_a_model(part: Part) -> bool:
    """Whether the app uses a language model, so that messages are a conversation."""
    return part.imports(*_MODELS)
