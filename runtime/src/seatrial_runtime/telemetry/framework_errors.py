"""Exceptions that a framework answers itself, so that they never come out of the app.

Both frameworks send a signal for each. Flask also logs it; Django, left as it is made, would only
send a mail, and nobody would learn why a page failed.
"""

import logging
import sys

from seatrial_runtime.telemetry import requests
from seatrial_runtime.telemetry.context import current


def watch() -> None:
    """Listen, in a worker that has loaded its app."""
    for module in ("django.core.signals", "flask.signals"):
        signal = getattr(sys.modules.get(module), "got_request_exception", None)
        if signal is not None:
            signal.connect(_told, weak=False)


def _told(sender: object, **more: object) -> None:
    error, context = more.get("exception") or sys.exc_info()[1], current.get()
    if isinstance(error, BaseException) and context is not None:
        told = "signal" not in more or _writes(logging.getLogger("django.request"))
        requests.caught(error, context, log=not told)


def _writes(logger: logging.Logger | None) -> bool:
    """Whether a line of this logger is written somewhere in production."""
    while logger is not None:
        streams = (h for h in logger.handlers if isinstance(h, logging.StreamHandler))
        # Django's own writes in debug mode only, which is a filter.
        if any(not handler.filters for handler in streams):
            return True
        logger = logger.parent if logger.propagate else None
    return False
