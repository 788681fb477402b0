"""Each task of a run alone, and what training the tasks together gains over that."""
