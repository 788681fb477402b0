"""Data sets, and the way from files to batches."""
