"""Which tasks use which channels, as numbers."""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import torch
from torch import Tensor

from mtl.model.network import Network
from mtl.runs.compression.select.levels import fused

Groups = Mapping[int, tuple[tuple[str, ...], ...]]
"""Stride to the tasks whose heads read the same maps, group by group."""


@dataclass(frozen=True)
class ChannelUse:
    """Scores of channels, and what was chosen by them.

    Args:
        method: how channels were judged.
        keep: share of its channels that each task may keep.
        scores: task to stride to (C,), the larger, the more useful; they compare within a task.
        kept: task to stride to the channels it keeps, (k,) int64.
        groups: where an index means the same channel for several tasks.
    """

    method: str
    keep: float
    scores: Mapping[str, Mapping[int, Tensor]]
    kept: Mapping[str, Mapping[int, Tensor]]
    groups: Groups

    @property
    def strides(self) -> tuple[int, ...]:
        """Those that any head reads, from fine to coarse."""
        return tuple(sorted({stride for levels in self.scores.values() for stride in levels}))

    def keeps(self, task: str, stride: int) -> Tensor:
        """(C,) bool."""
        kept = torch.zeros(len(self.scores[task][stride]), dtype=torch.bool)
        kept[self.kept[task][stride]] = True
        return kept

    def overlap(self, one: str, other: str, stride: int | None = None) -> float | None:
        """Channels that both tasks keep over those that either keeps (Jaccard), 0..1.

        Args:
            one: a task.
            other: another.
            stride: of a single stage; None: all stages together.

        Returns:
            None where the tasks have no maps in common.
        """
        both = either = 0
        for level in self.strides if stride is None else (stride,):
            if any({one, other} <= set(group) for group in self.groups.get(level, ())):
                a, b = self.keeps(one, level), self.keeps(other, level)
                both, either = both + int((a & b).sum()), either + int((a | b).sum())
        return both / either if either else None

    def plain(self) -> dict[str, Any]:
        """As JSON holds it."""
        pairs = list(combinations(self.scores, 2))
        return {
            "method": self.method,
            "keep": self.keep,
            "tasks": {
                task: {
                    str(stride): {
                        "channels": len(scores),
                        "kept": self.kept[task][stride].tolist(),
                        "scores": [float(f"{score:.6g}") for score in scores.tolist()],
                    }
                    for stride, scores in levels.items()
                }
                for task, levels in self.scores.items()
            },
            "overlap": {
                "all": {f"{a}/{b}": self.overlap(a, b) for a, b in pairs},
                **{
                    str(s): {f"{a}/{b}": self.overlap(a, b, s) for a, b in pairs}
                    for s in self.strides
                },
            },
        }


def groups_of(network: Network, image: Tensor) -> Groups:
    """Which tasks get the same maps, by stride.

    Args:
        network: in evaluation mode.
        image: (B, 3, H, W) normalised.
    """
    found: dict[int, dict[int, list[str]]] = {}
    features = fused(network, image)
    for task, levels in features.items():
        for stride, maps in levels.items():
            found.setdefault(stride, {}).setdefault(id(maps), []).append(task)
    return {s: tuple(tuple(tasks) for tasks in by_map.values()) for s, by_map in found.items()}
