"""One JSON object a line: the only way this package writes to stdout and stderr once it runs."""

import functools
import json
import os
import re
import uuid
from datetime import datetime, timezone

STDOUT, STDERR = 1, 2

_SECRET_NAME = re.compile(
    r"secret|token|passw|passphrase|credential|api_?key|access_?key|private_?key|_dsn$|_key$", re.I
)
_URL_PASSWORD = re.compile(r"(?<=://)([^\s/@:]*):([^\s/@]+)@")
_QUERY = re.compile(r"\?[^\s'\"]+")
_REQUEST_ID = re.compile(r"[A-Za-z0-9._:/+=-]{1,128}")
_MAX_PATH_CHARS = 2048
_MIN_SECRET_CHARS = 6  # Shorter values ("1", "true") would blank out innocent text.


@functools.cache
def _secret_values() -> tuple[str, ...]:
    found = {
        value
        for name, value in os.environ.items()
        if _SECRET_NAME.search(name) and len(value) >= _MIN_SECRET_CHARS
    }
    for value in os.environ.values():
        found.update(match[1] for match in _URL_PASSWORD.findall(value))
    # Longest first, so that a secret which contains another is removed whole.
    return tuple(sorted((v for v in found if len(v) >= _MIN_SECRET_CHARS), key=len, reverse=True))


def redact(text: str) -> str:
    """`text` without secret environment values, URL passwords and query strings."""
    for value in _secret_values():
        text = text.replace(value, "[redacted]")
    text = _URL_PASSWORD.sub(r"\1:[redacted]@", text)
    return _QUERY.sub("?[redacted]", text)


def emit(level: str, event: str, *, stream: int = STDERR, **fields: object) -> None:
    """Write one event; `level` is info, warning or error. Text is redacted, None left out."""
    record: dict[str, object] = {
        "timestamp": datetime.now(timezone.utc).isoformat(timespec="milliseconds")[:-6] + "Z",
        "level": level,
        "event": event,
    }
    for name, value in fields.items():
        if value is not None:
            record[name] = redact(value) if isinstance(value, str) else value
    line = json.dumps(record, separators=(",", ":"), default=str).encode() + b"\n"
    try:
        # One write a line, past Python's buffers: lines of several processes do not mix.
        while line:
            line = line[os.write(stream, line) :]
    except OSError:
        # A full disk or a closed pipe under the log must not stop the app from serving.
        return


def emit_request(
    method: str | None, path: str, status: int | None, duration_s: float, request_id: str
) -> None:
    """Write one finished request. The query string is left out: it may hold a token."""
    emit(
        "info",
        "request",
        stream=STDOUT,
        method=method,
        path=path[:_MAX_PATH_CHARS],
        status=status,
        duration_ms=round(duration_s * 1000, 3),
        request_id=request_id if _REQUEST_ID.fullmatch(request_id) else uuid.uuid4().hex,
    )
