"""Requests without end against a rate limit, and whether it let through what it should."""

from __future__ import annotations

import http.client
import threading
import time
from collections import Counter
from collections.abc import Sequence

_CLIENTS = 8
_PAUSE_S = 0.02  # Far below the time in which a request comes back to the bucket.


class Hammered:
    """Answers by status, and between which moments there was always someone who asked."""

    def __init__(self) -> None:
        self.counts: Counter[int] = Counter()
        self.sent_s: list[float] = []
        self.answered_s: list[float] = []

    def add(self, other: Hammered) -> None:
        self.counts.update(other.counts)
        self.sent_s += other.sent_s
        self.answered_s += other.answered_s

    def is_exact(self, rate: int, period_s: float) -> None:
        """What the bucket held at first, and what came back in this time: to one request."""
        assert set(self.counts) == {200, 429}
        least_s = max(self.sent_s) - min(self.answered_s)
        most_s = max(self.answered_s) - min(self.sent_s)
        least, most = rate * (1 + least_s / period_s) - 1, rate * (1 + most_s / period_s) + 1
        assert least <= self.counts[200] <= most


def hammer(
    addresses: Sequence[str], seconds: float, path: str = "/", client: str = "127.0.0.1"
) -> Hammered:
    """Several callers, who share the addresses, ask over connections that are kept.

    `client` is whom they say they ask for, as a proxy does.
    """
    everything, lock = Hammered(), threading.Lock()
    until_s = time.monotonic() + seconds

    def ask(address: str) -> None:
        mine = Hammered()
        connection = http.client.HTTPConnection(address, timeout=60)
        while time.monotonic() < until_s:
            mine.sent_s.append(time.monotonic())
            connection.request("GET", path, headers={"X-Forwarded-For": client})
            response = connection.getresponse()
            response.read()
            mine.answered_s.append(time.monotonic())
            mine.counts[response.status] += 1
            time.sleep(_PAUSE_S)
        connection.close()
        with lock:
            everything.add(mine)

    threads = [
        threading.Thread(target=ask, args=(addresses[number % len(addresses)],))
        for number in range(_CLIENTS)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return everything
