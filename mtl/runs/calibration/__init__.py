"""``mtl calibrate``, and the use of what it leaves in a run's folder."""
