"""Intervals, tests and power; numbers in, numbers out."""
