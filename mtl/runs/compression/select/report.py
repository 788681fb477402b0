"""Channel use as a picture, a file and lines on the terminal."""

from collections.abc import Iterator
from itertools import combinations
from pathlib import Path

import numpy as np
import torch

from mtl.drawing.channels import Panel, draw_channels
from mtl.drawing.write import write_png
from mtl.files import write_json
from mtl.runs.compression.select.use import ChannelUse

MEANING = {
    "l0": "chance that the gate is open",
    "l1": "how far, and how long, the gate is open",
    "saliency": "change of the loss without the channel",
    "mutual_information": "information on the label",
}
"""Method to what its scores are."""


def write(use: ChannelUse, folder: Path) -> tuple[Path, Path]:
    """``channels.json`` and ``channels.png``.

    Returns:
        Their paths.
    """
    files = folder / "channels.json", folder / "channels.png"
    write_json(files[0], use.plain(), indent=None)
    write_png(files[1], draw_channels(list(_panels(use)), MEANING[use.method]))
    return files


def rows(use: ChannelUse) -> list[list[str]]:
    """For the terminal: each task's kept channels by stage, ``12 of 64``, and all together."""
    found = []
    for task, levels in use.kept.items():
        counts = {s: (len(index), len(use.scores[task][s])) for s, index in levels.items()}
        cells = [f"{k} of {n}" for k, n in (counts.get(s, (0, 0)) for s in use.strides)]
        total = [sum(numbers) for numbers in zip(*counts.values(), strict=True)]
        shown = ["-" if cell == "0 of 0" else cell for cell in cells]
        found.append([task, *shown, f"{total[0]} of {total[1]}"])
    return found


def overlaps(use: ChannelUse) -> list[str]:
    """A line for each pair of tasks that choose among the same channels."""
    pairs = [(a, b, use.overlap(a, b)) for a, b in combinations(use.scores, 2)]
    return [
        f"{a} and {b} share {100 * share:.0f} % of the channels that either keeps"
        for a, b, share in pairs
        if share is not None
    ]


def _panels(use: ChannelUse) -> Iterator[Panel]:
    for stride in use.strides:
        groups = use.groups[stride]
        for group in groups:
            scores = torch.stack([use.scores[task][stride] for task in group]).double().numpy()
            most = [max(float(own.max()) for own in use.scores[task].values()) for task in group]
            # Few channels have most of the score: by their roots the others can be told apart too.
            shown = np.sqrt(scores / np.maximum(np.array(most), 1e-30)[:, None])
            kept = torch.stack([use.keeps(task, stride) for task in group]).numpy()
            yield Panel(_title(stride, kept, several=len(group) > 1), group, shown, kept)


def _title(stride: int, kept: np.ndarray, several: bool) -> str:
    count, tasks = kept.shape[1], kept.sum(0)
    none = int((tasks == 0).sum())
    if not several:
        return f"stride {stride}: {count - none} of {count} channels kept"
    every = int((tasks == len(kept)).sum())
    some = count - none - every
    return (
        f"stride {stride}: of {count} channels {every} kept by all, {some} by some, {none} by none"
    )
