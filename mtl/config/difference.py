"""Whether two configurations are the same run."""

import shlex
from collections.abc import Mapping
from typing import Any

from mtl.config.allowed import TARGET
from mtl.config.compose import flat
from mtl.config.nearest import in_words
from mtl.config.since import values_of_keys_since
from mtl.config.total_batch import AUTO

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
    "callbacks.checkpoint.every_minutes",
    "callbacks.pruning",
)
"""Keys, and whole nodes, that change nothing about what is trained."""
OF_NO_STEP = ("name", "data.cache", "trainer.log_every_n_steps", "trainer.profiler")
"""Further ones, with which a run goes on; the names of the folders of baselines hang on these."""
MOST = 6
"""Differences that are proposed to be typed."""


def may_differ(key: str) -> bool:
    """Whether a dotted key changes nothing about what is trained."""
    return any(key == own or key.startswith(f"{own}.") for own in MAY_DIFFER)


def content(cfg: Mapping[str, Any]) -> dict[str, object]:
    """The settings that decide what is trained, by dotted key."""
    return {key: value for key, value in flat(cfg).items() if not may_differ(key)}


def differences(
    before: Mapping[str, Any], now: Mapping[str, Any]
) -> dict[str, tuple[object, object]]:
    """The settings in which two configurations differ, by dotted key, with both values.

    Args:
        before: perhaps of an older version: what it says nothing of was as it is by default.
        now: of this version; with ``batch_size=auto`` it is what was found before.
    """
    old, new = content(before), content(now)
    if not new.keys() <= old.keys():
        since = values_of_keys_since(now)
        old |= {key: since[key] for key in new.keys() - old.keys() if key in since}
    return {
        key: (old.get(key), new.get(key))
        for key in sorted((old.keys() | new.keys()) - set(OF_NO_STEP))
        if old.get(key) != new.get(key) and not (key == "batch_size" and new.get(key) == AUTO)
    }


def difference(before: Mapping[str, Any], now: Mapping[str, Any]) -> str | None:
    """The first setting in which two configurations differ, in words: ``epochs=3, not 5``."""
    for key, (old, new) in differences(before, now).items():
        return f"{key}={in_words(old)}, not {in_words(new)}"
    return None


def back_again(before: Mapping[str, Any], now: Mapping[str, Any]) -> str | None:
    """The overrides that make a configuration the one before, as they are to be typed.

    None where single values don't do it, or it would take many of them.
    """
    found = differences(before, now)
    if len(found) > MOST or any(
        key.endswith(TARGET) or old is None for key, (old, _) in found.items()
    ):
        return None
    return " ".join(shlex.quote(f"{key}={in_words(old)}") for key, (old, _) in found.items())
