"""The options: their layers, checks and defaults."""
