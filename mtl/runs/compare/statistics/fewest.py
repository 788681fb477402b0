"""How many pairs a test takes; known without numpy, to be said before a sweep."""

FEWEST = 3
"""Pairs below which nothing is tested: two metrics of so many steps agree by chance too often."""
