"""``prune``: whole channels go, and the network is really smaller."""
