"""Forty attributes as forty tasks, against one head that has all of them."""

import statistics
import tempfile
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import cv2
import numpy as np
import torch

from benchmarks.results import Entry, paired, rounded
from benchmarks.surroundings import surroundings
from benchmarks.weighting import Step, framework_step, in_turns
from mtl.config.load import load
from mtl.data.build import build_data
from mtl.data.sources.celeba import ATTRIBUTES, IMAGES, PARTITION
from mtl.learning.build import build_module
from mtl.model.build import build_network

COUNT = 40
NETWORK = ("backbone=resnet18", "image_size=64", "batch_size=64")
TINY = ("backbone=small_cnn", "backbone.width=8", "image_size=32", "batch_size=32")
GOALS = {
    "equal": 1.15,
    "pcgrad/representation": 2.0,
}
METHODS = {
    "equal": ("weighting=equal",),
    "pcgrad/representation": ("weighting=pcgrad", "weighting.at=representation"),
}


def attribute_tasks(
    rounds: int = 8, network: Sequence[str] = NETWORK, tiny: Sequence[str] = TINY
) -> dict[str, Entry]:
    """A step of forty tasks over that of one task with forty outputs, batches lying ready.

    Args:
        rounds: steps of each that count; one more warms up.
        network: overrides of the training that the goals are about.
        tiny: of a network so small that what the tasks cost is most of it, reported beside it.
    """
    return {
        f"attribute_tasks/{method}": _entry(method, rounds, network, tiny) for method in METHODS
    }


def _entry(method: str, rounds: int, network: Sequence[str], tiny: Sequence[str]) -> Entry:
    ours, theirs = side_by_side(method, rounds, network)
    small = [a / b for a, b in zip(*side_by_side(method, 4 * rounds, tiny), strict=True)]
    return paired(
        ours,
        theirs,
        goal=GOALS[method],
        better="lower",
        what=f"step of {COUNT} attributes as tasks, {method}, over that of one head for all",
        unit="ms",
        tiny_network=rounded(statistics.median(small)),
        **surroundings(),
    )


def side_by_side(
    method: str, rounds: int, network: Sequence[str]
) -> tuple[list[float], list[float]]:
    """Milliseconds of a step with forty heads and of one with one head, in turns.

    Args:
        method: of ``METHODS``.
        rounds: steps of each.
        network: overrides.
    """
    with tempfile.TemporaryDirectory() as folder:
        write_faces(Path(folder), 64)
        data = ("data=celeba", f"data.root={folder}", "data.workers=0", "augmentation=none")
        step = partial(_step, [*data, *network])
        many = step([f"tasks=[{','.join(_names())}]", *METHODS[method]])
        one = step(["head@heads.attributes=multilabel", "tasks=[attributes]"])
        return in_turns(many, one, rounds)


def _step(common: Sequence[str], own: Sequence[str]) -> Step:
    cfg = load([*common, *own])
    torch.manual_seed(cfg.seed)
    data = build_data(cfg)
    data.prepare_data()
    batch = data.finish(next(iter(data.loader("train", training=True))), training=True)
    module = build_module(cfg, build_network(cfg, data.targets)).train()
    return framework_step(module, module.make_optimizer(module.network, module.weighting), batch)


def _names() -> list[str]:
    return list(load(["data=celeba"], needs_data=False).tasks)


def write_faces(root: Path, count: int) -> None:
    """A folder as CelebA's: pictures of noise, with forty attributes drawn at random."""
    random = np.random.default_rng(0)
    (root / IMAGES).mkdir()
    files = [f"{number:06d}.jpg" for number in range(1, count + 1)]
    for file in files:
        cv2.imwrite(str(root / IMAGES / file), random.integers(0, 256, (64, 64, 3), np.uint8))
    values = random.choice([-1, 1], (count, COUNT))
    rows = [f"{file} {' '.join(map(str, own))}" for file, own in zip(files, values, strict=True)]
    names = " ".join(_names())
    (root / ATTRIBUTES).write_text("\n".join([str(count), names, *rows]) + "\n")
    (root / PARTITION).write_text("".join(f"{file} 0\n" for file in files))
