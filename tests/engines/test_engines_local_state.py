"""The state file: what is written can be read, and nothing that is in it can hurt."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from seatrial.engines.local.state import Slot, State, Unreadable, read_state, write_state
from seatrial.engines.processes import Identity
from seatrial.kernel.errors import StorageError

identities = st.builds(
    Identity, pid=st.integers(1, 2**22), created=st.floats(0, 2e9, allow_nan=False)
)
slots = st.builds(
    Slot,
    role=st.sampled_from(["engine", "proxy", "replica"]),
    name=st.text(max_size=20),
    step=st.sampled_from(["absent", "spawning", "started", "ready", "down"]),
    identity=st.none() | identities,
    port=st.integers(0, 65535),
    restarts=st.integers(0, 10**6),
    detail=st.text(max_size=50),
)
states = st.builds(
    State,
    id=st.text(max_size=20),
    app=st.text(max_size=20),
    port=st.integers(1, 65535),
    ready_path=st.text(max_size=20),
    replicas_wanted=st.integers(1, 64),
    graceful_timeout_s=st.integers(1, 3600),
    source_dir=st.text(max_size=20),
    started_at=st.text(max_size=20),
    phase=st.sampled_from(["starting", "ready", "failed", "stopping"]),
    slots=st.lists(slots, max_size=4).map(tuple),
)
same_folder = settings(suppress_health_check=[HealthCheck.function_scoped_fixture])


@given(state=states)
@same_folder
def test_what_is_written_is_read(tmp_path: Path, state: State) -> None:
    write_state(tmp_path / "state.json", state)
    assert read_state(tmp_path / "state.json") == state
    assert [path.name for path in tmp_path.iterdir()] == ["state.json"]


@given(data=st.binary(max_size=300))
@same_folder
def test_no_bytes_raise(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "state.json"
    path.write_bytes(data)
    assert isinstance(read_state(path), Unreadable)


@given(state=states, cut=st.integers(1, 5000))
@same_folder
def test_a_cut_file_is_told_from_a_whole_one(tmp_path: Path, state: State, cut: int) -> None:
    path = tmp_path / "state.json"
    write_state(path, state)
    data = path.read_bytes().rstrip()
    path.write_bytes(data[: max(len(data) - cut, 0)])
    assert isinstance(read_state(path), Unreadable)


def test_odd_files(tmp_path: Path) -> None:
    path = tmp_path / "state.json"
    assert read_state(path) is None
    path.write_bytes(b"[" * 100_000)
    assert isinstance(read_state(path), Unreadable)
    path.write_bytes(b" " * (1 << 20) + b"{}")
    assert read_state(path) == Unreadable(reason="is longer than 1048576 bytes")
    path.unlink()
    path.mkdir()
    assert isinstance(read_state(path), Unreadable)


def test_a_failed_write_leaves_the_old_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = State(
        id="old", app="a", port=1, ready_path="/", replicas_wanted=1, graceful_timeout_s=1,
        source_dir="", started_at="",
    )  # fmt: skip
    path = tmp_path / "state.json"
    write_state(path, old)

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(StorageError, match="No space left"):
        write_state(path, State(**{f: getattr(old, f) for f in old.__struct_fields__[1:]}))
    assert read_state(path) == old
    assert [item.name for item in tmp_path.iterdir()] == ["state.json"]
