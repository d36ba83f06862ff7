"""A busy machine is no failure: neither a slow example of a property nor slow making of them."""

from __future__ import annotations

from hypothesis import HealthCheck, settings

settings.register_profile("nestegg", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("nestegg")
