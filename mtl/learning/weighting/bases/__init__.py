"""What methods are: by what they see."""
