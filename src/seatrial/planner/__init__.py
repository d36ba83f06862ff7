"""Decide: enumerate designs, assess them, rank them, explain."""
