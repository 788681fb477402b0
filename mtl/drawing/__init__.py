"""Targets and predictions drawn on images."""
