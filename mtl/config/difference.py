"""Whether two configurations are the same run."""

from omegaconf import DictConfig

from mtl.config.compose import flat
from mtl.config.nearest import in_words

MAY_DIFFER = (
    "data.workers",
    "data.on_error",
    "data.max_megapixels",
    "data.cache_dir",
    "data.cache_size",
)
"""Keys that change nothing about what is trained."""


def difference(before: DictConfig, now: DictConfig) -> str | None:
    """The first setting in which two configurations differ, in words: ``epochs=3, not 5``."""
    old, new = flat(before), flat(now)
    for key in sorted(old.keys() | new.keys()):
        if key not in MAY_DIFFER and old.get(key) != new.get(key):
            return f"{key}={in_words(old.get(key))}, not {in_words(new.get(key))}"
    return None
