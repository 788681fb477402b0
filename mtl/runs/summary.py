"""What a run says of itself before it begins."""

import textwrap
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple, cast

import pytorch_lightning as L
import torch
from omegaconf import DictConfig, OmegaConf
from rich.console import Console
from rich.text import Text

from mtl.config.nearest import listing
from mtl.config.paths import in_sweep, is_baseline
from mtl.data.inspection.label_counts import label_counts
from mtl.data.inspection.looked import Looked
from mtl.data.sources.base import SPLITS
from mtl.files import printable, shown
from mtl.model.network import Network
from mtl.runs.chosen import changed
from mtl.runs.compare.member_names import MemberNames
from mtl.terminal import console, in_width
from mtl.words import counted, some

TOLD = (
    *("name", "tasks", "seed", "epochs", "batch_size", "image_size", "lr"),
    *("data", "backbone", "encoder", "weighting", "optimizer"),
)
"""Keys and groups that the lines tell, whether they are as by default or not."""
CONFIG = "config.yaml"


class Fact(NamedTuple):
    """A line, and those that belong below it.

    Args:
        label: what it is about.
        lines: at least one.
        follows: whether it is more than what was asked for: sizes of data and network.
    """

    label: str
    lines: tuple[str, ...]
    follows: bool = False


_LAST: dict[Path, list[Fact]] = {}
"""The last job's, by the sweep's folder."""
INDENT = 10


def print_summary(
    cfg: DictConfig, folder: Path, looked: Looked, network: Network, trainer: L.Trainer
) -> None:
    """What is trained, on what, and where it is written, and which settings aren't the usual ones.

    All of them are in the run's ``config.yaml``. Of a sweep's later jobs, which have a headline of
    their own, only sizes of data and network that have changed; of baselines nothing, since they
    are as the run that they are trained for.

    Args:
        cfg: the whole configuration.
        folder: of the run.
        looked: the data.
        network: built.
        trainer: likewise.
    """
    if is_baseline(folder):
        return
    facts = facts_of(cfg, looked, network, trainer)
    last = _LAST.get(folder.parent)
    if in_sweep(folder):
        _LAST[folder.parent] = facts
    if last is None:
        head = printable(f"run {shown(folder)}, where {CONFIG} has all settings")
        fitted = in_width(head, console.width) if console.is_terminal else head
        console.print(fitted, markup=False)
    for fact in facts:
        if last is None or (fact.follows and fact not in last):
            console.print(drawn(fact, console))


def drawn(fact: Fact, to: Console) -> Text:
    """A fact's lines beside its label; on a terminal they end between words."""
    width = to.width - INDENT if to.is_terminal else None
    lines = [line for text in fact.lines for line in _wrapped(printable(text), width)]
    text = f"\n{' ' * INDENT}".join(lines)
    return Text.assemble((f"{fact.label:<{INDENT}}", "bold"), text)


def _wrapped(text: str, width: int | None) -> list[str]:
    if width is None:
        return [text]
    return textwrap.wrap(text, max(width, INDENT), break_long_words=False, break_on_hyphens=False)


def facts_of(cfg: DictConfig, looked: Looked, network: Network, trainer: L.Trainer) -> list[Fact]:
    """Tasks, data, network, training, and what is otherwise than by default.

    Args:
        cfg: see ``print_summary``.
        looked: likewise.
        network: likewise.
        trainer: likewise.
    """
    plain = cast(dict[str, Any], OmegaConf.to_container(cfg, resolve=True))
    names = MemberNames()
    member = {group: names.of(group, plain[group]) for group in names.groups if group in TOLD}
    parameters = sum(p.numel() for p in network.parameters()) / 1e6
    training = (
        f"{counted(cfg.epochs, 'epoch')}, batch_size {cfg.batch_size}, {member['optimizer']} with "
        f"lr {cfg.lr:g}, weighting {member['weighting']}, seed {cfg.seed}; on {_device(trainer)}, "
        f"precision {trainer.precision}"
    )
    samples, *more = _data(looked)
    facts = [
        Fact("tasks", (listing(cfg.tasks),)),
        Fact("data", (f"{member['data']}: {samples}", *more), follows=True),
        Fact(
            "network",
            (
                f"{member['backbone']}, encoder {member['encoder']}: {parameters:.2f} M "
                f"parameters, {cfg.image_size} x {cfg.image_size} pixels",
            ),
            follows=True,
        ),
        Fact("training", (training,)),
    ]
    if others := changed(plain, TOLD):
        facts.append(Fact("changed", (" ".join(others),)))
    return facts


def _device(trainer: L.Trainer) -> str:
    device = trainer.strategy.root_device
    times = f"{trainer.world_size} x " if trainer.world_size > 1 else ""
    if device.type == "cuda":
        return f"{times}{torch.cuda.get_device_name(device)}"
    threads = torch.get_num_threads()
    return f"{times}{device.type}, {counted(threads, 'thread')}"


def _classes(looked: Looked) -> list[str]:
    """The classes of the tasks' targets; targets that have the same ones come together."""
    names: dict[tuple[str, ...], list[str]] = {}
    for name, target in looked.targets.items():
        if target.classes:
            names.setdefault(target.titles, []).append(name)
    return [
        f"{counted(len(classes), 'class')} of {listing(found)}: {some(classes)}"
        for classes, found in names.items()
    ]


def _data(looked: Looked) -> list[str]:
    """Numbers of samples, classes, and numbers by task where some are not labelled for it."""
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
    return [_pairs(total), *_classes(looked), *below]


def _pairs(values: Mapping[str, object]) -> str:
    return ", ".join(f"{key} {value}" for key, value in values.items())
