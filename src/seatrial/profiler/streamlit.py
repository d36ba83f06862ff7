"""Running a Streamlit script as a browser does: over the websocket of a session.

The page that `GET /` answers is the same for every app; the app's own work is the run of its
script. A browser opens `/_stcore/stream`, sends a `BackMsg` that asks for a run, and gets a row
of `ForwardMsg` until one says that the script has finished. Of these messages only the outermost
fields are read, so no schema is needed: the numbers are those of streamlit's proto/BackMsg.proto,
ForwardMsg.proto, Delta.proto and Element.proto, as of Streamlit 1.67; Protocol Buffers never
reuse one.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from seatrial.profiler.client import REQUEST_S_MAX, Answer, Dial

if TYPE_CHECKING:
    from websockets.sync.client import ClientConnection

PATH = "/_stcore/stream"
# BackMsg.rerun_script = 11, an empty message: no widget has a state of its own yet.
_RUN = bytes((11 << 3 | 2, 0))
_FORWARD_DELTA, _FORWARD_FINISHED = 5, 6
_DELTA_ELEMENT, _ELEMENT_EXCEPTION = 3, 8
_FINISHED_WELL, _COMPILE_ERROR = 0, 1
_MESSAGE_BYTES_MAX = 64 * 1024**2


class ScriptRunner:
    """One session; `get` runs the script in it once. The first run also opens the session."""

    def __init__(self, dial: Dial) -> None:
        self._dial = dial
        self._socket: ClientConnection | None = None
        self._session = contextlib.ExitStack()

    def close(self) -> None:
        """End the session."""
        self._socket = None
        with contextlib.suppress(Exception):  # Whatever it says, it is over.
            self._session.close()

    def get(self, target: str) -> Answer:
        """Run the script; the time is from asking until it has finished."""
        from websockets.exceptions import WebSocketException  # slow, and for Streamlit only

        try:
            if self._socket is None:
                self._open(target)
            return self._run()
        except TimeoutError:
            self.close()
            return Answer(failure=f"the script did not finish within {REQUEST_S_MAX:g} s")
        except (OSError, WebSocketException, ValueError) as error:
            self.close()
            return Answer(failure=f"no session of Streamlit: {type(error).__name__}: {error}")

    def _open(self, target: str) -> None:
        from websockets.sync.client import connect  # slow, and for Streamlit only

        made: Any = connect(
            f"ws://127.0.0.1{target}", sock=self._dial(), subprotocols=["streamlit"],  # type: ignore[list-item]
            proxy=None, max_size=_MESSAGE_BYTES_MAX, open_timeout=REQUEST_S_MAX, close_timeout=1.0,
        )  # fmt: skip
        self._socket = self._session.enter_context(made)

    def _run(self) -> Answer:
        assert self._socket is not None
        began = time.perf_counter()
        deadline = began + REQUEST_S_MAX
        self._socket.send(_RUN)
        size, failure = 0, ""
        while True:
            message = self._socket.recv(timeout=max(0.0, deadline - time.perf_counter()))
            if not isinstance(message, bytes):
                raise ValueError("a text message")
            size += len(message)
            for number, value in _fields(message):
                if number == _FORWARD_DELTA and isinstance(value, bytes) and _raised(value):
                    failure = "the script raised an exception"
                elif number == _FORWARD_FINISHED:
                    if value == _COMPILE_ERROR:
                        failure = "the script does not compile"
                    wall_ms = (time.perf_counter() - began) * 1000
                    return Answer(
                        status=200, body=b"\0" * min(size, _MESSAGE_BYTES_MAX), wall_ms=wall_ms,
                        failure=failure,
                    )  # fmt: skip


def _raised(delta: bytes) -> bool:
    """Whether a delta shows an exception in place of what the script meant to show."""
    return any(
        inner == _ELEMENT_EXCEPTION
        for number, element in _fields(delta)
        if number == _DELTA_ELEMENT and isinstance(element, bytes)
        for inner, _ in _fields(element)
    )


def _fields(data: bytes) -> Iterator[tuple[int, int | bytes]]:
    """The fields of a message in Protocol Buffers' wire format. Raises ValueError."""
    at = 0
    while at < len(data):
        key, at = _varint(data, at)
        number, kind = key >> 3, key & 7
        if kind == 0:
            value, at = _varint(data, at)
            yield number, value
            continue
        length = {1: 8, 5: 4}.get(kind, 0)
        if kind == 2:
            length, at = _varint(data, at)
        elif not length:
            raise ValueError(f"wire type {kind}")
        if at + length > len(data):
            raise ValueError("a field beyond the end of its message")
        yield number, data[at : at + length]
        at += length


def _varint(data: bytes, at: int) -> tuple[int, int]:
    result = 0
    for position in range(10):
        if at + position >= len(data):
            raise ValueError("a number beyond the end of its message")
        byte = data[at + position]
        result |= (byte & 0x7F) << (7 * position)
        if byte < 0x80:
            return result, at + position + 1
    raise ValueError("a number of more than ten bytes")
