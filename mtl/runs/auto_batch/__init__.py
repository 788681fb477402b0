"""``batch_size=auto``: the largest batch that fits, found once, before a run begins."""
