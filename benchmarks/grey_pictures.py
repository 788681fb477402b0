"""Training on as many small grey pictures as Fashion-MNIST has."""

import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

from benchmarks.results import Entry, rounded
from benchmarks.step import with_progress_bar
from benchmarks.surroundings import surroundings
from mtl.config.load import load
from mtl.data.build import build_data
from mtl.learning.callbacks.throughput import Throughput
from mtl.learning.quiet import quiet_lightning
from mtl.model.build import build_network

PARTS = {"train": 60_000, "t10k": 10_000}
RATE, WAIT = 20_000, 0.05
"""Images per second, or the share of the time that is spent waiting for them."""
RECIPE = ("experiment=multifashion", "augmentation=light", "augmentation.hflip=0", "epochs=2")


def grey_pictures(recipe: Sequence[str] = RECIPE) -> Entry:
    """MultiFashion of 70,000 pictures through LeNet, as ``mtl train`` does it.

    Args:
        recipe: overrides.
    """
    quiet_lightning()
    with tempfile.TemporaryDirectory() as folder:
        write_idx(Path(folder))
        cfg = load([*recipe, f"data.root={folder}", "trainer.limit_val_batches=0"])
        torch.manual_seed(cfg.seed)
        data = build_data(cfg)
        data.prepare_data()
        throughput = Throughput()
        network = build_network(cfg, data.targets)
        with_progress_bar(cfg, Path(folder), data, network, [throughput])
    rate, wait = throughput.images_per_second, throughput.data_wait
    return Entry(
        rounded(min(RATE / rate, wait / WAIT)),
        1,
        "lower",
        f"augmented training on 70,000 pairs of 36 px, LeNet: {RATE:,} images/s over its own, or "
        f"its share of waiting over {WAIT:g}, whichever is better",
        {"images_per_second": rounded(rate), "data_wait": rounded(wait), **surroundings()},
    )


def write_idx(root: Path) -> None:
    """Files as Fashion-MNIST's: soft shapes at random places, and random classes."""
    random = np.random.default_rng(0)
    for part, count in PARTS.items():
        across, down = np.exp(-(((np.arange(28) - random.uniform(8, 20, (2, count, 1))) / 6) ** 2))
        pixels = (255 * down[:, :, None] * across[:, None]).astype(np.uint8)
        classes = random.integers(0, 10, count).astype(np.uint8)
        for name, values in (("images-idx3", pixels), ("labels-idx1", classes)):
            head = np.array([0x0800 + values.ndim, *values.shape], ">u4")
            (root / f"{part}-{name}-ubyte").write_bytes(head.tobytes() + values.tobytes())
