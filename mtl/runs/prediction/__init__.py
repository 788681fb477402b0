"""Trained networks on images that carry no targets."""
