"""The keypoints of one object per image."""

import math
from typing import Any

import numpy as np
import pytest
import torch

from mtl.data.batch import Batch, Labelled, collate
from mtl.data.preprocess.base import Frame
from mtl.data.sample import Sample, Target
from mtl.errors import UserError
from mtl.model.backbone.base import Stage
from mtl.model.head.heat_maps import energy, gaussians, peaks
from mtl.model.head.keypoint_errors import keypoint_errors
from mtl.model.head.keypoints import Keypoints
from mtl.model.views.placement import Placement

TARGET = Target(
    "keypoints",
    ("left", "nose", "right"),
    mirrored=[("left", "right")],
    skeleton=[("left", "nose")],
)
STAGES = (Stage("fine", 4, 4), Stage("coarse", 8, 8))


def head(**options: Any) -> Keypoints:
    torch.manual_seed(0)
    return Keypoints(target=TARGET, stages=STAGES, **{"image_size": 64, **options})


def batch(*values: list[list[tuple[float, float, float]]]) -> Batch:
    image = np.zeros((64, 64, 3), np.uint8)
    rows = [np.array(value, np.float32).reshape(-1, 3, 3) for value in values]
    samples = [Sample(image, "", {"points": row}) for row in rows]
    return collate([Sample(image, ""), *samples], {"points": TARGET})


SMALL = [(1.0, 1, 2), (9, 1, 2), (5, 5, 1)]
LARGE = [(10.0, 10, 2), (0, 0, 0), (30, 20, 2)]
BLANK = [(0.0, 0, 0)] * 3


def test_the_label_is_the_largest_object_by_its_known_keypoints() -> None:
    made, found = head(), batch([SMALL, LARGE, BLANK], [], [BLANK], [BLANK, SMALL])
    labels = made.labels(found, "points")
    assert labels is not None
    assert labels.index.tolist() == [1, 4]
    assert isinstance(labels.value, torch.Tensor)
    assert labels.value.tolist() == [[list(map(float, p)) for p in o] for o in (LARGE, SMALL)]
    assert made.labels(batch([]), "points") is made.labels(batch([BLANK]), "points") is None
    assert made.wanted(np.array([SMALL, LARGE], np.float32)).tolist() == labels.value[:1].tolist()
    assert len(made.wanted(np.array([BLANK], np.float32))) == 0


@pytest.mark.parametrize("place", [(6.5, 9.5), (6.8, 9.1), (7.02, 5.3), (3.49, 12.0)])
def test_a_gaussian_is_found_between_the_cells(place: tuple[float, float]) -> None:
    wanted = torch.tensor([[place]], dtype=torch.float64)
    maps = gaussians(wanted, (16, 14), 1.7)
    assert maps.shape == (1, 1, 16, 14)
    cells, heights = peaks(0.6 * maps)
    torch.testing.assert_close(cells, wanted, atol=1e-9, rtol=0)
    # The highest cell's centre is at most half a cell away in each direction.
    assert 0.6 * math.exp(-0.5 / (2 * 1.7**2)) <= float(heights) <= 0.6


def test_maps_without_a_peak_and_peaks_at_the_border() -> None:
    flat = torch.zeros(1, 1, 4, 4)
    assert peaks(flat)[0].tolist() == [[[0.5, 0.5]]]
    cells, _ = peaks(gaussians(torch.tensor([[[0.5, 2.2]]]), (5, 5), 1.0))
    torch.testing.assert_close(cells, torch.tensor([[[0.5, 2.2]]]), atol=1e-4, rtol=0)
    assert peaks(torch.ones(2, 3, 1, 1))[0].shape == (2, 3, 2)


