"""Engines take a release to where it runs, tell what runs there, and take it away again."""
