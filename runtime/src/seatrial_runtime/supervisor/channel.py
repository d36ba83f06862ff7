"""The one-way pipe on which the server processes tell the supervisor what happened."""

import json
import os
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Literal

_MAX_BYTES = 4000  # Under PIPE_BUF (4096 on Linux): a write is whole or not at all.


@dataclass(frozen=True)
class Message:
    """`kind` is what happened; the other fields are set where they mean something.

    ready: a worker loaded the app and serves. gone: a worker process ended. failed: a worker
    could not load the app (`text` the exception, `hint` what to do, `traceback` its tail).
    error: the server logged one (`text`). interface: the app speaks another one (`text`).
    """

    kind: Literal["ready", "gone", "failed", "error", "interface"]
    pid: int
    text: str = ""
    hint: str = ""
    traceback: str = ""


class Sender:
    """The server's end. Never blocks and never raises: serving matters more than reporting."""

    def __init__(self, fd: int) -> None:
        self._fd = fd
        os.set_blocking(fd, False)
        os.set_inheritable(fd, False)  # Programs that the app runs have no business with it.

    def send(self, message: Message) -> None:
        """Write one message, cut to fit: first the traceback's head, then the text's end."""
        fields = asdict(message)
        line = json.dumps(fields).encode()
        while len(line) > _MAX_BYTES:
            if fields["traceback"]:
                fields["traceback"] = fields["traceback"][len(fields["traceback"]) // 4 + 1 :]
            else:
                fields["text"] = fields["text"][: len(fields["text"]) * 3 // 4]
            line = json.dumps(fields).encode()
        try:
            os.write(self._fd, line + b"\n")
        except OSError:
            return


class Receiver:
    """The supervisor's end."""

    def __init__(self, fd: int) -> None:
        self.fd = fd
        self._rest = b""
        os.set_blocking(fd, False)

    def read(self) -> Iterator[Message]:
        """The messages that have arrived; ends when the pipe is empty for now or closed."""
        while True:
            try:
                chunk = os.read(self.fd, 65536)
            except BlockingIOError:
                return
            if not chunk:
                return
            *lines, self._rest = (self._rest + chunk).split(b"\n")
            for line in lines:
                try:
                    yield Message(**json.loads(line))
                except (ValueError, TypeError):
                    # The app holds this fd too; a stray write of its own is not our message.
                    continue

    def close(self) -> None:
        """Release the descriptor."""
        os.close(self.fd)
