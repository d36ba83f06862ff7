"""Furlong: win and place probabilities for (simulated) horse races."""

from furlong.app import create_app

__all__ = ["create_app"]
