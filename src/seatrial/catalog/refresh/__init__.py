"""Fetching prices from the public price lists, and keeping them beside the packaged ones."""
