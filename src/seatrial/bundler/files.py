"""The files of a bundle as values, before anything is written."""

from __future__ import annotations

import hashlib

from seatrial.kernel.bundle import BundleFile
from seatrial.kernel.design import Design
from seatrial.kernel.values import Value, digest


class SourceFile(Value):
    """One generated file: its path relative to the bundle's root, its bytes, and what it is for."""

    path: str
    content: bytes
    purpose: str
    executable: bool = False

    @property
    def described(self) -> BundleFile:
        """The file without its bytes."""
        sha256 = hashlib.sha256(self.content).hexdigest()
        return BundleFile(
            path=self.path, size_bytes=len(self.content), sha256=sha256, purpose=self.purpose
        )


class BundleFiles(Value):
    """All files of one design, in the order of their paths."""

    app: str
    design: Design
    files: tuple[SourceFile, ...]

    @property
    def described(self) -> tuple[BundleFile, ...]:
        """The files without their bytes."""
        return tuple(file.described for file in self.files)

    @property
    def digest(self) -> str:
        """The content address of the bundle; see `digest_of`."""
        return digest_of({file.path: file.sha256 for file in self.described})


def digest_of(sha256_by_path: dict[str, str]) -> str:
    """The content address of files: kernel digest over the sorted (path, SHA-256) pairs."""
    return digest(sorted(sha256_by_path.items()))
