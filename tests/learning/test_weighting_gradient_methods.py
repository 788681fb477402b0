"""Each method on fixed gradients, beside what its paper says, worked out here."""

import itertools
import math

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from mtl.config.instantiate import make
from mtl.config.member_files import node_of
from mtl.errors import UserError
from mtl.learning.weighting.bases.gramian import GradientWeighting, GramianWeighting
from mtl.learning.weighting.bases.rows import RowWeighting
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


def test_gradvac_turns_to_the_usual_cosine_and_remembers() -> None:
    weighting = method("gradvac", 3, beta=0.25)
    assert isinstance(weighting, GramianWeighting)
    usual = weighting.get_buffer("usual")
    usual[0, 2] = usual[2, 0] = 0.6
    rows = [[2.0, 0.0], [1.0, 3.0]]
    found = weighting.weights(seen(rows, index=(0, 2)))
    jacobian = torch.tensor(rows, dtype=torch.float64)
    cosine = 1 / math.sqrt(10)
    total = torch.zeros(2, dtype=torch.float64)
    for i, j in ((0, 1), (1, 0)):
        g, h = jacobian[i], jacobian[j]
        sine = math.sqrt(1 - cosine**2)
        factor = float(g.norm()) * (0.6 * sine - cosine * 0.8) / (float(h.norm()) * 0.8)
        turned = g + factor * h
        assert float(turned @ h / turned.norm() / h.norm()) == pytest.approx(0.6)
        total += turned
    close(found @ jacobian, total, 1e-6)
    expected = torch.zeros(3, 3)
    expected[0, 2] = expected[2, 0] = 0.75 * 0.6 + 0.25 * cosine
    torch.testing.assert_close(usual, expected)


def test_gradvac_leaves_gradients_closer_than_usual_alone() -> None:
    close(weights("gradvac", ACUTE), [1.0, 1.0])
    close(step("gradvac", OPPOSED), step("pcgrad", OPPOSED))


def test_graddrop_keeps_one_sign_by_its_share() -> None:
    weighting = method("graddrop", 3)
    assert isinstance(weighting, RowWeighting)
    columns = torch.tensor([[3.0], [-1.0], [0.0]], dtype=torch.float64).repeat(1, 40000)
    geometry = seen(columns.tolist())
    (found,) = weighting.combine(geometry, seed=1)
    assert found is not None
    assert set(found.tolist()) == {3.0, -1.0}
    assert float((found > 0).double().mean()) == pytest.approx(0.75, abs=0.01)
    (again,) = weighting.combine(geometry, seed=1)
    assert again is not None
    assert torch.equal(found, again)
    leaky = method("graddrop", 3, leak=0.5)
    assert isinstance(leaky, RowWeighting)
    (found,) = leaky.combine(geometry, seed=1)
    assert found is not None
    assert set(found.tolist()) == {2.5, 0.5}


def test_graddrop_of_agreeing_gradients_is_their_sum() -> None:
    weighting = method("graddrop")
    assert isinstance(weighting, RowWeighting)
    (found,) = weighting.combine(seen([[1.0, -2.0, 0.0], [3.0, -1.0, 0.0]]), seed=0)
    assert found is not None
    close(found, [4.0, -3.0, 0.0])


def test_moco_follows_its_recursion() -> None:
    weighting = method("moco", 3, beta=0.5, gamma=0.1, rho=0.2).double()
    assert isinstance(weighting, RowWeighting)
    weighting.bind([nn.Parameter(torch.zeros(2, dtype=torch.float64))])
    rows = [[2.0, 0.0], [-1.0, 1.0]]
    jacobian = np.array(rows)
    tracked, shares = np.zeros((2, 2)), np.full(2, 0.5)
    for k in (1, 2, 3):
        tracked += 0.5 / math.sqrt(k) * (jacobian - tracked)
        moved = shares - 0.1 / math.sqrt(k) * (tracked @ tracked.T @ shares + 0.2 * shares)
        # The nearest point of a segment: half of what misses to a sum of 1 is given to each.
        shares = np.clip(moved + (1 - moved.sum()) / 2, 0, 1)
        (found,) = weighting.combine(seen(rows, index=(0, 2)), seed=0)
        assert found is not None
        close(found, shares @ tracked, 1e-6)
    assert float(weighting.get_buffer("shares")[1]) == pytest.approx(1 / 3)
    assert float(weighting.get_buffer("steps")[1]) == 0


