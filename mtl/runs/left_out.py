"""Objects that no part of a head answers for, said before anybody waits for them to be found."""

from collections.abc import Iterator

import numpy as np
import torch

from mtl.data.batch import Batch
from mtl.data.loading.module import MultiTaskData
from mtl.model.network import Network
from mtl.words import agreeing, counted

MOST_READ = 256
"""Samples that are looked at, evenly spread: looking may mean decoding their images."""
AT_ONCE = 32


def left_out_lines(network: Network, data: MultiTaskData) -> list[str]:
    """One line for each task that has such objects among the training samples.

    Args:
        network: built for the data.
        data: prepared; samples that can't be read are passed over.
    """
    tasks = [task for task in network.tasks if network.head(task).may_leave_out]
    if not tasks:
        return []
    _see_once(network, data.preprocess.image_size)
    found = {task: np.zeros(2, np.int64) for task in tasks}
    for batch in _spread(data):
        for task in tasks:
            labels = network.head(task).labels(batch, network.target_names[task])
            if labels is not None:
                found[task] += network.head(task).left_out(labels)
    size = data.preprocess.image_size
    whole = len(data.loading("train", augment=False))
    of = f" in {MOST_READ} of {whole} training samples" if whole > MOST_READ else ""
    return [
        f"{task}: {without} of {counted(objects, 'object')}{of} "
        f"{agreeing(without, 'has', 'have')} no point at image_size={size}, since smaller ones "
        f"nearby take theirs; a larger image_size or finer heads.{task}.strides help"
        for task, (without, objects) in ((task, counts.tolist()) for task, counts in found.items())
        if without
    ]


@torch.no_grad()
def _see_once(network: Network, size: int) -> None:
    """An empty picture, so that heads know the sizes of the maps."""
    training = network.training
    network.eval()
    like = next(network.parameters())
    network(like.new_zeros(1, network.image_channels, size, size))
    network.train(training)


def _spread(data: MultiTaskData) -> Iterator[Batch]:
    """Training samples as they are without augmentation."""
    loading = data.loading("train", augment=False)
    count = min(len(loading), MOST_READ)
    keys = [(0, int(place)) for place in np.arange(count) * len(loading) // count]
    for start in range(0, count, AT_ONCE):
        yield loading.__getitems__(keys[start : start + AT_ONCE])
