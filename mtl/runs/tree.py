"""What a run says of itself before it begins."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple, cast

import pytorch_lightning as L
import torch
from omegaconf import DictConfig, OmegaConf
from rich.text import Text
from rich.tree import Tree

from mtl.config.nearest import listing
from mtl.config.paths import in_sweep, is_baseline
from mtl.data.inspection.label_counts import label_counts
from mtl.data.inspection.looked import Looked
from mtl.data.sources.base import SPLITS
from mtl.model.network import Network
from mtl.terminal import console
from mtl.words import counted

QUIET_NODES = ("callbacks", "logger", "trainer", "hydra")
MOST_CLASSES = 10


class Fact(NamedTuple):
    """A line that no configuration says, and those that belong below it."""

    line: str
    below: tuple[str, ...] = ()


class Shown(NamedTuple):
    """What a job of a sweep was."""

    settings: dict[str, Any]
    facts: list[Fact]


_LAST: dict[Path, Shown] = {}
"""The last job, by the sweep's folder."""


def print_config(
    cfg: DictConfig, folder: Path, looked: Looked, network: Network, trainer: L.Trainer
) -> None:
    """The configuration as a tree, with device, classes, and the sizes of data and network.

    Of a sweep's later jobs, what follows from their headline: groups and sizes that have changed;
    of baselines nothing, since they are as the run that they are trained for.

    Args:
        cfg: the whole configuration.
        folder: of the run.
        looked: the data.
        network: built.
        trainer: likewise.
    """
    if is_baseline(folder):
        return
    settings = cast(dict[str, Any], OmegaConf.to_container(cfg, resolve=True))
    facts = [
        Fact(f"device: {_device(trainer)}, precision {trainer.precision}"),
        *_classes(looked),
        _samples(looked),
        Fact(f"parameters: {sum(p.numel() for p in network.parameters()) / 1e6:.2f} M"),
    ]
    now, last = Shown(settings, facts), _LAST.get(folder.parent)
    tree = Tree(Text(f"run {folder}", overflow="fold"), hide_root=last is not None)
    if in_sweep(folder):
        _LAST[folder.parent] = now
    _add(tree, now if last is None else _changed(last, now))
    if tree.children:
        console.print(tree, soft_wrap=not console.is_terminal)


def _changed(last: Shown, now: Shown) -> Shown:
    facts = [fact for fact in now.facts if fact not in last.facts]
    return Shown(_changed_groups(last.settings, now.settings), facts)


def _changed_groups(last: Mapping[str, Any], now: Mapping[str, Any]) -> dict[str, Any]:
    """Groups that have changed: of the same class those settings, of another class all."""
    found: dict[str, Any] = {}
    for key, node in now.items():
        before = last.get(key)
        if not isinstance(node, dict) or node == before:
            continue
        if key == "heads":
            found[key] = _changed_groups(last[key], node)
        elif before is not None and before.get("_target_") == node.get("_target_"):
            changed = {k: v for k, v in node.items() if before.get(k) != v}
            found[key] = {"_target_": node.get("_target_", ""), **changed}
        else:
            found[key] = node
    return found


def _add(tree: Tree, shown: Shown) -> None:
    plain = {k: v for k, v in shown.settings.items() if not isinstance(v, dict)}
    if plain:
        tree.add(Text("  ".join(f"{key}={_short(value)}" for key, value in plain.items())))
    for key, node in shown.settings.items():
        if not isinstance(node, dict) or key in QUIET_NODES:
            continue
        if key == "heads":
            heads = tree.add("heads")
            for task, head in node.items():
                heads.add(_line(head, task))
        else:
            tree.add(_line(node, key))
    for fact in shown.facts:
        branch = tree.add(Text(fact.line))
        for line in fact.below:
            branch.add(Text(line))


def _short(value: Any) -> str:
    return "[" + ", ".join(map(_short, value)) + "]" if isinstance(value, list) else str(value)


def _line(node: Mapping[str, Any], head: str = "") -> Text:
    """A group as one line: its class and its own settings."""
    name = str(node.get("_target_", "")).rpartition(".")[2]
    own = {k: v for k, v in node.items() if k != "_target_" and not isinstance(v, dict)}
    settings = "  ".join(f"{key}={_short(value)}" for key, value in own.items())
    return Text.assemble((head, "bold"), f" {name}  {settings}".rstrip(), overflow="fold")


def _device(trainer: L.Trainer) -> str:
    device = trainer.strategy.root_device
    times = f"{trainer.world_size} x " if trainer.world_size > 1 else ""
    if device.type == "cuda":
        return f"{times}{torch.cuda.get_device_name(device)}"
    threads = torch.get_num_threads()
    return f"{times}{device.type}, {counted(threads, 'thread')}"


def _classes(looked: Looked) -> list[Fact]:
    """The classes of the tasks' targets; targets that have the same ones come together."""
    names: dict[tuple[str, ...], list[str]] = {}
    for name, target in looked.targets.items():
        if target.classes:
            names.setdefault(target.titles, []).append(name)
    return [
        Fact(f"{counted(len(classes), 'class')} of {listing(found)}: {_some(classes)}")
        for classes, found in names.items()
    ]


def _some(classes: tuple[str, ...]) -> str:
    more = len(classes) - MOST_CLASSES
    shown = listing(classes[:MOST_CLASSES])
    return f"{shown} and {more} more" if more > 0 else shown


def _samples(looked: Looked) -> Fact:
    """Samples by split, and by task where some of them are not labelled for it."""
    total = {str(split): len(looked.sources.get(split, ())) for split in SPLITS}
    labelled: dict[str, dict[str, str]] = {task: {} for task in looked.cfg.tasks}
    partly = set()
    for split in SPLITS:
        found = label_counts(looked, split) if total[split] else None
        for task in looked.cfg.tasks:
            name = str(looked.cfg.heads[task].target)
            count = total[split] if found is None else found.counts[name]
            if count < total[split]:
                partly.add(task)
            about = "" if found is None or found.exact else "about "
            labelled[task][split] = f"{about}{count}"
    below = [f"labelled for {t}: {_pairs(labelled[t])}" for t in labelled if t in partly]
    return Fact(f"samples: {_pairs(total)}", tuple(below))


def _pairs(values: Mapping[str, object]) -> str:
    return "  ".join(f"{key} {value}" for key, value in values.items())
