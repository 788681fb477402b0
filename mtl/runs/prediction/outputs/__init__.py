"""How predictions are written, one file per format."""
