"""What the measured servers serve: `/serve/N/CPU/WAIT` computes, then waits, so many microseconds.

Computing ends by the thread's own processor time, so that what others take from the processor
makes a request later and not shorter. The worker dies with the process that started its server.

The file that SERVED_FILE names is told which process served which request N.
"""

from __future__ import annotations

import ctypes
import functools
import os
import signal
import time
from collections.abc import Callable, Iterable
from typing import Any

PR_SET_PDEATHSIG, PR_SET_TIMERSLACK = 1, 29

_libc = ctypes.CDLL(None)
_libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
# Sleeps end up to 50 us late otherwise (time(7)); threads inherit it.
_libc.prctl(PR_SET_TIMERSLACK, 1)


@functools.cache
def served() -> int:
    """The file to tell."""
    return os.open(os.environ["SERVED_FILE"], os.O_WRONLY | os.O_CREAT | os.O_APPEND)


def compute(cpu_s: float) -> None:
    """Hold the processor until this thread has had so much of it."""
    until = time.thread_time() + cpu_s
    while time.thread_time() < until:
        pass


def application(
    environ: dict[str, Any], start_response: Callable[[str, list[tuple[str, str]]], object]
) -> Iterable[bytes]:
    """Do what the path says, and answer with the number of the process."""
    _, number, cpu_us, wait_us = environ["PATH_INFO"].rsplit("/", 3)
    os.write(served(), f"{number} {os.getpid()}\n".encode())
    if cpu_us != "0":
        compute(int(cpu_us) / 1e6)
    if wait_us != "0":
        time.sleep(int(wait_us) / 1e6)
    body = str(os.getpid()).encode()
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", str(len(body)))])
    return (body,)
