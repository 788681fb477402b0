"""Trained networks as files that others can use."""
