"""Trials: load on a deployment, and what was measured, beside what the plan promised."""
