"""Whether two configurations are the same run."""

from omegaconf import DictConfig

from mtl.config.compose import flat
from mtl.config.nearest import in_words

MAY_DIFFER = (
    "baselines",
    "data.workers",
    "data.on_error",
    "data.max_megapixels",
    "data.cache_dir",
    "data.cache_size",
    "logger",
    "callbacks.progress",
    "callbacks.figures",
    "callbacks.conflict",
    "callbacks.curves",
    "callbacks.samples",
)
"""Keys, and whole nodes, that change nothing about what is trained."""


def may_differ(key: str) -> bool:
    """Whether a dotted key changes nothing about what is trained."""
    return any(key == own or key.startswith(f"{own}.") for own in MAY_DIFFER)


def content(cfg: DictConfig) -> dict[str, object]:
    """The settings that decide what is trained, by dotted key."""
    return {key: value for key, value in flat(cfg).items() if not may_differ(key)}


def difference(before: DictConfig, now: DictConfig) -> str | None:
    """The first setting in which two configurations differ, in words: ``epochs=3, not 5``."""
    old, new = content(before), content(now)
    for key in sorted(old.keys() | new.keys()):
        if old.get(key) != new.get(key):
            return f"{key}={in_words(old.get(key))}, not {in_words(new.get(key))}"
    return None
