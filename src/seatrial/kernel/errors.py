"""Everything that can go wrong in operation, as one tree.

SeatrialError                exit 2, unless a subclass says otherwise
|-- InputError               what the user gave is wrong: file, key, value
|   |-- AppError             the folder is not an app that can be understood
|   |-- SettingsError        seatrial.toml is wrong
|   `-- CatalogError         a platform file or price row is wrong
|-- MissingStageError        a verb needs what an earlier verb leaves under .seatrial/
|-- ToolError                a program Seatrial calls is missing or failed
|-- PortInUseError           somebody else listens where we should
|-- StorageError             a file cannot be read or written (permissions, full disk)
|-- DeployError              the app did not start or did not become ready
`-- TransientError           exit 75: the same command may succeed later

A finding about the app is never an exception, it is a value (`assessment.Finding`).
A bug is an assertion.
"""

from __future__ import annotations


class SeatrialError(Exception):
    """An operational error a person can act on.

    `what` says what happened, `where` the file, key or address, `fix` what to do about it.
    """

    exit_code = 2

    def __init__(self, what: str, *, where: str = "", fix: str = "") -> None:
        super().__init__(what)
        self.what = what
        self.where = where
        self.fix = fix

    def __str__(self) -> str:
        parts = [f"{self.where}: {self.what}" if self.where else self.what]
        if self.fix:
            parts.append(f"fix: {self.fix}")
        return "\n".join(parts)


class InputError(SeatrialError):
    """What the user gave is wrong."""


class AppError(InputError):
    """The folder is not an application that can be understood."""


class SettingsError(InputError):
    """seatrial.toml is wrong."""


class CatalogError(InputError):
    """A platform file or a price row is wrong."""


class MissingStageError(SeatrialError):
    """A verb needs what an earlier verb leaves under .seatrial/."""


class ToolError(SeatrialError):
    """A program that Seatrial calls is missing or failed."""


class PortInUseError(SeatrialError):
    """Somebody else listens on the address that is needed."""


class StorageError(SeatrialError):
    """A file cannot be read or written."""


class DeployError(SeatrialError):
    """The app did not start or did not become ready."""


class TransientError(SeatrialError):
    """Something outside failed in a way that may pass."""

    exit_code = 75
