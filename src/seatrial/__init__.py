"""Seatrial takes a Python AI application to production and proves it."""

__version__ = "0.1.0"
