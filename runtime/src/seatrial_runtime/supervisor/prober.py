"""Asks the app itself, over its own socket, whether it answers."""

import re
import threading
import time

from seatrial_runtime.supervisor.address import Address, connect
from seatrial_runtime.supervisor.state import State
from seatrial_runtime.telemetry.logs import emit

_TIMEOUT_S = 2.0
_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 0.1, 0.5


def probe(address: Address, path: str) -> str | None:
    """Send one GET; None when the status is below 500, else what went wrong."""
    host = "localhost" if address.path else str(address)
    request = (
        f"GET {path} HTTP/1.1\r\nHost: {host}\r\nUser-Agent: seatrial-run\r\n"
        "Accept: */*\r\nConnection: close\r\n\r\n"
    )
    deadline = time.monotonic() + _TIMEOUT_S
    head = b""
    try:
        with connect(address, _TIMEOUT_S) as caller:
            caller.sendall(request.encode())
            while b"\n" not in head and len(head) < 1024:
                caller.settimeout(max(deadline - time.monotonic(), 0.001))
                chunk = caller.recv(1024)
                if not chunk:
                    break
                head += chunk
    except TimeoutError:
        return f"GET {_shown(path)}: no answer within {_TIMEOUT_S:g} s"
    except OSError as error:
        return f"GET {_shown(path)}: {type(error).__name__}: {error.strerror or error}"
    match = re.match(rb"HTTP/1\.[01] (\d{3})\b", head)
    if not match:
        return f"GET {_shown(path)}: the answer is not HTTP"
    return None if int(match[1]) < 500 else f"GET {_shown(path)}: status {int(match[1])}"


def _shown(path: str) -> str:
    return path.partition("?")[0]  # The query string may hold a token.


class Prober(threading.Thread):
    """Probes whenever the state wants it, until the app has answered."""

    def __init__(self, state: State, address: Address, path: str) -> None:
        super().__init__(name="prober", daemon=True)
        self._state, self._address, self._path = state, address, path

    def run(self) -> None:
        """Probe for ever; a daemon thread, it ends with the process."""
        pause_s = _FIRST_PAUSE_S
        while True:
            self._state.probe_wanted.wait()
            generation = self._state.generation
            reason = probe(self._address, self._path)
            if reason is not None:
                self._state.probe_failed(generation, reason)
                time.sleep(pause_s)
                pause_s = min(pause_s * 2, _LONGEST_PAUSE_S)
                continue
            pause_s = _FIRST_PAUSE_S
            boot_s = self._state.probe_succeeded(generation)
            if boot_s is not None:
                emit("info", "ready", boot_s=boot_s)
