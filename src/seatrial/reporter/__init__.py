"""The report: a plan, its evidence and its bundle as Markdown, HTML and charts."""

from __future__ import annotations

from seatrial.reporter.report import report

__all__ = ["report"]
