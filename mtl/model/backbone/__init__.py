"""Feature extractors, described by their stages."""
