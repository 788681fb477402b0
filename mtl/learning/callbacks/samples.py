"""What each sample was decided, kept compactly."""

import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytorch_lightning as L
import torch

from mtl.data.batch import Batch
from mtl.data.sources.base import Split
from mtl.files import write_whole
from mtl.learning.callbacks.watching import Watch
from mtl.learning.evaluation import Observer, Outputs
from mtl.learning.module import MultiTaskModule
from mtl.model.head.base import Head
from mtl.model.samples.base import Columns, HeadSamples
from mtl.model.samples.ids import packed

Parts = dict[str, list[npt.NDArray[np.generic]]]


class KeepSamples(Watch):
    """Writes ``samples/test.npz``: from it each task's main metric is had over any samples.

    ``mtl.runs.samples.KeptSamples`` reads it. A task whose head keeps nothing is absent.

    Args:
        split: another one than ``test``, for an evaluation by itself.
    """

    def __init__(self, split: Split = "test") -> None:
        self.split = split
        self.ids: dict[str, list[str]] = {}
        self.parts: dict[str, Parts] = {}
        self.heads: dict[str, HeadSamples] = {}

    def begin(self, trainer: L.Trainer, module: MultiTaskModule, split: Split) -> Observer | None:
        """Nothing is kept yet."""
        if split != self.split:
            return None
        made = {task: module.network.head(task).make_samples() for task in module.network.tasks}
        self.heads = {task: samples for task, samples in made.items() if samples is not None}
        self.ids, self.parts = {task: [] for task in self.heads}, {task: {} for task in self.heads}
        return self._keep

    def _keep(
        self,
        batch: Batch,
        decisions: Mapping[str, Any],
        outputs: Outputs,
    ) -> None:
        for task, samples in self.heads.items():
            if task in decisions:
                _, found = outputs[task]
                self.ids[task] += [batch.ids[row] for row in found.on_cpu.index.tolist()]
                for name, rows in samples.columns(decisions[task], found).items():
                    self.parts[task].setdefault(name, []).append(rows)

    def end(self, trainer: L.Trainer, module: MultiTaskModule, split: Split) -> None:
        """Put the ranks' samples together and write them."""
        own = {
            task: (self.ids[task], {name: np.concatenate(rows) for name, rows in parts.items()})
            for task, parts in self.parts.items()
            if parts
        }
        every: list[Any] = [own]
        if trainer.world_size > 1:
            every = [None] * trainer.world_size
            torch.distributed.all_gather_object(every, own)
        self.parts = {}
        if trainer.is_global_zero:
            heads = {task: module.network.head(task) for task in self.heads}
            path = Path(trainer.default_root_dir) / "samples" / f"{split}.npz"
            write_whole(path, _compressed(every, self.heads, heads))


def _compressed(
    ranks: list[dict[str, tuple[list[str], Columns]]],
    kept: Mapping[str, HeadSamples],
    heads: Mapping[str, Head],
) -> bytes:
    arrays: dict[str, Any] = {}
    for task, samples in kept.items():
        parts = [found[task] for found in ranks if task in found]
        if parts:
            arrays[f"{task}/kind"] = np.array(samples.kind)
            arrays[f"{task}/metric"] = np.array(heads[task].metrics[0])
            arrays[f"{task}/classes"] = packed(list(heads[task].target.classes))
            arrays[f"{task}/ids"] = packed([name for ids, _ in parts for name in ids])
            for name in parts[0][1]:
                arrays[f"{task}/{name}"] = np.concatenate([columns[name] for _, columns in parts])
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **arrays)
    return buffer.getvalue()
