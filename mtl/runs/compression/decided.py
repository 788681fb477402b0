"""Metrics of an exported file, by its own decisions."""

from collections.abc import Mapping
from pathlib import Path

import torch

from mtl.data.loading.module import MultiTaskData
from mtl.data.sources.base import Split
from mtl.model.network import Network
from mtl.runs.export.read import read


def evaluate_file(
    network: Network, file: Path, data: MultiTaskData, split: Split
) -> Mapping[str, Mapping[str, float]]:
    """Run a file over a split, and count its decisions as those of a network are counted.

    Args:
        network: whose heads know labels, metrics and what the file's tensors are.
        file: written by ``mtl export`` or as that writes it, without preprocessing in it.
        data: opened.
        split: ``val`` or ``test``.

    Returns:
        Task to metric to value.

    Raises:
        UserError: there is no such split, or the file can't be read.
    """
    run = read(file).run
    metrics = {task: network.head(task).make_metrics() for task in network.tasks}
    for loaded in data.loader(split):
        data.note_broken(loaded.broken)
        if not len(loaded):
            continue
        batch = data.finish(loaded, training=False)
        outputs = run(batch.image.numpy())
        for task, counted in metrics.items():
            head = network.head(task)
            labels = head.labels(batch, network.target_names[task])
            if labels is None:
                continue
            own = {
                name.removeprefix(f"{task}."): torch.from_numpy(value)[labels.index]
                for name, value in outputs.items()
                if name.startswith(f"{task}.")
            }
            counted.update(head.from_exported(own), labels)
    return {
        task: {name: float(value) for name, value in counted.compute().items()}
        for task, counted in metrics.items()
    }
