"""`.seatrial/` on disk: each noun as JSON by content digest, and which one is current.

.seatrial/objects/<noun>-<digest>.json   every noun that was ever saved
.seatrial/current.json                   noun -> digest, replaced atomically
.seatrial/bundle/, report/, local/       what the stages make
"""

from __future__ import annotations

from pathlib import Path
from typing import TypeVar

import msgspec

from seatrial.files import read_limited, write_atomic
from seatrial.kernel.errors import MissingStageError, StorageError
from seatrial.kernel.values import digest, from_json, to_json

T = TypeVar("T")

NOUN_LIMIT_BYTES = 64 * 1024**2


class Project:
    """The state folder of one app."""

    def __init__(self, app_dir: Path, state_dir: Path | None = None) -> None:
        self.app_dir = app_dir
        self.root = state_dir if state_dir is not None else app_dir / ".seatrial"

    def save(self, noun: str, value: object) -> Path:
        """Save a noun under its digest and make it current; returns its path."""
        self._hide_from_git()
        key = digest(value)
        path = self._object(noun, key)
        write_atomic(path, to_json(value))
        write_atomic(self.root / "current.json", to_json({**self._current(), noun: key}))
        return path

    def find(self, noun: str, kind: type[T]) -> T | None:
        """The current noun, or none; a damaged file is a `StorageError` that says what to redo."""
        key = self._current().get(noun)
        if key is None or not (path := self._object(noun, key)).exists():
            return None
        try:
            return from_json(read_limited(path, NOUN_LIMIT_BYTES), kind)
        except msgspec.DecodeError as error:
            raise StorageError(
                f"is damaged or from another version: {error}",
                where=str(path),
                fix=f"run `seatrial {_VERB[noun]} {self.app_dir}` again",
            ) from error

    def load(self, noun: str, kind: type[T]) -> T:
        """The current noun; `MissingStageError` names the verb that makes it."""
        found = self.find(noun, kind)
        if found is None:
            raise MissingStageError(
                f"there is no {noun} yet",
                where=str(self.root),
                fix=f"run `seatrial {_VERB[noun]} {self.app_dir}` first",
            )
        return found

    def _object(self, noun: str, key: str) -> Path:
        return self.root / "objects" / f"{noun}-{key}.json"

    def _current(self) -> dict[str, str]:
        path = self.root / "current.json"
        if not path.exists():
            return {}
        try:
            return from_json(read_limited(path, NOUN_LIMIT_BYTES), dict[str, str])
        except msgspec.DecodeError:
            # Written atomically, so damage comes from outside; the nouns can be made again.
            return {}

    def _hide_from_git(self) -> None:
        ignore = self.root / ".gitignore"
        if not ignore.exists():
            write_atomic(ignore, b"*\n")


_VERB = {
    "workload": "profile",
    "plan": "plan",
    "bundle": "bundle",
    "evidence": "trial load",
}
