"""Logs, metrics, traces and errors."""
