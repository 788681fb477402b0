"""How the gradients of the tasks lie to each other, whichever way they make a step."""

import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import pytorch_lightning as L
import torch
from torch import Tensor, nn

from mtl.learning.gradients.accumulation import Part
from mtl.learning.gradients.combine import Gradients, add_into
from mtl.learning.gradients.per_task import task_gradients
from mtl.learning.gradients.ranks import add_over_ranks
from mtl.learning.gradients.reach import ParameterReach, trainable
from mtl.learning.weighting.tools.inner_products import gramian
from mtl.model.network import Network

EVERYWHERE = ""
"""Key of what is measured over all shared parameters together."""


@contextmanager
def undisturbed(trainer: L.Trainer, network: Network, device: torch.device) -> Iterator[None]:
    """Passes inside leave no trace: random numbers and running statistics are put back.

    Args:
        trainer: whose precision is used.
        network: in training mode.
        device: of the network.
    """
    kept = [(buffer, buffer.clone()) for buffer in network.buffers()]
    devices = [device] if device.type == "cuda" else []
    with torch.random.fork_rng(devices), trainer.precision_plugin.train_step_context():
        yield
    with torch.no_grad():
        for buffer, value in kept:
            buffer.copy_(value)


def loss_scale(trainer: L.Trainer) -> float:
    """Mixed precision's factor on the loss, without which small gradients vanish in float16."""
    scaler = getattr(trainer.precision_plugin, "scaler", None)
    return float(scaler.get_scale()) if scaler is not None else 1.0


class StepGradients:
    """The gradients of the tasks in one step: over its accumulated batches and all processes.

    Args:
        entries: the network's shared parameters.
    """

    def __init__(self, entries: tuple[ParameterReach, ...]) -> None:
        self.entries = entries
        self.sums: dict[str, Gradients] = {}

    def add(self, part: Part, scale: float) -> None:
        """Count one batch.

        Args:
            part: of the step.
            scale: see ``loss_scale``.
        """
        factors = {task: scale * share for task, share in part.shares.items()}
        for task, gradients in task_gradients(self.entries, part.losses, factors).items():
            # Gradients may be views of each other's memory, and sums are made in place.
            own = {p: g.clone() for p, g in gradients.items()}
            add_into(self.sums.setdefault(task, {}), own)

    def take(self, tasks: Sequence[str]) -> dict[str, Gradients]:
        """Mean gradients of the tasks of the step; then start afresh.

        Args:
            tasks: those with a label in it.
        """
        found, self.sums = self.sums, {}
        reached = trainable(self.entries)
        return {
            task: add_over_ranks(
                found.get(task, {}), [e.parameter for e in reached if task in e.tasks]
            )
            for task in tasks
        }


@dataclass(frozen=True)
class GradientConflict:
    """How the gradients of m tasks lie to each other.

    Args:
        tasks: m names: those with a label.
        norms: (m,) float64, over all shared parameters.
        cosines: place to (m, m) float64, over all shared parameters (``EVERYWHERE``) and over
            those of each stage; NaN where two tasks share nothing there, or a gradient is zero.
    """

    tasks: tuple[str, ...]
    norms: Tensor
    cosines: dict[str, Tensor]

    def pairs(self, place: str = EVERYWHERE) -> dict[tuple[str, str], float]:
        """The cosines that there are, by names of two tasks."""
        matrix = self.cosines[place].tolist()
        found = {
            (a, b): matrix[i][j]
            for i, a in enumerate(self.tasks)
            for j, b in enumerate(self.tasks)
            if i < j
        }
        return {pair: value for pair, value in found.items() if not math.isnan(value)}

    @property
    def share(self) -> float | None:
        """Share of pairs with a negative cosine, 0..1; None without any pair."""
        values = self.pairs().values()
        return sum(value < 0 for value in values) / len(values) if values else None


@torch.no_grad()
def gradient_conflict(
    entries: Sequence[ParameterReach], gradients: Mapping[str, Gradients], scale: float
) -> GradientConflict | None:
    """Norms and cosines; None where a gradient overflowed, or there is none.

    Args:
        entries: of the shared parameters.
        gradients: task to its gradient.
        scale: the factor that is on them.
    """
    tasks = tuple(gradients)
    places: dict[str | None, list[nn.Parameter]] = {}
    for entry in entries:
        places.setdefault(entry.stage, []).append(entry.parameter)
    if not tasks:
        return None
    products, met = [], []
    for parameters in places.values():
        rows = [[gradients[task].get(p) for p in parameters] for task in tasks]
        products.append(gramian(rows, parameters[0]).double())
        reached = torch.tensor([[g is not None for g in row] for row in rows]).double()
        met.append(reached @ reached.T > 0)
    gramians = torch.stack(products).cpu() / scale**2
    if not bool(torch.isfinite(gramians).all()):
        return None
    found = {
        place: _cosines(product, together)
        for place, product, together in zip(places, gramians, met, strict=True)
        if place is not None
    }
    whole = gramians.sum(0)
    everywhere = {EVERYWHERE: _cosines(whole, torch.stack(met).any(0))}
    return GradientConflict(tasks, whole.diagonal().sqrt(), everywhere | found)


def _cosines(gramian: Tensor, met: Tensor) -> Tensor:
    norms = gramian.diagonal().clamp(min=0).sqrt()
    cosines = (gramian / norms[:, None] / norms).clamp(-1, 1)
    return torch.where(met & (norms > 0) & (norms[:, None] > 0), cosines, torch.nan)
