"""Asks the app itself, over its own socket, whether it answers."""

import re
import threading
import time
from dataclasses import dataclass

from seatrial_runtime.settings.settings import Settings
from seatrial_runtime.supervisor.address import Address, connect
from seatrial_runtime.supervisor.state import State
from seatrial_runtime.telemetry.logs import emit

_TIMEOUT_S = 2.0
_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 0.1, 0.5
_AGAIN_S = 10.0  # After a good answer.
_MAX_BYTES = 65536


@dataclass(frozen=True)
class Probe:
    """One GET of `path`; where `body` is not empty the answer has to have it, all of it."""

    address: Address
    path: str
    host: str
    body: bytes = b""


@dataclass(frozen=True)
class Failure:
    """Why there was no good answer. `late`: none at all, in the time that was given."""

    reason: str
    late: bool = False


def probe_of(settings: Settings, body: bytes = b"") -> Probe:
    """The probe of an app; its Host header is one that the app's own allow-list lets in."""
    shown = "localhost" if settings.bind.path else str(settings.bind)
    host = next((name for name in settings.allowed_hosts if name != "*"), shown)
    return Probe(settings.bind, settings.ready_path, host.replace("*.", "probe."), body)


def ask(probe: Probe) -> Failure | None:
    """Send the GET; None when the status is below 500 and the body, if told, is right."""
    request = (
        f"GET {probe.path} HTTP/1.1\r\nHost: {probe.host}\r\nUser-Agent: seatrial-run\r\n"
        "Accept: */*\r\nConnection: close\r\n\r\n"
    )
    asked = f"GET {probe.path.partition('?')[0]}"  # The query string may hold a token.
    try:
        answer = _exchange(probe.address, request.encode(), whole=bool(probe.body))
    except TimeoutError:
        return Failure(f"{asked}: no answer within {_TIMEOUT_S:g} s", late=True)
    except OSError as error:
        return Failure(f"{asked}: {type(error).__name__}: {error.strerror or error}")
    match = re.match(rb"HTTP/1\.[01] (\d{3})\b", answer)
    if not match:
        return Failure(f"{asked}: the answer is not HTTP")
    if int(match[1]) >= 500:
        return Failure(f"{asked}: status {int(match[1])}")
    if probe.body and answer.partition(b"\r\n\r\n")[2].strip() != probe.body:
        return Failure(f"{asked}: the answer is not {probe.body.decode()!r}")
    return None


def _exchange(address: Address, request: bytes, whole: bool) -> bytes:
    """The first line of the answer, or all of it."""
    deadline = time.monotonic() + _TIMEOUT_S
    answer = b""
    with connect(address, _TIMEOUT_S) as caller:
        caller.sendall(request)
        while (whole or b"\n" not in answer) and len(answer) < _MAX_BYTES:
            caller.settimeout(max(deadline - time.monotonic(), 0.001))
            chunk = caller.recv(4096)
            if not chunk:
                break
            answer += chunk
    return answer


class Prober(threading.Thread):
    """Asks until the app has answered, and from then on every `again_s`.

    An app that takes its time while its workers beat is busy, not broken: `beats` says that they
    do, so that no answer in time counts for nothing once there has been one.
    """

    def __init__(
        self, state: State, probe: Probe, *, beats: bool, again_s: float = _AGAIN_S
    ) -> None:
        super().__init__(name="prober", daemon=True)
        self._state, self._probe, self._beats, self._again_s = state, probe, beats, again_s

    def run(self) -> None:
        """Ask until the service ends."""
        state, pause_s = self._state, _FIRST_PAUSE_S
        while not state.ends:
            wanted = state.probe_wanted.wait(self._again_s)
            if not wanted and not state.answered:
                continue
            generation = state.generation
            failure = ask(self._probe)
            if failure is not None:
                if not (failure.late and self._beats and state.answered):
                    state.probe_failed(generation, failure.reason)
                time.sleep(pause_s)
                pause_s = min(pause_s * 2, _LONGEST_PAUSE_S)
                continue
            pause_s = _FIRST_PAUSE_S
            boot_s = state.probe_succeeded(generation)
            if boot_s is not None:
                emit("info", "ready", boot_s=boot_s)
