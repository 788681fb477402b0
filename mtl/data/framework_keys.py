"""Keys of a data set's yaml that its class is not given; nothing here imports torch."""

LOADING_KEYS = (
    "limit",
    "balance",
    "balance_power",
    "workers",
    "on_error",
    "max_megapixels",
    "cache",
    "cache_dir",
    "cache_size",
)
"""What the data module takes."""
DATA_FRAMEWORK_KEYS = ("targets", "each", "suggested", "published", "augmentations", *LOADING_KEYS)
