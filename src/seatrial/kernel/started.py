"""Started: what `seatrial init` wrote."""

from __future__ import annotations

from seatrial.kernel.values import Value


class Started(Value):
    """The settings file, and the settings that were taken from the app's source."""

    file: str
    set_from_source: tuple[str, ...]
