"""The network: from images to decisions."""
