"""Temperatures and thresholds: how sure a head may be, and what score it takes to say yes."""
