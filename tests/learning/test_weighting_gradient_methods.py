"""Each method on fixed gradients, beside what its paper says, worked out here."""

import itertools
import math

import numpy as np
import pytest
import torch
from gradient_methods_kit import ACUTE, OPPOSED, THREE, close, method, seen, step, weights
from torch import Tensor

from mtl.learning.weighting.bases.gramian import GramianWeighting


@pytest.mark.parametrize("rows", [ACUTE, OPPOSED, [[5.0, 1.0], [1.0, 0.5]]])
def test_mgda_is_the_nearest_point_of_the_segment_to_zero(rows: list[list[float]]) -> None:
    g, h = torch.tensor(rows, dtype=torch.float64)
    share = float(((h - g) @ h / ((g - h) @ (g - h))).clamp(0, 1))
    close(weights("mgda", rows), [share, 1 - share])


def test_mgda_of_three_is_no_longer_than_any_mixture() -> None:
    found = step("mgda", THREE).norm()
    jacobian = torch.tensor(THREE, dtype=torch.float64)
    grid = [
        (i / 50, j / 50, 1 - (i + j) / 50)
        for i, j in itertools.product(range(51), repeat=2)
        if i + j <= 50
    ]
    norms = (torch.tensor(grid, dtype=torch.float64) @ jacobian).norm(dim=1)
    assert found <= norms.min() + 1e-9
    assert norms.min() - found < 0.01
    close(jacobian @ step("mgda", THREE), [float(found**2)] * 3, 1e-6)


@pytest.mark.parametrize(
    ("normalise", "lengths"),
    [("l2", (2.0, math.sqrt(2))), ("loss", (4.0, 0.5)), ("loss_plus", (8.0, 0.5 * math.sqrt(2)))],
)
def test_mgda_divides_gradients_while_it_looks(
    normalise: str, lengths: tuple[float, float]
) -> None:
    weighting = method("mgda", normalise=normalise)
    assert isinstance(weighting, GramianWeighting)
    found = weighting.weights(seen(OPPOSED, losses=(4.0, 0.5)))
    g, h = torch.tensor(OPPOSED, dtype=torch.float64) / torch.tensor(lengths)[:, None]
    share = float(((h - g) @ h / ((g - h) @ (g - h))).clamp(0, 1))
    close(found, [share, 1 - share], 1e-6)


def test_pcgrad_takes_away_what_opposes() -> None:
    g, h = torch.tensor(OPPOSED, dtype=torch.float64)
    wanted = (g - g @ h / (h @ h) * h) + (h - g @ h / (g @ g) * g)
    close(step("pcgrad", OPPOSED), wanted)
    close(step("pcgrad", ACUTE), torch.tensor(ACUTE).sum(0))


def test_pcgrad_projects_one_after_the_other_in_random_order() -> None:
    rows = [[1.0, 0.2, 0.0], [-1.0, 0.5, 0.3], [0.1, -0.8, 1.0]]
    jacobian = torch.tensor(rows, dtype=torch.float64)
    sums = []
    for orders in itertools.product(
        *[list(itertools.permutations({0, 1, 2} - {i})) for i in range(3)]
    ):
        total = torch.zeros(3, dtype=torch.float64)
        for i, order in enumerate(orders):
            g = jacobian[i].clone()
            for j in order:
                if g @ jacobian[j] < 0:
                    g -= g @ jacobian[j] / (jacobian[j] @ jacobian[j]) * jacobian[j]
            total += g
        sums.append(total)
    found = {
        min(range(8), key=lambda k: float((s - sums[k]).norm())): s
        for s in (step("pcgrad", rows, seed=seed) for seed in range(30))
    }
    assert len(found) > 2
    for k, s in found.items():
        close(s, sums[k])


def test_cagrad_gains_most_for_the_worst_task_in_its_ball() -> None:
    jacobian = torch.tensor(OPPOSED, dtype=torch.float64)
    mean = jacobian.mean(0)
    found = step("cagrad", OPPOSED, c=0.6)
    radius = 0.6 * mean.norm()
    assert float((found - mean).norm()) == pytest.approx(float(radius), rel=1e-5)
    angles = torch.linspace(0, 2 * math.pi, 200001, dtype=torch.float64)
    ring = mean[:2] + radius * torch.stack([angles.cos(), angles.sin()], 1)
    best = (ring @ jacobian[:, :2].T).min(1).values.max()
    assert float((jacobian @ found).min()) == pytest.approx(float(best), abs=1e-5)
    close(step("cagrad", OPPOSED, c=0.0), mean)


@pytest.mark.parametrize("c", [0.2, 0.5, 1.5])
def test_cagrad_of_three_has_the_best_dual_value(c: float) -> None:
    jacobian = torch.tensor(THREE, dtype=torch.float64)
    mean = jacobian.mean(0)
    radius = c * mean.norm()
    mixture = weights("cagrad", THREE, c=c) - 1 / 3
    mixture = mixture / mixture.sum()
    assert (mixture >= -1e-9).all()

    def value(w: Tensor) -> Tensor:
        return (w @ jacobian) @ mean + radius * (w @ jacobian).norm(dim=-1)

    grid = [
        (i / 100, j / 100, 1 - (i + j) / 100)
        for i, j in itertools.product(range(101), repeat=2)
        if i + j <= 100
    ]
    best = value(torch.tensor(grid, dtype=torch.float64)).min()
    assert best - 0.01 < value(mixture) <= best + 1e-7


