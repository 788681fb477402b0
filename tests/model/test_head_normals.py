"""Normals: losses and metrics by hand, and vectors that turn with the picture."""

import math

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from mtl.data.batch import Labelled
from mtl.data.preprocess.base import Frame
from mtl.data.sample import Target
from mtl.model.backbone.base import Stage
from mtl.model.curves.chance import of_normals
from mtl.model.head.normals import WITHIN, Normals, angles
from mtl.model.views.placement import Placement

NAN = math.nan
STAGES = (Stage("a", 4, 4), Stage("b", 8, 8))


def make(image_size: int = 8, **options: object) -> Normals:
    torch.manual_seed(0)
    return Normals(target=Target("normals"), stages=STAGES, image_size=image_size, **options)  # type: ignore[arg-type]


def tilted(*degrees: float) -> torch.Tensor:
    """(1, len, 3) vectors that face so many degrees to the right of the camera."""
    angle = torch.deg2rad(torch.tensor(degrees))
    return torch.stack([angle.sin(), torch.zeros_like(angle), angle.cos()], -1)[None]


def pixels(vectors: torch.Tensor) -> torch.Tensor:
    """(1, n, 3) as a decision on pictures of one row."""
    return vectors.movedim(-1, 1).unsqueeze(2)


def labelled(vectors: torch.Tensor) -> Labelled:
    return Labelled(torch.zeros(len(vectors), dtype=torch.int64), vectors.unsqueeze(1))


def test_metrics_by_hand() -> None:
    metrics = make().make_metrics()
    metrics.update(pixels(tilted(5, 11, 12, 40)), labelled(tilted(0, 0, 0, 0)))
    truth = tilted(0, 0)
    truth[0, 1] = NAN
    metrics.update(pixels(tilted(25, 90)), labelled(truth))
    found = {name: value.item() for name, value in metrics.compute().items()}
    assert found == pytest.approx(
        {
            "within_11": 2 / 5,
            "within_22": 3 / 5,
            "within_30": 4 / 5,
            "mean_angle": (5 + 11 + 12 + 40 + 25) / 5,
            "median_angle": 12,
        },
        abs=0.01,
    )
    metrics.reset()
    assert metrics.compute() == {}


def test_angles_are_exact_at_both_ends_and_180_where_nobody_said_anything() -> None:
    said = tilted(0.01, 179.9, 0)
    said[0, 2] = NAN
    found = angles(pixels(said), tilted(0, 0, 0).unsqueeze(1))
    assert found.flatten().tolist() == pytest.approx([0.01, 179.9, 180], abs=1e-2)
    assert found[0, 0, 0].item() == pytest.approx(0.01, rel=1e-3)


def test_losses_by_hand() -> None:
    raw, truth = 2 * pixels(tilted(60, 0, 90)).expand(1, 3, 3, 3), tilted(0, 0, 0)
    truth[0, 2] = NAN
    labels = Labelled(torch.tensor([0]), truth.unsqueeze(1).expand(1, 3, 3, 3))
    assert make(3).loss(raw, labels).item() == pytest.approx((1 - 0.5 + 0) / 2)
    # (2 sin 60°)² + (2 cos 60° - 1)² = 3 and 1.
    assert make(3, loss="l2").loss(raw, labels).item() == pytest.approx((3 + 1) / 2)
    assert make(3).distillation(raw, pixels(tilted(0, 0, 90)), 1).item() == pytest.approx(0.5 / 3)


@pytest.mark.parametrize("loss", ["cosine", "l2"])
def test_all_unknown_is_0_with_gradient(loss: str) -> None:
    raw = torch.randn(1, 3, 2, 2, requires_grad=True)
    labels = Labelled(torch.tensor([0]), torch.full((1, 8, 8, 3), NAN))
    value = make(loss=loss).loss(raw, labels)
    (gradient,) = torch.autograd.grad(value, raw)
    assert value.item() == 0
    assert gradient.eq(0).all()


@pytest.mark.parametrize(
    ("placement", "expected"),
    [
        # What points up in a copy turned to the left points to the right in the image.
        (Placement.turned(90), (0.6, 0, 0.8)),
        (Placement.turned(180), (0, 0.6, 0.8)),
        (Placement.turned(0, flip=True), (0, -0.6, 0.8)),
        (Placement.turned(90, flip=True), (-0.6, 0, 0.8)),
        (Placement.turned(30), (0.3, -0.6 * 0.75**0.5, 0.8)),
        (Placement.window("half", -0.5, -0.5, 0.5, 0.5), (0, -0.6, 0.8)),
    ],
)
def test_vectors_are_turned_back(placement: Placement, expected: tuple[float, ...]) -> None:
    up = torch.tensor([0, -0.6, 0.8]).view(1, 3, 1, 1).expand(1, 3, 8, 8)
    back = make().carry_back(up, placement)
    assert back[0, :, 4, 4].tolist() == pytest.approx(expected, abs=1e-6)
    exact = placement.exact
    assert back[0, :, 0, 0].isnan().all().item() == (not exact)
    both = make().average([up, back], torch.tensor([0.5, 0.5]))
    torch.testing.assert_close(both.norm(dim=1), torch.ones(1, 8, 8))


@torch.no_grad()
def test_an_equivariant_head_turns_its_vectors_with_the_features() -> None:
    head = make(16).eval()
    head.make_equivariant()
    features = {
        s.stride: torch.randn(2, s.channels, 16 // s.stride, 16 // s.stride) for s in STAGES
    }
    still = head.predict(head(features))
    for quarters in (1, 2, 3):
        turned = {stride: maps.rot90(quarters, (-2, -1)) for stride, maps in features.items()}
        found = head.carry_back(head.predict(head(turned)), Placement.turned(90 * quarters))
        torch.testing.assert_close(found, still, rtol=0, atol=1e-5)


def test_the_way_back_keeps_unit_vectors() -> None:
    head = make(16)
    (item,) = head.unbatch(F.normalize(torch.randn(1, 3, 16, 16), dim=1))
    assert item.shape == (16, 16, 3)
    found = head.to_original(item, Frame(24, 40, 16 / 24, 16 / 40))
    assert found.shape == (40, 24, 3)
    np.testing.assert_allclose(np.linalg.norm(found, axis=-1), 1, atol=1e-6)
    record = head.record(np.array([[[0, 0, 1], [NAN] * 3]], np.float32))
    assert record["mean"] == [0, 0, 1]


def test_the_mean_direction_by_hand() -> None:
    vectors = tilted(0, 20, 90)[0].double().numpy()
    found = of_normals(np.array([6, 3, 1]), vectors, WITHIN)
    # The mean lies about 12 degrees to the right.
    assert found == pytest.approx({"within_11": 0.3, "within_22": 0.9, "within_30": 0.9})
    curves = make().make_curves()
    curves.update(pixels(tilted(0, 0)), labelled(tilted(0, 0)))
    assert curves.compute() == {"chance": dict.fromkeys(WITHIN, 1.0)}
