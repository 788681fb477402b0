"""What the network sees of each image."""
