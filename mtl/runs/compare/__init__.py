"""Comparing runs: which is better, by how much, and whether that can be told from chance."""
