"""Catalogue: platforms and prices as data, each number with source and date."""
