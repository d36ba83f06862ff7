"""Profiler: from an app's folder to a Workload, and from a booted app to its measurements."""
