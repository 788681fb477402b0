"""``steps=[select]``."""

from math import ceil

import torch

from mtl.runs.compression.base import Step, Workpiece
from mtl.runs.compression.select.analysis import analysed
from mtl.runs.compression.select.report import overlaps, rows, write
from mtl.runs.compression.select.smaller import Smaller, smaller

LOOKED_AT = 4
"""Images on which the smaller network's outputs are compared."""


class Select(Step):
    """Feature selection: each task's head reads the channels that it needs, and no others.

    Channels of the encoder that no head reads are taken out of fusion, and out of the encoder where
    no other of its layers reads them.

    Args:
        method: ``l0``, ``l1``, ``saliency`` or ``mutual_information``.
        keep: share of its channels that each task may keep, over all stages that its head reads.
        images: of the training split, on which channels are judged.
        gate_epochs: how often ``l0`` and ``l1`` go through these.
        epochs_factor: epochs of fine-tuning afterwards, in those of the run.
        lr_factor: the learning rate in that of the run.
    """

    strength = "keep"
    trains = True

    def __init__(
        self,
        method: str,
        keep: float,
        images: int,
        gate_epochs: int,
        epochs_factor: float,
        lr_factor: float,
    ) -> None:
        self.method = method
        self.keep = keep
        self.images = images
        self.gate_epochs = gate_epochs
        self.epochs_factor = epochs_factor
        self.lr_factor = lr_factor

    def apply(self, work: Workpiece) -> None:
        """See ``Step``; leaves ``channels.json`` and ``channels.png`` in the figures."""
        use = analysed(
            work.network, work.data, self.method, self.keep, self.images, self.gate_epochs
        )
        for cells in rows(use):
            work.say(f"{cells[0]} reads {cells[-1]} channels")
        for line in overlaps(use):
            work.say(line)
        for file in write(use, work.figures):
            work.say(f"written to {file}")
        batch = next(work.images("train", LOOKED_AT))
        image = batch.image if len(batch) > 1 else torch.cat([batch.image] * 2)
        found = smaller(work.network, use.kept, image)
        for line in _said(found):
            work.say(line)
        work.network = found.network
        epochs = ceil(self.epochs_factor * int(work.cfg.epochs))
        work.finetune(work.network, epochs, self.lr_factor * float(work.cfg.lr))


def _said(found: Smaller) -> list[str]:
    """What became of each stage."""
    return [
        f"stride {stride}: {left} of {all_} channels are left"
        + ("" if stride in found.removed else ", the others are computed for later layers")
        for stride, (left, all_) in sorted(found.used.items())
    ] or ["every channel is read by some task"]
