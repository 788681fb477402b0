"""What is kept of each sample, so that a metric can be counted again over any choice of them."""
