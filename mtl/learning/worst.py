"""The samples of a split that each task does worst on."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor

from mtl.data.batch import Batch, Labelled
from mtl.learning.evaluation import Outputs
from mtl.model.ensemble.streams import split, together
from mtl.model.figures.beside_truth import ShownSample, shown
from mtl.model.network import Network


@dataclass(frozen=True)
class Bad:
    """A sample with a large loss.

    Args:
        loss: of one task, without the task's weight.
        sample: as it will be drawn.
    """

    loss: float
    sample: ShownSample


class WorstSamples:
    """Keeps the samples on which each task's loss is largest, batch by batch.

    Each sample's loss is that of the sample alone. Where that says nothing (similarity compares
    samples, so one has a loss of 0) there is no worst one.

    Args:
        network: in evaluation mode.
        number: how many for each task, 1 or more.
    """

    def __init__(self, network: Network, number: int) -> None:
        self.network = network
        self.number = number
        self.found: dict[str, list[Bad]] = {}

    def count(
        self,
        batch: Batch,
        decisions: Mapping[str, Any],
        outputs: Outputs,
    ) -> None:
        """Look at a batch.

        Args:
            batch: with a normalised float image.
            decisions: are not looked at.
            outputs: what ``Network.labelled_outputs`` gave for it.
        """
        for task, (raw, labels) in outputs.items():
            losses = sample_losses(self.network, task, raw, labels)
            least = min((bad.loss for bad in self.of(task)), default=0.0)
            full = len(self.of(task)) == self.number
            # NaN is no number to rank by; infinity is the worst.
            losses = losses.nan_to_num(0.0, torch.inf)
            values, places = losses.topk(min(self.number, len(losses)))
            new = [
                (value, int(labels.index[place]))
                for value, place in zip(values.tolist(), places.tolist(), strict=True)
                if value > (least if full else 0.0)
            ]
            samples = shown(self.network, batch, [row for _, row in new])
            self._add(task, [Bad(loss, s) for (loss, _), s in zip(new, samples, strict=True)])

    def of(self, task: str) -> list[Bad]:
        """Those of a task, the worst first."""
        return self.found.get(task, [])

    def gather(self, world_size: int) -> None:
        """Take in what the other processes have found; all of them have to call this."""
        if world_size == 1:
            return
        everywhere: list[dict[str, list[Bad]] | None] = [None] * world_size
        torch.distributed.all_gather_object(everywhere, self.found)
        self.found = {}
        for found in everywhere:
            for task, bad in (found or {}).items():
                self._add(task, bad)

    def _add(self, task: str, bad: list[Bad]) -> None:
        if bad:
            ranked = sorted([*self.of(task), *bad], key=lambda entry: -entry.loss)
            self.found[task] = ranked[: self.number]


def sample_losses(network: Network, task: str, raw: Any, labels: Labelled) -> Tensor:
    """(n,) float32 on the CPU: the loss of each sample by itself.

    Args:
        network: in evaluation mode.
        task: its name.
        raw: output of the head for S·n rows.
        labels: of the n samples.
    """
    streams = split(raw, network.fusion.streams)
    losses = []
    for place in range(len(labels.index)):
        row = slice(place, place + 1)
        own = together(streams, partial(_rows, row))
        losses.append(network.loss(task, own, Labelled(labels.index[row], labels.value[row])))
    return torch.stack(losses).float().cpu() if losses else torch.zeros(0)


def _rows(row: slice, parts: Sequence[Tensor]) -> Tensor:
    return torch.cat([part[row] for part in parts])
