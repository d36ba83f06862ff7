"""The simulator: what a design would do under a demand, with intervals."""
