"""What the engine process last knew, on disk: intent before each start, identity after it.

The file is a record, not the truth. `status` checks every line of it against the processes that
exist, and `stop` works without it.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import msgspec

from seatrial.engines.processes import Identity
from seatrial.files import write_atomic
from seatrial.kernel.values import Value, from_json, to_json

SCHEMA = 1
_MAX_STATE_BYTES = 1 << 20

Role = Literal["engine", "proxy", "replica"]
Phase = Literal["starting", "ready", "failed", "stopping"]


class Slot(Value):
    """One process that ought to exist.

    `step` is `spawning` from before the start until its identity is known: a reader that finds
    it so has to look for the process by its mark. A `draining` replica gets no new requests and
    ends when it has answered those it has.
    """

    role: Role
    name: str
    step: Literal["absent", "spawning", "started", "ready", "down", "draining"] = "absent"
    identity: Identity | None = None
    port: int = 0
    management_port: int = 0
    restarts: int = 0
    detail: str = ""


class State(Value):
    """One deployment as its engine sees it. Holds no value of the app's environment."""

    schema_version: int = SCHEMA
    id: str
    app: str
    port: int
    ready_path: str
    replicas_wanted: int
    replicas_min: int = 0
    replicas_max: int = 0
    sticky: bool = False
    graceful_timeout_s: int
    source_dir: str
    started_at: str
    phase: Phase = "starting"
    detail: str = ""
    slots: tuple[Slot, ...] = ()

    @property
    def url(self) -> str:
        """Where the app is served."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def identities(self) -> tuple[Identity, ...]:
        """Every process recorded."""
        return tuple(slot.identity for slot in self.slots if slot.identity is not None)

    @property
    def replicas(self) -> tuple[Slot, ...]:
        """The replicas that are to stay."""
        return tuple(slot for slot in self.of("replica") if slot.step != "draining")

    def of(self, role: Role) -> tuple[Slot, ...]:
        """The slots of one role."""
        return tuple(slot for slot in self.slots if slot.role == role)

    def slot(self, name: str) -> Slot:
        """The slot of one name."""
        return next(slot for slot in self.slots if slot.name == name)

    def with_slot(self, slot: Slot) -> State:
        """The same state with one slot put in the place of its namesake."""
        slots = tuple(slot if old.name == slot.name else old for old in self.slots)
        return msgspec.structs.replace(self, slots=slots)

    def with_replicas(self, slots: tuple[Slot, ...]) -> State:
        """The same state with these replicas in the place of all it has."""
        others = tuple(slot for slot in self.slots if slot.role != "replica")
        return msgspec.structs.replace(self, slots=others + slots)


class Unreadable(Value):
    """A state file that tells nothing, and why."""

    reason: str


def read_state(path: Path) -> State | Unreadable | None:
    """The recorded state; None without a file. Never raises for what is in the file."""
    try:
        with path.open("rb") as file:
            data = file.read(_MAX_STATE_BYTES + 1)
    except FileNotFoundError:
        return None
    except OSError as error:
        return Unreadable(reason=f"cannot be read: {error.strerror}")
    if not data:
        return Unreadable(reason="is empty")
    if len(data) > _MAX_STATE_BYTES:
        return Unreadable(reason=f"is longer than {_MAX_STATE_BYTES} bytes")
    try:
        version = msgspec.json.decode(data, type=dict[str, msgspec.Raw]).get("schema_version")
        if version is not None and bytes(version) != str(SCHEMA).encode():
            found = bytes(version)[:20].decode(errors="replace")
            return Unreadable(reason=f"was written by another version (schema {found})")
        return from_json(data, State)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        return Unreadable(reason=f"is damaged: {error}")


def write_state(path: Path, state: State) -> None:
    """Replace the state file. Raises StorageError, and then the old file is still whole."""
    write_atomic(path, to_json(state))
