"""Measurements against the goals; ``python -m benchmarks`` runs them."""
