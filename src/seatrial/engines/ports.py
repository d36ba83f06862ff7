"""Ports for programs that will listen in a moment."""

from __future__ import annotations

import errno
import secrets
import socket

_FIRST, _COUNT = 12_000, 20_000


def free_ports(count: int) -> tuple[int, ...]:
    """TCP ports nobody listens on at this moment, all different.

    Below those that a system hands out by itself, from 32768 on Linux and 49152 on macOS: of
    these a connection that somebody opens meanwhile may take one away, or another program that
    asks for any port.
    """
    found: dict[int, None] = {}
    while len(found) < count:
        port = _FIRST + secrets.randbelow(_COUNT)
        with socket.socket() as probe:
            try:
                probe.bind(("", port))
            except OSError as error:
                if error.errno != errno.EADDRINUSE:
                    raise
                continue
        found[port] = None
    return tuple(found)
