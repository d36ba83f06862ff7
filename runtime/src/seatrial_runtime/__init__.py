"""Starts an unmodified web app in production form, with probes and a graceful drain."""

import time

STARTED_S = time.monotonic()
"""When this process began, on the monotonic clock: the first line it runs of this package."""

__version__ = "0.1.0"
