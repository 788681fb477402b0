"""Where numbers go during a run."""
