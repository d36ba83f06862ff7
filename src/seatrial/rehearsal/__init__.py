"""The app on this machine: its share of the machine, its release, its measurement and its load."""

from seatrial.engines.local.sandbox import Limits
from seatrial.rehearsal.measuring import measured
from seatrial.rehearsal.release import port, release
from seatrial.rehearsal.trial import load, targets

__all__ = ["Limits", "load", "measured", "port", "release", "targets"]