def test_the_loss_is_one_of_an_empty_map_and_takes_no_part_of_unknown_keypoints() -> None:
    made = head(sigma=1.5)
    labels = Labelled(torch.tensor([0]), torch.tensor([[(30.0, 34, 2), (0, 0, 0), (20, 40, 1)]]))
    maps = torch.zeros(1, 3, 16, 16, dtype=torch.float64, requires_grad=True)
    loss = made.loss(maps, labels)
    assert loss.item() == pytest.approx(1, abs=1e-4)
    assert energy(1.5) == pytest.approx(math.pi * 2.25)
    loss.backward()
    assert maps.grad is not None
    assert maps.grad[0, 1].abs().max() == 0 < maps.grad[0, 2].abs().max()
    perfect = gaussians(labels.value[..., :2].double() / 4, (16, 16), 1.5)
    assert float(made.loss(perfect, labels)) == pytest.approx(0, abs=1e-9)
    found = made.predict(perfect)[0, [0, 2]]
    torch.testing.assert_close(
        found[:, :2], torch.tensor([(30.0, 34), (20, 40)]).double(), atol=1e-6, rtol=0
    )


def test_errors_are_shares_of_the_objects_size() -> None:
    """A size of 20, so that 4 pixels are near; then a single keypoint in a picture of 64."""
    truth = torch.tensor([LARGE, [(32.0, 32, 1), (0, 0, 0), (0, 0, 0)]])
    points = torch.tensor([[(13.0, 10, 1), (9, 9, 1), (30, 25, 1)], [(32.0, 44, 0)] * 3])
    found = keypoint_errors(points, truth, 64)
    assert found["pck"].tolist() == [0.5, 1]
    torch.testing.assert_close(found["nme"], torch.tensor([0.2, 12 / 64]))
    metrics = head().make_metrics()
    metrics.update(points[:1], Labelled(torch.tensor([0]), truth[:1]))
    metrics.update(points[1:], Labelled(torch.tensor([0]), truth[1:]))
    assert float(metrics.compute()["pck"]) == 0.75


def test_a_mirrored_copy_is_turned_back_with_left_and_right_exchanged() -> None:
    said = torch.tensor([[(10.0, 20, 0.9), (30, 40, 0.8), (64, 0, 0.7)]])
    made = head()
    flipped = made.carry_back(said, Placement.turned(0, flip=True))
    wanted = torch.tensor([[(0.0, 0, 0.7), (34, 40, 0.8), (54, 20, 0.9)]])
    torch.testing.assert_close(flipped, wanted)
    quarter = made.carry_back(said, Placement.turned(90))
    torch.testing.assert_close(quarter[0, 0], torch.tensor([44, 10, 0.9]))


def test_who_sees_a_keypoint_better_has_more_to_say() -> None:
    one, other = torch.tensor([[(10.0, 10, 0.9)] * 3]), torch.tensor([[(20.0, 10, 0.1)] * 3])
    mean = head().average([one, other], torch.tensor([0.5, 0.5]))
    torch.testing.assert_close(mean[0, 0], torch.tensor([11.0, 10, 0.5]))


def test_what_is_recorded_lies_in_the_original_image() -> None:
    made = head()
    said = np.array([(16, 24, 0.75), (0, 0, 0.1), (64, 48, 0.5)], np.float32)
    found = made.to_original(said, Frame(40, 20, 1.6, 1.6, 0, 16))
    assert made.record(found)["keypoints"] == [
        {"keypoint": "left", "x": 10.0, "y": 5.0, "score": 0.75},
        {"keypoint": "nose", "x": 0.0, "y": 0.0, "score": pytest.approx(0.1)},
        {"keypoint": "right", "x": 40.0, "y": 20.0, "score": 0.5},
    ]
    canvas = np.full((64, 64, 3), 90, np.uint8)
    drawn = made.draw(canvas, said)
    assert (drawn[24, 16] != 90).any()
    assert (drawn[0, 0] == 90).all()  # its score is below the threshold


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"sigma": 0}, "keypoints.sigma=0: allowed: from 0.1 up"),
        ({"metrics": ["pkc"]}, "did you mean pck"),
    ],
)
def test_wrong_options_are_named(options: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=message):
        head(**options)
