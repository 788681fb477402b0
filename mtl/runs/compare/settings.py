"""What was chosen for a run, under the names by which it is chosen on the command line."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from mtl.config.compose import flat
from mtl.config.difference import MAY_DIFFER
from mtl.config.nearest import in_words
from mtl.config.overrides import key_of
from mtl.config.paths import PACKAGE
from mtl.runs.affinity.commands import overrides_of
from mtl.runs.collection.record import RunRecord
from mtl.runs.compare.following import following
from mtl.runs.compare.member_names import MemberNames

LEARNING_CALLBACKS = ("checkpoint", "early_stopping", "task_stopping", "ema")
"""The package's callbacks that have a say in what is learnt."""
NO_SETTINGS = (
    *MAY_DIFFER,
    *("name", "seed", "test", "data.suggested", "data.cache"),
    *("trainer.log_every_n_steps", "trainer.profiler", "callbacks.checkpoint.monitors"),
)
"""Keys, and what is below them, that change nothing about what is learnt but for the seed."""
DECLARATIONS = ("metrics", "larger_is_better", "smaller_is_better", "per_class")
"""What a head says about its metrics, and trains no other way for it."""


@dataclass(frozen=True)
class Settings:
    """Of one run.

    Args:
        texts: by key: groups to members (``weighting``: ``pcgrad``), heads to theirs
            (``heads.box``: ``box``), ``tasks``, and single values (``weighting.every``: ``10``).
        experiment: the recipe, ``none`` without one; None where that is not known.
        typed: the keys that were given on the command line.
        derived: the keys whose values follow from others.
    """

    texts: Mapping[str, str]
    experiment: str | None
    typed: frozenset[str]
    derived: frozenset[str]


def settings_of(run: RunRecord, names: MemberNames) -> Settings:
    """Read them off the run's configuration, and the recipe off its command.

    Args:
        run: whose.
        names: of the members.
    """
    texts = {in_print(k): in_print(text) for k, text in _entries(run, names) if _counts(k)}
    overrides = overrides_of(run.path)
    experiment = None
    if overrides is not None:
        chosen = [o.partition("=")[2] for o in overrides if key_of(o) == "experiment"]
        experiment = in_print(chosen[-1]) if chosen else "none"
    typed = frozenset(key_of(o).lstrip("+~") for o in overrides or ())
    return Settings(texts, experiment, typed, following(run.config, names))


@cache
def _counts(key: str) -> bool:
    return not any(key == no or key.startswith(f"{no}.") for no in NO_SETTINGS)


def _entries(run: RunRecord, names: MemberNames) -> Iterator[tuple[str, str]]:
    yield "tasks", "+".join(run.tasks)
    for key, node in run.config.items():
        if key in names.groups and isinstance(node, dict):
            yield key, names.of(key, node)
            yield from _options(key, node)
        elif key == "heads":
            for task, head in run.heads.items():
                yield f"heads.{task}", names.of("head", head)
                yield from _options(f"heads.{task}", head, but=DECLARATIONS)
        elif key == "callbacks" and isinstance(node, dict):
            yield from _callbacks(node)
        elif key not in ("tasks", "heads", "callbacks"):
            yield from _options(key, node)


def _callbacks(node: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Those that may have a say in what is learnt, as those of a user's own may."""
    own = [name for name, callback in node.items() if not _is_ours(callback)]
    yield "own callbacks", "+".join(map(str, own))
    for name in [*(n for n in LEARNING_CALLBACKS if n in node and n not in own), *own]:
        callback = node[name]
        if isinstance(callback, dict) and callback.get("enabled") is False:
            yield f"callbacks.{name}.enabled", "false"
        else:
            yield from _options(f"callbacks.{name}", callback)


def _is_ours(callback: object) -> bool:
    target = callback.get("_target_", "") if isinstance(callback, dict) else ""
    return str(target).startswith(f"{PACKAGE.name}.")


def _options(key: str, node: object, but: tuple[str, ...] = ()) -> Iterator[tuple[str, str]]:
    if isinstance(node, dict):
        node = {name: value for name, value in node.items() if name not in ("_target_", *but)}
    for option, value in flat(node, key).items():
        yield option, text_of(value)


def text_of(value: object) -> str:
    """As it would be written on the command line; numbers alike whether written as 1 or 1.0."""
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    return in_words(value)


def in_print(text: str) -> str:
    """Text whose signs can all be shown: a stranger's must not steer the terminal."""
    return text if text.isprintable() else "".join(c if c.isprintable() else "?" for c in text)
