"""Everything the guard decides by, made once from the settings."""

import os

from seatrial_runtime.guard.bodies import BodyRules
from seatrial_runtime.guard.buckets import Buckets, create
from seatrial_runtime.guard.headers import SecurityHeaders
from seatrial_runtime.guard.hosts import allow_list
from seatrial_runtime.guard.limits import Limits
from seatrial_runtime.guard.peers import Peers
from seatrial_runtime.settings.settings import Settings


class Rules:
    """What both layers share."""

    def __init__(self, settings: Settings, buckets_fd: int | None) -> None:
        self.peers = Peers(settings.trusted_proxies)
        self.hosts = allow_list(settings.allowed_hosts)
        self.bodies = BodyRules(settings.max_body, settings.upload_types)
        self.headers = SecurityHeaders(settings)
        self.request_log = settings.request_log
        self.user_header = settings.user_header
        self._timeout_s = settings.request_timeout_s
        self._timeouts_s = settings.request_timeouts  # The longest beginning first.
        self._beginnings = tuple(beginning for beginning, _ in self._timeouts_s)
        self.limits: Limits | None = None
        self.local: Buckets | None = None
        self.redis_url = ""
        self.salt = os.urandom(32)
        if settings.rate_limit is not None or settings.rate_limit_user is not None:
            self.limits = Limits(settings)
            self.local = Buckets(create() if buckets_fd is None else buckets_fd)
            self.salt = self.local.salt
            if settings.rate_limit_store != "memory":
                self.redis_url = settings.rate_limit_store

    def timeout_s(self, path: str) -> float:
        """How long an answer to this path may take to begin; 0 is no limit."""
        if not path.startswith(self._beginnings):
            return self._timeout_s
        return next(time_s for start, time_s in self._timeouts_s if path.startswith(start))
