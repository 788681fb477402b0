"""Short trainings whose gradients are kept, and the tasks' plain gradients on the same batches."""

from functools import cache
from pathlib import Path

import pytest
import pytorch_lightning as L
import torch
from torch import Tensor
from training_kit import fit

from mtl.config.load import load
from mtl.learning.gradients.reach import layout
from mtl.learning.module import MultiTaskModule
from mtl.learning.weighting.bases.task_gradients import TaskGradients

SHAPES = [
    "data=shapes",
    "data.train=16",
    "data.val=2",
    "data.test=2",
    "tasks=[classification,box,segmentation]",
    "image_size=32",
    "batch_size=8",
    "backbone=plain",
    "augmentation=none",
    "scheduler=constant",
    "epochs=1",
    "heads.segmentation.channels=8",
    "trainer.gradient_clip_val=null",
]
PARTIAL = ["data=alternating", "backbone=plain", "augmentation=none", "batch_size=4", "epochs=1"]
SGD = ["optimizer=sgd", "optimizer.momentum=0", "optimizer.nesterov=false"]
SGD += ["optimizer.weight_decay=0", "lr=0.1"]


class Gradients(L.Callback):
    """Keeps what is in .grad at each step, and the batch and weights that it came from."""

    def __init__(self) -> None:
        self.steps: list[dict[str, Tensor]] = []
        self.batches: list[object] = []
        self.states: list[dict[str, Tensor]] = []
        self.in_force: list[dict[str, float]] = []

    def on_train_batch_start(
        self, trainer: object, pl_module: MultiTaskModule, batch: object, _: int
    ) -> None:
        self.batches.append(batch)
        self.states.append({k: v.clone() for k, v in pl_module.network.state_dict().items()})

    def on_before_optimizer_step(
        self, trainer: object, pl_module: MultiTaskModule, _: object
    ) -> None:
        self.steps.append(
            {
                n: p.grad.clone()
                for n, p in pl_module.network.named_parameters()
                if p.grad is not None
            }
        )
        self.in_force.append({t: float(w) for t, w in pl_module.weighting.in_force.items()})


@cache
def run(
    conf: Path, *own: str, base: tuple[str, ...] = tuple(SHAPES)
) -> tuple[MultiTaskModule, Gradients]:
    """The same training is done once."""
    seen = Gradients()
    module, _ = fit(load([*base, *SGD, *own], conf), conf.parent / "run", seen)
    return module, seen


def reference(module: MultiTaskModule, seen: Gradients, step: int) -> dict[str, dict[str, Tensor]]:
    """Each task's plain gradient on a step's batch and weights."""
    module.network.load_state_dict(seen.states[step])
    module.train()
    found: dict[str, dict[str, Tensor]] = {}
    for task in module.network.tasks:
        module.zero_grad()
        torch.manual_seed(seen.batches[step].seed)
        losses = module.losses(seen.batches[step])
        if task not in losses:
            continue
        losses[task].backward()
        found[task] = {
            n: p.grad.clone() for n, p in module.network.named_parameters() if p.grad is not None
        }
    module.zero_grad()
    return found


def shared_names(module: MultiTaskModule) -> set[str]:
    names = {id(p): n for n, p in module.network.named_parameters()}
    return {
        names[id(e.parameter)]
        for e in layout(module.network, module.settings["image_size"])
        if e.combined
    }


def geometry(
    rows: dict[str, dict[str, Tensor]], names: set[str], all_tasks: tuple[str, ...]
) -> TaskGradients:
    flat = torch.stack(
        [torch.cat([r[n].flatten() for n in sorted(names)]) for r in rows.values()]
    ).double()
    return TaskGradients(
        tuple(rows),
        torch.tensor([all_tasks.index(t) for t in rows]),
        torch.ones(len(rows), dtype=torch.float64),
        flat @ flat.T,
    )


def check(
    module: MultiTaskModule, seen: Gradients, compared: str = "", tolerance: float = 1e-6
) -> None:
    """The gradient is the weighted sum where tasks share, and the task's own elsewhere."""
    for step, found in enumerate(seen.steps):
        rows = reference(module, seen, step)
        names = shared_names(module)
        measured = {n for n in names if compared in n}
        assert measured
        torch.manual_seed(0)
        weights = module.weighting.weights(geometry(rows, measured, module.network.tasks)).tolist()
        assert seen.in_force[step] == pytest.approx(dict(zip(rows, weights, strict=True)), rel=2e-3)
        for name, gradient in found.items():
            parts = [
                (w if name in names else 1.0) * rows[t][name]
                for w, t in zip(weights, rows, strict=True)
                if name in rows[t]
            ]
            torch.testing.assert_close(
                gradient, torch.stack(parts).sum(0), rtol=2e-3, atol=tolerance
            )
        assert found.keys() == {n for row in rows.values() for n in row}
