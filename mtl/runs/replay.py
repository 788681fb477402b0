"""Going once more through the step whose loss was not finite."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from omegaconf import DictConfig
from torch import Tensor

from mtl.config.backbones import without_first_weights
from mtl.config.paths import NOT_FINITE
from mtl.data.batch import Batch, BatchValue
from mtl.data.build import build_data
from mtl.data.loading.module import MultiTaskData
from mtl.data.loading.sampler import Key
from mtl.errors import UserError
from mtl.learning.build import build_module
from mtl.learning.checkpoints import load_network_weights
from mtl.learning.module import MultiTaskModule
from mtl.learning.seeding import seed_step
from mtl.learning.trainer import build_trainer
from mtl.model.build import build_network
from mtl.runs.kept_step import kept_step


@dataclass(frozen=True)
class TaskReplay:
    """What a task made of a batch.

    Args:
        batch: from 1, of those that make the step.
        task: its name.
        samples: how many its loss is the mean of.
        loss: times the task's weight.
        gradient: norm of the loss's gradient at all parameters.
    """

    batch: int
    task: str
    samples: int
    loss: float
    gradient: float


@dataclass(frozen=True)
class Values:
    """What the numbers of an image or a target are.

    Args:
        batch: from 1.
        name: ``image``, as the network takes it, or the target's.
        bounds: the smallest and the largest finite one; None where there is none.
        not_finite: how many are NaN or infinite; some kinds of target mark so what is unknown.
        of: how many there are.
        samples: ids of those images that have any, or are of one colour.
    """

    batch: int
    name: str
    bounds: tuple[float | None, float | None]
    not_finite: int
    of: int
    samples: tuple[str, ...] = ()


@dataclass(frozen=True)
class Replay:
    """A step that was gone through again.

    Args:
        kept: what ``batch.json`` says of it.
        tasks: a row for each task of each batch.
        values: a row for each input of each batch.
    """

    kept: dict[str, Any]
    tasks: list[TaskReplay]
    values: list[Values]

    @property
    def bad(self) -> list[str]:
        """Tasks whose loss is not finite, or its gradient is not."""
        found = [row.task for row in self.tasks if not _finite(row.loss, row.gradient)]
        return list(dict.fromkeys(found))


def replay(cfg: DictConfig, folder: Path) -> Replay:
    """Read the kept samples again, with the same random choices, and take their losses.

    Args:
        cfg: the run's configuration, with overrides.
        folder: of the run.

    Raises:
        UserError: nothing was kept, or the data is no longer there.
        BadFile: what was kept can't be read.
    """
    kept, keys = kept_step(folder)
    cfg = cfg.copy()
    cfg.trainer.devices, cfg.trainer.num_nodes, cfg.trainer.strategy = 1, 1, "auto"
    without_first_weights(cfg)
    data = build_data(cfg)
    data.prepare_data()
    network = build_network(cfg, data.targets)
    load_network_weights(network, folder / NOT_FINITE / "weights.ckpt")
    module = build_module(cfg, network)
    trainer = build_trainer(cfg, folder, [], [])
    module.to(trainer.strategy.root_device).train()
    still = set(kept["eval"])
    for name, part in network.named_modules():
        part.training = name not in still
    network.retired = frozenset(kept["retired"])
    network.encoder.begin_step((kept["epoch"] - 1) / cfg.epochs)
    tasks, values = [], []
    for number, batch in enumerate(_batches(data, keys, kept["samples"], module.device), 1):
        with trainer.precision_plugin.train_step_context():
            tasks += _tasks(number, module, batch)
        values += _values(number, batch)
    return Replay(kept, tasks, values)


def _batches(
    data: MultiTaskData, keys: list[list[Key]], ids: list[str], device: torch.device
) -> list[Batch]:
    loading = data.loading("train", augment=True)
    found = [loading.__getitems__(batch) for batch in keys]
    for batch in found:
        data.note_broken(batch.broken)
    there = [name for batch in found for name in batch.ids]
    if there != ids:
        other = next((a for a, b in zip(ids, there, strict=False) if a != b), "some samples")
        raise UserError(f"the data is not what the run had: {other} was of that step")
    return [data.finish(batch.to(device), training=True) if batch.ids else batch for batch in found]


def _tasks(number: int, module: MultiTaskModule, batch: Batch) -> list[TaskReplay]:
    seed_step(batch.seed, module.device)
    losses, counts = module.counted_losses(batch)
    parameters = [p for p in module.network.parameters() if p.requires_grad]
    rows = []
    for task, loss in losses.items():
        found = torch.autograd.grad(loss, parameters, retain_graph=True, allow_unused=True)
        norms = [gradient.float().norm() for gradient in found if gradient is not None]
        norm = float(torch.stack(norms).norm()) if norms else 0.0
        rows.append(TaskReplay(number, task, counts[task], float(loss.detach()), norm))
    return rows


def _values(number: int, batch: Batch) -> list[Values]:
    image = batch.image.float()
    flat = image.flatten(1)
    odd = ~flat.isfinite().all(1) | (flat == flat[:, :1]).all(1)
    samples = tuple(name for name, is_odd in zip(batch.ids, odd.tolist(), strict=True) if is_odd)
    rows = [_row(number, "image", [image], samples)]
    for name, labelled in batch.targets.items():
        value = labelled.value
        rows.append(_row(number, name, [value] if isinstance(value, Tensor) else _parts(value)))
    return rows


def _parts(value: BatchValue) -> list[Tensor]:
    found: list[Tensor] = []

    def see(part: Tensor) -> Tensor:
        found.append(part)
        return part

    value.map(see)
    return found


def _row(number: int, name: str, tensors: list[Tensor], samples: tuple[str, ...] = ()) -> Values:
    flat = [tensor.detach().double().flatten() for tensor in tensors]
    together = torch.cat(flat) if flat else torch.zeros(0)
    finite = together[together.isfinite()]
    bounds = (float(finite.min()), float(finite.max())) if len(finite) else (None, None)
    missing = len(together) - len(finite)
    return Values(number, name, bounds, missing, len(together), samples)


def _finite(*values: float) -> bool:
    return bool(torch.tensor(values).isfinite().all())
