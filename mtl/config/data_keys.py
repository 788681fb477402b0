"""Keys of a data set's yaml that its class is not given."""

FOR_ALL_SETS = (
    "balance",
    "balance_power",
    "workers",
    "on_error",
    "max_megapixels",
    "cache",
    "cache_dir",
    "cache_size",
)
"""What the data module takes, once also where there are several sets."""
LOADING_KEYS = ("limit", *FOR_ALL_SETS)
"""What the data module takes."""
DATA_FRAMEWORK_KEYS = ("targets", "each", "suggested", "published", "augmentations", *LOADING_KEYS)
