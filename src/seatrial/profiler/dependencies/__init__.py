"""Dependencies: what the app asks to be installed, and for which Python."""

from seatrial.profiler.dependencies.install import detect
from seatrial.profiler.dependencies.reading import Install, Package

__all__ = ["Install", "Package", "detect"]
