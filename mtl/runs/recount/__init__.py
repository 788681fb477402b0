"""Metrics over any choice of the kept samples, without the network and without torch."""
