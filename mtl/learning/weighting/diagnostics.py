"""How the gradients of the tasks lie to each other, whichever way they make a step."""

import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import pytorch_lightning as L
import torch
from torch import Tensor, nn

from mtl.errors import UserError
from mtl.learning.weighting.gramian import gramian
from mtl.learning.weighting.layout import Entry, layout, trainable
from mtl.learning.weighting.ranks import TaskLosses, add_over_ranks
from mtl.learning.weighting.window import Found, Window
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


def shared_entries(network: Network, option: str) -> tuple[Entry, ...]:
    """The parameters that several tasks share.

    Args:
        network: any.
        option: what asked for them, for the message.

    Raises:
        UserError: there are none.
    """
    if len(network.tasks) < 2:
        raise UserError(f"{option}: needs two tasks or more, and there is one: {network.tasks[0]}")
    found = tuple(entry for entry in layout(network) if entry.combined)
    if not found:
        raise UserError(f"{option}: the tasks share no parameters with this encoder")
    return found


def loss_scale(trainer: L.Trainer) -> float:
    """Mixed precision's factor on the loss, without which small gradients vanish in float16."""
    scaler = getattr(trainer.precision_plugin, "scaler", None)
    return float(scaler.get_scale()) if scaler is not None else 1.0


def task_gradients(
    entries: tuple[Entry, ...], losses: Mapping[str, Tensor], factors: Mapping[str, float]
) -> dict[str, Found]:
    """Each loss's gradient at the shared parameters that train; ``.grad`` is left alone.

    Args:
        entries: of the shared parameters.
        losses: of one batch; their graph is used up.
        factors: task to the factor on its gradient.
    """
    found: dict[str, Found] = {}
    present = list(losses)
    for task in present:
        inputs = [entry.parameter for entry in trainable(entries) if task in entry.tasks]
        upstream = torch.full_like(losses[task], factors[task])
        gradients = (
            torch.autograd.grad(
                losses[task],
                inputs,
                upstream,
                retain_graph=task != present[-1],
                allow_unused=True,
            )
            if inputs and losses[task].requires_grad
            else ()
        )
        pairs = zip(inputs, gradients, strict=bool(gradients))
        found[task] = {p: gradient for p, gradient in pairs if gradient is not None}
    return found


class StepGradients:
    """The gradients of the tasks in one step: over its accumulated batches and all processes.

    Each labelled sample counts alike, wherever it is.

    Args:
        network: any.
        entries: its shared parameters.
    """

    def __init__(self, network: Network, entries: tuple[Entry, ...]) -> None:
        self.entries = entries
        self.window = Window(network.tasks)
        self.scale: float | None = None

    def add(self, losses: TaskLosses, scale: float) -> None:
        """Count one batch.

        Args:
            losses: of it.
            scale: see ``loss_scale``.
        """
        if self.scale is None:
            # What counts every sample would not fit into float16 where their mean just does.
            self.scale = scale / max(losses.totals.values(), default=1.0)
        factors = {task: self.scale * count for task, count in losses.counts.items()}
        found = task_gradients(self.entries, losses.local, factors)
        # Gradients may be views of each other's memory, and the window adds in place.
        owned = {task: {p: g.clone() for p, g in row.items()} for task, row in found.items()}
        self.window.add(owned, None, losses)

    def take(self) -> tuple[dict[str, Found], float]:
        """Mean gradients of the tasks with a label, and the scale that is on them."""
        found, _, values = self.window.take()
        scale, self.scale = self.scale or 1.0, None
        reached = trainable(self.entries)
        averaged = {
            task: add_over_ranks(
                found.get(task, {}), [e.parameter for e in reached if task in e.tasks]
            )
            for task in self.window.tasks
            if task in values
        }
        return averaged, scale


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
    entries: Sequence[Entry], gradients: Mapping[str, Found], scale: float
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
