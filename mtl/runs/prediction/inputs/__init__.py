"""Which pictures are meant, one file per kind of input, and reading them ahead."""
