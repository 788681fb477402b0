"""Depth: losses and metrics by hand, unknown pixels, turned copies and the way back."""

import math

import numpy as np
import pytest
import torch

from mtl.data.batch import Labelled
from mtl.data.preprocess.base import Frame
from mtl.data.sample import Target
from mtl.errors import UserError
from mtl.model.backbone.base import Stage
from mtl.model.curves.chance import of_depths
from mtl.model.head.depth import Depth, DepthMetrics
from mtl.model.head.depth_losses import absolute, berhu, scale_invariant_log
from mtl.model.views.placement import Placement

NAN = math.nan
STAGES = (Stage("a", 4, 4), Stage("b", 8, 8))
TRUTH = torch.tensor([[[1.0, 2.0, NAN, 4.0]], [[2.0, NAN, NAN, NAN]]])
SAID = torch.tensor([[[1.5, 2.0, 9.0, 3.0]], [[1.0, 9.0, 9.0, 9.0]]])
"""Errors of 0.5, 0, 1 in one image and 1 in the other."""


def make(image_size: int = 4, **options: object) -> Depth:
    return Depth(target=Target("depth"), stages=STAGES, image_size=image_size, **options)  # type: ignore[arg-type]


def labelled(truth: torch.Tensor) -> Labelled:
    return Labelled(torch.arange(len(truth)), truth)


def test_losses_by_hand() -> None:
    """Over the known pixels of the batch; berHu's bend is at a fifth of the largest error."""
    assert absolute(SAID, TRUTH).item() == pytest.approx(2.5 / 4)
    wanted = ((0.25 + 0.04) / 0.4 + 0 + 2 * (1 + 0.04) / 0.4) / 4
    assert berhu(SAID, TRUTH).item() == pytest.approx(wanted)
    assert berhu(TRUTH, TRUTH).item() == 0
    first = [math.log(1.5), 0, math.log(3 / 4)]
    squares, mean = sum(d * d for d in first) / 3, sum(first) / 3
    half = math.log(0.5)
    each = (squares - 0.5 * mean**2, half**2 - 0.5 * half**2)
    assert scale_invariant_log(SAID, TRUTH, 0.5).item() == pytest.approx(sum(each) / 2)
    assert scale_invariant_log(3 * TRUTH, TRUTH, 1).item() == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize("loss", ["l1", "berhu", "silog"])
def test_unknown_pixels_have_no_gradient(loss: str) -> None:
    head = make(loss=loss)
    raw = torch.randn(2, 1, 4, 4, requires_grad=True)
    truth = torch.full((2, 4, 4), NAN)
    (gradient,) = torch.autograd.grad(head.loss(raw, labelled(truth)), raw)
    assert gradient.eq(0).all()
    truth[1, 2] = 7
    loss_of_some = head.loss(raw, labelled(truth))
    (gradient,) = torch.autograd.grad(loss_of_some, raw)
    assert gradient[1, 0, 2].ne(0).all()
    assert gradient.ne(0).sum() == 4
    assert loss_of_some.item() > 0


def test_metrics_by_hand() -> None:
    """Of the four known pixels of both batches; what nobody said is a depth of 0."""
    metrics = make().make_metrics()
    assert isinstance(metrics, DepthMetrics)
    for row in (0, 1):
        metrics.update(SAID[row : row + 1, None], labelled(TRUTH[row : row + 1]))
    found = {name: value.item() for name, value in metrics.compute().items()}
    assert found == pytest.approx(
        {
            "delta1": 1 / 4,  # 4 / 3 is more than 1.25
            "abs_err": 2.5 / 4,
            "rel_err": (0.5 + 0 + 1 / 4 + 1 / 2) / 4,
            "rmse": math.sqrt((0.25 + 1 + 1) / 4),
        }
    )
    metrics.reset()
    metrics.update(torch.full((1, 1, 1, 4), NAN), labelled(TRUTH[:1]))
    assert metrics.compute()["delta1"].item() == 0
    assert metrics.compute()["rel_err"].item() == 1
    metrics.reset()
    metrics.update(SAID[:1, None], labelled(torch.full((1, 1, 4), NAN)))
    assert metrics.compute() == {}


def test_turned_copies_count_where_they_show_something() -> None:
    head, flat = make(image_size=8), torch.full((1, 1, 8, 8), 3.0)
    assert torch.equal(head.carry_back(flat, Placement.turned(90)), flat)
    ramp = torch.arange(64.0).view(1, 1, 8, 8) + 1
    turned = ramp.rot90(1, (-2, -1))
    assert torch.equal(head.carry_back(turned, Placement.turned(90)), ramp)
    tilted = head.carry_back(flat, Placement.turned(45))
    assert tilted[0, 0, 0, 0].isnan()
    assert tilted[0, 0, 4, 4].item() == pytest.approx(3)
    both = head.average([flat * 2, tilted], torch.tensor([0.75, 0.25]))
    assert both[0, 0, 0, 0].item() == pytest.approx(6)
    assert both[0, 0, 4, 4].item() == pytest.approx(5.25)
    voted = head.vote([flat, flat * 3, tilted])
    assert voted[0, 0, [0, 4], [0, 4]].tolist() == pytest.approx([6, 3])


def test_enlarging_and_the_way_back() -> None:
    head = make(image_size=16)
    raw = torch.full((1, 1, 4, 4), 0.0)
    depth = head.predict(raw)
    assert depth.shape == (1, 1, 16, 16)
    torch.testing.assert_close(depth, torch.full_like(depth, math.log(2) + 1e-3))
    wide = np.tile(np.linspace(1, 2, 16, dtype=np.float32), (16, 1))
    found = head.to_original(wide, Frame(32, 8, 0.5, 2))
    assert found.shape == (8, 32)
    assert (np.diff(found, axis=1) >= 0).all()
    record = head.record(found)
    assert record["depth"] is found
    assert (record["nearest"], record["farthest"]) == (1, 2)
    assert head.record(np.full((2, 2), np.nan, np.float32))["nearest"] is None


def test_the_best_constant_by_hand() -> None:
    """Pixels in steps of their logarithm: one depth reaches two steps down and two up."""
    assert of_depths(np.array([3, 0, 1, 0, 0, 5, 0]), 2) == {"delta1": pytest.approx(6 / 9)}
    curves = make().make_curves()
    curves.update(SAID[:, None], labelled(torch.tensor([[[1.0, 1.5, 3.0, NAN, 30.0]]])))
    assert curves.compute() == {"chance": {"delta1": 0.5}}


def test_messages() -> None:
    with pytest.raises(UserError, match=r"depth\.loss=L1: did you mean l1"):
        make(loss="L1")
    with pytest.raises(UserError, match=r"depth\.decoder=asp: did you mean aspp"):
        make(decoder="asp")
