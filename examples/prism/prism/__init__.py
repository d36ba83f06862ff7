"""Prism: reads a Word document and says what is unclear, missing, risky or contradictory in it."""