def test_excess_mtl_follows_its_recursion() -> None:
    weighting = method("excess_mtl", 2, rate=0.5).double()
    assert isinstance(weighting, GramianWeighting)
    weighting.bind([nn.Parameter(torch.zeros(2, dtype=torch.float64))])
    first, second = np.array([[2.0, 1.0], [1.0, 1.0]]), np.array([[2.0, 2.0], [0.1, 0.2]])
    close(weighting.weights(seen(first.tolist())), [0.5, 0.5])
    squares = first**2
    baseline = (first**2 / np.sqrt(squares + 1e-7)).sum(1)
    squares += second**2
    excess = (second**2 / np.sqrt(squares + 1e-7)).sum(1) / baseline
    wanted = np.exp(0.5 * excess) / np.exp(0.5 * excess).sum()
    close(weighting.weights(seen(second.tolist())), wanted, 1e-6)


STATEFUL = ["gradvac", "moco", "excess_mtl"]


@pytest.mark.parametrize("name", STATEFUL)
def test_state_goes_through_a_checkpoint_to_the_last_digit(name: str) -> None:
    parameter = nn.Parameter(torch.zeros(4, dtype=torch.float64))

    def run(weighting: GradientWeighting, rows: list[list[float]]) -> Tensor:
        torch.manual_seed(3)
        if isinstance(weighting, GramianWeighting):
            return weighting.weights(seen(rows))
        assert isinstance(weighting, RowWeighting)
        (found,) = weighting.combine(seen(rows), seed=3)
        assert found is not None
        return found

    unbroken, resumed = method(name, 3), method(name, 3)
    for weighting in (unbroken, resumed):
        weighting.bind([parameter])
    for shift in range(3):
        run(unbroken, [row[shift:] + row[:shift] for row in THREE])
    resumed.load_state_dict(unbroken.state_dict())
    assert torch.equal(run(unbroken, THREE), run(resumed, THREE))
    fresh = method(name, 3)
    fresh.bind([parameter])
    assert not torch.equal(run(fresh, THREE), run(resumed, THREE))


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("mgda", {"normalise": "l3"}, "weighting.normalise=l3: use none, l2, loss, loss_plus"),
        ("graddrop", {"at": "layer4"}, "weighting.at=layer4: this method needs parameters or rep"),
        ("moco", {"at": "representation"}, "weighting.at=representation: this method needs param"),
        ("excess_mtl", {"at": "representation"}, "this method needs parameters or a stage"),
        ("upgrad", {"preferences": {"x": 1}}, "'x' is no task; use t0, t1"),
        ("upgrad", {"preferences": {"t0": 0}}, "preferences.t0=0: must be greater than 0"),
        ("pcgrad", {"preferences": {"t0": 1}}, "this method has none"),
        ("upgrad", {"method": "torchjd.aggregation.Upgrad"}, "weighting.method=torchjd.agg"),
        ("pcgrad", {"at": []}, "name at least one stage"),
    ],
)
def test_mistakes_are_named(name: str, options: dict[str, object], message: str) -> None:
    with pytest.raises(UserError, match=message.replace("[", r"\[")) as error:
        method(name, **options)
    assert "\n" not in str(error.value)


def test_moco_goes_on_where_only_tasks_without_a_share_are_there() -> None:
    weighting = method("moco", beta=1.0, gamma=5.0)
    weighting.bind([nn.Parameter(torch.zeros(2, dtype=torch.float64))])
    assert isinstance(weighting, RowWeighting)
    weighting.combine(seen([[9.0, 0.0], [1.0, 0.0]]), seed=0)
    assert weighting.get_buffer("shares").tolist() == [0, 1]
    (found,) = weighting.combine(seen([[3.0, 0.0]]), seed=0)
    assert found is not None
    assert bool(torch.isfinite(found).all())
    assert weighting.get_buffer("shares").tolist() == [0, 1]
