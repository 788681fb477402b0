"""GradNorm and DB-MTL on fixed gradients, beside their papers' formulas in plain numbers."""

import numpy as np
import pytest
import torch
from torch import nn
from weighting_losses_kit import adam, method, state

from mtl.learning.weighting.bases.base import Weighting
from mtl.learning.weighting.bases.gramian import GramianWeighting
from mtl.learning.weighting.bases.rows import RowWeighting
from mtl.learning.weighting.bases.task_gradients import TaskGradients


def seen(
    rows: list[list[float]], losses: tuple[float, ...], index: tuple[int, ...], scale: float = 1.0
) -> TaskGradients:
    jacobian = torch.tensor(rows, dtype=torch.float64)
    return TaskGradients(
        tasks=tuple("abc"[i] for i in index),
        index=torch.tensor(index),
        losses=torch.tensor(losses, dtype=torch.float64),
        gramian=jacobian @ jacobian.T,
        rows=tuple([scale * row.clone()] for row in jacobian),
        scale=scale,
    )


def gradnorm(tasks: str = "abc", **options: float) -> GramianWeighting:
    found = method("gradnorm", tasks, **options)
    assert isinstance(found, GramianWeighting)
    return found


def test_gradnorm() -> None:
    weighting = gradnorm("ab", alpha=1.5, rate=0.1)
    rows = [[3.0, 4.0], [0.0, 1.0]]
    # At first both tasks have everything before them: both norms are wanted at their mean, 3.
    assert weighting.weights(seen(rows, (2.0, 1.0), (0, 1))).tolist() == [1.0, 1.0]
    w = np.array([adam([5.0], 1, 0.1, 0), adam([-1.0], 1, 0.1, 0)])
    w *= 2 / w.sum()
    found = weighting.weights(seen(rows, (1.0, 1.0), (0, 1)))
    assert found.tolist() == pytest.approx(list(w))
    # a has half of its loss left, b all: r = 2/3 and 4/3.
    norms = w * [5, 1]
    wanted = norms.mean() * np.array([2 / 3, 4 / 3]) ** 1.5
    slopes = np.sign(norms - wanted) * [5, 1]
    mean, square = 0.9 * 0.1 * np.array([5, -1]) + 0.1 * slopes, np.array([25, 1]) * 0.001
    square = 0.999 * square + 0.001 * slopes**2
    w = w - 0.1 * (mean / 0.19) / (np.sqrt(square / (1 - 0.999**2)) + 1e-8)
    w *= 2 / w.sum()
    assert weighting.get_buffer("factors").tolist() == pytest.approx(list(w))


@pytest.mark.slow
def test_gradnorm_brings_norms_to_their_targets() -> None:
    weighting = gradnorm(alpha=1.0, rate=0.01)
    rows = np.diag([4.0, 1.0, 2.0])
    weighting.weights(seen(rows.tolist(), (1.0, 2.0, 3.0), (0, 1, 2)))
    for _ in range(800):
        found = weighting.weights(seen(rows.tolist(), (0.5, 1.0, 3.0), (0, 1, 2)))
    norms = found.numpy() * rows.diagonal()
    # r = 0.5, 0.5, 1 over their mean 2/3.
    assert norms / norms.mean() == pytest.approx(np.array([0.75, 0.75, 1.5]), abs=0.08)
    assert float(found.sum()) == pytest.approx(3)


def test_gradnorm_leaves_absent_tasks_alone() -> None:
    weighting = gradnorm()
    for _ in range(3):
        weighting.weights(seen([[4.0, 0], [1, 1], [0, 2]], (1.0, 2.0, 3.0), (0, 1, 2)))
    before = state(weighting)
    shares = before["factors"][[0, 2]].sum()
    weighting.weights(seen([[4.0, 0.0], [0.0, 2.0]], (5.0, 0.1), (0, 2)))
    after = state(weighting)
    for name, value in before.items():
        if not name.startswith("recent."):
            assert float(after[name][1]) == float(value[1]), name
    assert float(after["factors"][0]) != float(before["factors"][0])
    assert float(after["factors"][[0, 2]].sum()) == pytest.approx(float(shares))
    alone = state(weighting)["factors"]
    weighting.weights(seen([[4.0, 0.0]], (5.0,), (0,)))
    assert state(weighting)["factors"].tolist() == pytest.approx(alone.tolist())


def db_mtl(**options: float) -> RowWeighting:
    found = method("db_mtl", **options)
    assert isinstance(found, RowWeighting)
    found.bind([nn.Parameter(torch.zeros(2, dtype=torch.float64))])
    return found


@pytest.mark.parametrize("scale", [1.0, 1024.0])
def test_db_mtl_without_means(scale: float) -> None:
    weighting = db_mtl(beta=0.0)
    (found,) = weighting.combine(seen([[3.0, 4.0], [0.0, 1.0]], (2.0, 0.1), (0, 2), scale), seed=0)
    assert found is not None
    # g = (1.5, 2) and (0, 10): both brought to the length 10.
    assert (found / scale).tolist() == pytest.approx([6.0, 18.0], rel=1e-6)
    gauges = {t: float(w) for t, w in weighting.gauges().items()}
    assert gauges == pytest.approx({"a": 4 / 2, "c": 1 / 0.1}, rel=1e-6)
    assert weighting.state_dict()["means._extra_state"].numel() == 0


def test_db_mtl_follows_its_recursion() -> None:
    weighting = db_mtl(beta=0.5, power=0.5)
    rows, losses = [[3.0, 4.0], [0.0, 1.0]], (2.0, 0.1)
    y = np.zeros((2, 2))
    for k in (1, 2, 3):
        g = np.array(rows) / (np.array(losses) + 1e-8)[:, None]
        beta = 0.5 / k**0.5
        y = beta * y + (1 - beta) * g
        norms = np.linalg.norm(y, axis=1)
        (found,) = weighting.combine(seen(rows, losses, (0, 2), 8.0), seed=0)
        assert found is not None
        wanted = (norms.max() / norms) @ y
        assert (found / 8).tolist() == pytest.approx(list(wanted), rel=1e-6)
        rows, losses = [[r[1], -r[0]] for r in rows], (losses[0] / 2, losses[1])
    assert weighting.get_buffer("steps").tolist() == [3, 0, 3]
    assert not any(bool(kept.any()) for kept in weighting.means.of(1))


@pytest.mark.parametrize("name", ["gradnorm", "db_mtl"])
def test_state_of_gradient_methods_goes_through_a_checkpoint(name: str) -> None:
    parameter = nn.Parameter(torch.zeros(2))

    def fresh() -> Weighting:
        found = method(name).float()
        assert isinstance(found, GramianWeighting | RowWeighting)
        found.bind([parameter])
        return found

    def go(weighting: Weighting, steps: range) -> list[list[float]]:
        totals = []
        for k in steps:
            given = seen([[3.0, 4.0 - k], [0.0, 1.0 + k]], (2.0, 0.1 + k), (0, k % 2 + 1))
            given = TaskGradients(
                given.tasks,
                given.index,
                given.losses,
                given.gramian,
                tuple([g.float() for g in row if g is not None] for row in given.rows),
            )
            if isinstance(weighting, GramianWeighting):
                totals.append(weighting.weights(given).tolist())
            elif isinstance(weighting, RowWeighting):
                (row,) = weighting.combine(given, seed=0)
                assert row is not None
                totals.append(row.tolist())
        return totals

    whole, parts = fresh(), fresh()
    go(whole, range(5))
    parts.load_state_dict(whole.state_dict(), strict=True)
    assert go(whole, range(5, 10)) == go(parts, range(5, 10))
