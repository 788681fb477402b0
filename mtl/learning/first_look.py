"""What heads are shown of the training split before a fresh network's first step."""

from itertools import islice

from mtl.data.inspection.labelled import values_of
from mtl.data.loading.module import MultiTaskData
from mtl.model.head.base import Head
from mtl.model.network import Network

MOST = 50_000
"""Samples whose labels are looked at, evenly spread."""


def look_at_labels(network: Network, data: MultiTaskData) -> None:
    """Let every head that asks for it look at the labels that it is to learn.

    Args:
        network: with fresh weights; one from a checkpoint knows already.
        data: prepared.
    """
    source = data.files("train")
    for task in network.tasks:
        head = network.head(task)
        if source is not None and type(head).look_at is not Head.look_at:
            name = network.target_names[task]
            head.look_at(islice(values_of(source, name, head.target), MOST))
