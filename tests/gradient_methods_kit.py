"""Weightings on fixed gradients."""

import torch
from torch import Tensor

from mtl.config.instantiate import make
from mtl.config.member_files import node_of
from mtl.learning.weighting.bases.gramian import GradientWeighting, GramianWeighting
from mtl.learning.weighting.bases.task_gradients import TaskGradients

ACUTE = [[3.0, 1.0, 0.0], [1.0, 2.0, 2.0]]
OPPOSED = [[2.0, 0.0, 0.0], [-1.0, 1.0, 0.0]]
THREE = [[4.0, 0.0, 1.0, 0.5], [-1.0, 2.0, 0.0, 0.5], [0.5, -1.0, 1.5, 0.0]]


def method(name: str, tasks: int = 2, **options: object) -> GradientWeighting:
    config = node_of("weighting", name)
    found = make(config | options, GradientWeighting, tasks=[f"t{i}" for i in range(tasks)])
    assert isinstance(found, GradientWeighting)
    return found


def seen(
    rows: list[list[float]], losses: tuple[float, ...] = (), index: tuple[int, ...] = ()
) -> TaskGradients:
    jacobian = torch.tensor(rows, dtype=torch.float64)
    index = index or tuple(range(len(rows)))
    return TaskGradients(
        tasks=tuple(f"t{i}" for i in index),
        index=torch.tensor(index),
        losses=torch.tensor(losses or (1.0,) * len(rows), dtype=torch.float64),
        gramian=jacobian @ jacobian.T,
        rows=tuple([row.clone()] for row in jacobian),
    )


def weights(name: str, rows: list[list[float]], seed: int = 0, **options: object) -> Tensor:
    torch.manual_seed(seed)
    weighting = method(name, len(rows), **options)
    assert isinstance(weighting, GramianWeighting)
    return weighting.weights(seen(rows))


def step(name: str, rows: list[list[float]], **options: object) -> Tensor:
    return weights(name, rows, **options) @ torch.tensor(rows, dtype=torch.float64)


def close(found: Tensor, wanted: object, tolerance: float = 1e-7) -> None:
    wanted = torch.as_tensor(wanted, dtype=torch.float64)
    torch.testing.assert_close(found, wanted, rtol=0, atol=tolerance)
