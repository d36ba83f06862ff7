"""Bundle: the generated files, self-contained, with a digest."""

from __future__ import annotations

from typing import Literal

from seatrial.kernel.design import Design
from seatrial.kernel.values import Value


class BundleFile(Value):
    """One file of a bundle: path relative to the bundle's root, size and SHA-256."""

    path: str
    size_bytes: int
    sha256: str
    purpose: str


class Check(Value):
    """What a tool said of the bundle; `skipped` says which tool is missing."""

    name: str
    status: Literal["passed", "failed", "skipped"]
    detail: str = ""


class Bundle(Value):
    """The files of one design, and the checks they went through."""

    app: str
    design: Design
    digest: str
    directory: str
    files: tuple[BundleFile, ...]
    checks: tuple[Check, ...] = ()