@pytest.mark.parametrize("rows", [ACUTE, OPPOSED, THREE])
def test_imtl_g_projects_equally_onto_all(rows: list[list[float]]) -> None:
    jacobian = torch.tensor(rows, dtype=torch.float64)
    units = jacobian / jacobian.norm(dim=1, keepdim=True)
    found = weights("imtl_g", rows)
    projections = units @ (found @ jacobian)
    close(projections, projections.mean().repeat(len(rows)))
    assert float(found.sum()) == pytest.approx(1)


@pytest.mark.parametrize("rows", [ACUTE, OPPOSED, THREE, [[100.0, 0.0], [0.0, 0.01]]])
def test_nash_solves_its_equation(rows: list[list[float]]) -> None:
    jacobian = torch.tensor(rows, dtype=torch.float64)
    found = weights("nash_mtl", rows, max_norm=0)
    close((jacobian @ jacobian.T @ found) * found, torch.ones(len(rows)), 1e-2)
    assert float((found @ jacobian).norm()) == pytest.approx(math.sqrt(len(rows)), rel=1e-3)
    limited = weights("nash_mtl", rows)
    assert float((limited @ jacobian).norm()) == pytest.approx(1, rel=1e-6)
    close(limited / limited.sum(), found / found.sum(), 1e-6)


def test_nash_of_orthogonal_gradients_is_known() -> None:
    close(weights("nash_mtl", [[4.0, 0.0], [0.0, 0.5]], max_norm=0), [0.25, 2.0], 1e-4)
    found = weights("nash_mtl", [[4.0, 0.0], [0.0, 0.5]], max_norm=0, preferences={"t0": 3})
    close(found, [math.sqrt(1.5) / 4, math.sqrt(0.5) / 0.5], 1e-4)


@pytest.mark.parametrize("alpha", [0.5, 1.0, 2.0, 8.0])
@pytest.mark.parametrize("size", [1e-6, 1.0, 1e6])
def test_fairgrad_solves_its_equation(alpha: float, size: float) -> None:
    rows = [[size * x for x in row] for row in THREE]
    jacobian = torch.tensor(rows, dtype=torch.float64)
    found = weights("fairgrad", rows, alpha=alpha)
    ratio = (jacobian @ jacobian.T @ found) / found ** (-1 / alpha)
    close(ratio, torch.ones(3), 1e-4)


def test_fairgrad_and_nash_stay_finite_on_opposite_gradients() -> None:
    for name in ("fairgrad", "nash_mtl"):
        found = weights(name, [[1.0, 0.0], [-1.0, 0.0]])
        assert torch.isfinite(found).all()
        assert (found > 0).all()


@pytest.mark.parametrize("rows", [ACUTE, OPPOSED, THREE])
def test_aligned_mtl_has_one_singular_value(rows: list[list[float]]) -> None:
    jacobian = np.array(rows)
    u, s, vt = np.linalg.svd(jacobian, full_matrices=False)
    aligned = s.min() * u @ vt
    close(step("aligned_mtl", rows), aligned.mean(0))
    preferences = {"t0": 2.0}
    p = np.array([2.0] + [1.0] * (len(rows) - 1))
    close(step("aligned_mtl", rows, preferences=preferences), p / p.sum() @ aligned)


def test_upgrad_is_the_mean_of_projections_that_oppose_nothing() -> None:
    g, h = torch.tensor(OPPOSED, dtype=torch.float64)
    wanted = ((g - g @ h / (h @ h) * h) + (h - g @ h / (g @ g) * g)) / 2
    close(step("upgrad", OPPOSED), wanted, 1e-3)
    close(step("upgrad", ACUTE), torch.tensor(ACUTE).mean(0), 1e-3)
    found = step("upgrad", OPPOSED, preferences={"t1": 3})
    close(found, 0.25 * (g - g @ h / (h @ h) * h) + 0.75 * (h - g @ h / (g @ g) * g), 1e-3)


def test_dualproj_projects_the_mean() -> None:
    rows = [[4.0, 0.0], [-1.0, 1.0]]
    g, h = torch.tensor(rows, dtype=torch.float64)
    mean = (g + h) / 2
    assert mean @ h < 0
    close(step("dualproj", rows), mean - mean @ h / (h @ h) * h, 1e-3)
    close(step("dualproj", ACUTE), torch.tensor(ACUTE).mean(0), 1e-3)


@pytest.mark.parametrize("rows", [ACUTE, OPPOSED, THREE])
def test_con_fig_has_equal_cosines_and_the_summed_length(rows: list[list[float]]) -> None:
    jacobian = torch.tensor(rows, dtype=torch.float64)
    found = step("con_fig", rows)
    cosines = jacobian @ found / jacobian.norm(dim=1) / found.norm()
    close(cosines, cosines[0].repeat(len(rows)), 1e-6)
    assert cosines[0] > 0
    assert float(found.norm()) == pytest.approx(float((jacobian @ found / found.norm()).sum()))
    found = step("con_fig", rows, preferences={"t0": 2})
    cosines = jacobian @ found / jacobian.norm(dim=1)
    assert float(cosines[0] / cosines[1]) == pytest.approx(2, rel=1e-6)


@pytest.mark.parametrize("name", ["upgrad", "dualproj", "cagrad", "mgda", "imtl_g", "con_fig"])
@pytest.mark.parametrize("size", [1e-6, 1e5])
def test_weights_do_not_depend_on_the_size_of_gradients(name: str, size: float) -> None:
    scaled = [[size * x for x in row] for row in THREE]
    close(weights(name, scaled), weights(name, THREE), 1e-6)
