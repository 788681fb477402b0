"""The channels of a built network: which belong together, what they cost, and taking them out."""
