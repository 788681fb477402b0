"""What is done with runs, and the folder that a run leaves."""
