"""Objects with masks: what is particular to these beside boxes."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from faster_coco_eval import mask as coco
from torch import Tensor

from mtl.data.batch import Labelled
from mtl.data.instances import InstanceBatch, Instances
from mtl.data.masks import Masks
from mtl.data.preprocess.base import Frame
from mtl.data.sample import Boxes, Target
from mtl.errors import UserError
from mtl.model.backbone.base import Stage
from mtl.model.curves.mask_overlap import MaskOverlap
from mtl.model.head.conditional_masks import COUNT, WIDTH, mask_logits
from mtl.model.head.instance import Instance
from mtl.model.head.instance_detections import InstanceDetections, cells, in_boxes
from mtl.model.head.run_lengths import run_lengths, whole_mask
from mtl.model.views.placement import Placement

STAGES = (Stage("fine", 4, 8),)


def head(**options: Any) -> Instance:
    torch.manual_seed(0)
    more = {"image_size": 16, "channels": 32, "grid": 4, **options}
    return Instance(target=Target("instances", ("a", "b")), stages=STAGES, **more)


def found(box: tuple[float, ...], mask: Tensor, label: int = 0) -> InstanceDetections:
    return InstanceDetections(
        torch.tensor([box]).float(), torch.tensor([0.9]), torch.tensor([label]), mask.float()[None]
    )


LEFT = torch.tensor([[1, 1, 0, 0]] * 4)
"""The left half of a box."""


def instances(*masks: np.ndarray) -> Instances:
    own = Masks.of(masks, (16, 16))
    boxes = Boxes(own.xyxy, np.zeros(len(masks), np.int64), np.zeros(len(masks), np.bool_))
    return Instances.of(boxes, own)


def objects(*masks: np.ndarray) -> InstanceBatch:
    return InstanceBatch.together([instances(*masks)])


def filled(x1: int, y1: int, x2: int, y2: int) -> np.ndarray:
    mask = np.zeros((16, 16), np.bool_)
    mask[y1:y2, x1:x2] = True
    return mask


def test_kernels_see_features_and_how_far_a_pixel_is_from_their_point() -> None:
    """Made so that the first channel of the features, or the way to the right, comes through."""
    features = torch.zeros(1, WIDTH, 2, 2)
    features[0, 0] = torch.tensor([[1.0, 2], [3, 4]])
    places = torch.tensor([[[(4.0, 4), (12, 4), (4, 12), (12, 12)]]])
    for inputs, wanted in ((0, [1.0, 2, 3, 4]), (WIDTH, [-4 / 64, 4 / 64, -4 / 64, 4 / 64])):
        kernels = torch.zeros(COUNT)
        first = kernels[: (WIDTH + 2) * WIDTH].view(WIDTH + 2, WIDTH)
        first[inputs, 0], first[inputs, 1] = 1, -1
        start = (WIDTH + 2) * WIDTH + WIDTH
        second = kernels[start : start + WIDTH**2].view(WIDTH, WIDTH)
        second[0, 0] = second[1, 1] = 1
        third = kernels[start + WIDTH**2 + WIDTH :]
        third[0], third[1] = 1, -1
        center, stride = torch.tensor([[(8.0, 8)]]), torch.tensor([[8.0]])
        said = mask_logits(kernels.view(1, 1, -1), features, places, center, stride, 16)
        torch.testing.assert_close(said[0, 0], torch.tensor(wanted))


def test_cells_and_pixels_of_a_box() -> None:
    box = torch.tensor([2.0, 4, 6, 8])
    assert cells(box, 2).tolist() == [[3, 5], [5, 5], [3, 7], [5, 7]]
    (left, top, pixels) = found((2, 4, 6, 8), LEFT).crops((16, 16))[0]
    assert (left, top, pixels.tolist()) == (2, 4, [[True, True, False, False]] * 4)
    outside = found((12.5, -2, 18, 2), torch.ones(4, 4)).crops((16, 16))[0]
    assert (outside[0], outside[1], outside[2].shape) == (12, 0, (2, 4))


def test_a_box_that_is_cut_keeps_its_mask_in_place() -> None:
    halved = in_boxes(
        LEFT.float()[None], torch.tensor([[0.0, 0, 8, 8]]), torch.tensor([[0.0, 0, 4, 8]])
    )
    assert (halved[0, :, :3] > 0.5).all()
    same = found((1, 2, 9, 7), torch.rand(4, 4))
    torch.testing.assert_close(same.cut(same.boxes).masks, same.masks)
    assert (found((0, 0, 8, 8), LEFT).cut(torch.tensor([[4.2, 0, 8, 8]])).masks < 0.5).all()


@pytest.mark.parametrize(
    ("placement", "box", "mask"),
    [
        (Placement.turned(0, flip=True), [8, 2, 14, 6], LEFT.flip(-1)),
        (Placement.turned(90), [10, 2, 14, 8], LEFT.rot90(-1)),
        (Placement.turned(180), [8, 10, 14, 14], LEFT.flip(-1)),
    ],
    ids=str,
)
def test_copies_are_turned_back(placement: Placement, box: list[int], mask: Tensor) -> None:
    (back,) = head().carry_back([found((2, 2, 8, 6), LEFT)], placement)
    assert isinstance(back, InstanceDetections)
    torch.testing.assert_close(back.boxes, torch.tensor([box]).float())
    torch.testing.assert_close(back.masks[0], mask.float(), atol=1e-5, rtol=0)


def test_a_fused_mask_is_the_mean_of_the_same_objects() -> None:
    one = [found((2, 2, 8, 6), LEFT)]
    other = [found((2, 2, 8, 6), torch.ones(4, 4))]
    apart = [found((2, 2, 8, 6), torch.zeros(4, 4), label=1)]
    (fused,) = head().average([one, other, apart], torch.tensor([0.25, 0.25, 0.5]))
    assert isinstance(fused, InstanceDetections)
    assert fused.labels.tolist() == [1, 0]
    torch.testing.assert_close(fused.masks[1], (LEFT + 1) / 2)
    assert (fused.masks[0] == 0).all()
    (voted,) = head().vote([one, other])
    assert isinstance(voted, InstanceDetections)
    torch.testing.assert_close(voted.masks[0], (LEFT + 1) / 2)


def test_average_precision_goes_by_masks() -> None:
    """A right box with half of its mask is of the object at IoU 0.5 alone."""
    truth = objects(filled(2, 2, 10, 10))
    scores = {}
    for name, mask in {"whole": torch.ones(4, 4), "half": LEFT, "none": torch.zeros(4, 4)}.items():
        made, said = head(), [found((2, 2, 10, 10), mask)]
        assert (
            MaskOverlap(16)(said[0], truth, 0).item() == {"whole": 1, "half": 0.5, "none": 0}[name]
        )
        metrics = made.make_metrics()
        metrics.update(said, Labelled(torch.tensor([0]), truth))
        scores[name] = {key: round(float(v), 3) for key, v in metrics.compute().items()}
    assert scores["whole"] == {"map": 1, "map50": 1, "recall": 1}
    assert scores["half"] == {"map": 0.1, "map50": 1, "recall": 0.1}
    assert scores["none"] == {"map": 0, "map50": 0, "recall": 0}


def test_the_loss_looks_at_the_mask_of_each_object() -> None:
    made = head(mask_weight=1.0)
    features = {8: torch.randn(2, 4, 2, 2)}
    labels = objects(filled(2, 2, 14, 14), filled(4, 0, 9, 16))
    twice = InstanceBatch.together([made.target.kind.separate(labels, 0)] * 2)
    raw = made(features)
    with_masks = made.loss(raw, Labelled(torch.arange(2), twice))
    made.mask_weight = 0
    dice = (with_masks - made.loss(raw, Labelled(torch.arange(2), twice))).item()
    assert 0 < dice < 1
    (gradient,) = torch.autograd.grad(with_masks, made.masks.features[0].weight)
    assert gradient.abs().sum() > 0
    hidden = objects(*[np.eye(16)[[15]].T @ np.eye(16)[[15]] > 0])
    made.mask_weight = 1.0
    assert made.loss(made({8: features[8][:1]}), Labelled(torch.tensor([0]), hidden)).isfinite()


def test_the_record_is_what_coco_reads_in_the_original_image() -> None:
    made = head()
    said = found((0, 0, 8, 16), torch.ones(4, 4))
    original = made.to_original(said, Frame(8, 4, 2, 2, 0, 4))  # letterboxed: rows 4 to 12 show it
    (entry,) = made.record(original)["detections"]
    assert entry["bbox"] == [0, 0, 4, 4]
    assert entry["segmentation"]["size"] == [4, 8]
    decoded = coco.decode(
        {**entry["segmentation"], "counts": entry["segmentation"]["counts"].encode()}
    )
    np.testing.assert_array_equal(decoded, [[1, 1, 1, 1, 0, 0, 0, 0]] * 4)
    canvas = np.zeros((4, 8, 3), np.uint8)
    assert made.draw(canvas, original)[2, 2].any()


@pytest.mark.parametrize("place", [(0, 0), (3, 1), (4, 5)])
def test_run_lengths_are_cocos_own(place: tuple[int, int]) -> None:
    left, top = place
    pixels = np.arange(15).reshape(3, 5) % 4 > 0
    whole = np.pad(pixels, ((top, 5 - top), (left, 4 - left)))
    counts = run_lengths((left, top, pixels), (8, 9))
    assert counts == coco.encode(np.asfortranarray(whole.astype(np.uint8)))["counts"]
    np.testing.assert_array_equal(whole_mask(counts, (8, 9)), whole)


def test_wrong_options_are_named() -> None:
    with pytest.raises(UserError, match=r"instance.grid=1: allowed: from 2 up"):
        head(grid=1)


def measured(truth: InstanceBatch, said: InstanceDetections) -> dict[str, float]:
    metrics = head().make_metrics()
    metrics.update([said], Labelled(torch.tensor([0]), truth))
    return {name: round(float(value), 3) for name, value in metrics.compute().items()}


def two(first: InstanceDetections, second: InstanceDetections) -> InstanceDetections:
    parts = [torch.cat([getattr(one, p) for one in (first, second)]) for p in first.parts]
    return InstanceDetections(*parts)


WHOLE = torch.ones(4, 4)


def test_what_lies_in_a_crowd_is_no_false_alarm() -> None:
    """A member of a crowd has a small part of its box and of its mask."""
    truth = objects(filled(8, 8, 16, 16), filled(0, 0, 16, 8))
    truth = replace(truth, difficult=torch.tensor([[False, True]]))
    right = found((8, 8, 16, 16), WHOLE)
    member, outside = found((1, 1, 4, 4), WHOLE), found((0, 9, 4, 13), WHOLE)
    assert measured(truth, two(member, right)) == {"map": 1, "map50": 1, "recall": 1}
    assert measured(truth, two(outside, right))["map50"] == 0.5
    # Boxes alone would have said that this is the crowd, of which its mask has little.
    assert member.of_difficult(truth, 0, 0.5).tolist() == [True]
    near = found((0, 0, 16, 16), torch.tensor([[0, 0, 0, 1], [0] * 4, [1] * 4, [1] * 4]))
    assert near.of_difficult(truth, 0, 0.5).tolist() == [False]


def test_what_is_of_another_object_stays_beside_a_crowd() -> None:
    truth = objects(filled(2, 2, 6, 6), filled(0, 0, 16, 16))
    truth = replace(truth, difficult=torch.tensor([[False, True]]))
    assert measured(truth, found((2, 2, 6, 6), WHOLE))["map"] == 1


def test_nothing_found_of_what_there_is_counts_as_0() -> None:
    nothing = found((0, 0, 2, 2), WHOLE)[torch.tensor([False])]
    zeros = {"map": 0, "map50": 0, "recall": 0}
    assert measured(objects(filled(2, 2, 6, 6)), nothing) == zeros
    assert measured(objects(), nothing) == {}
    each = head(per_class=True).make_metrics()
    truth = InstanceBatch.together([instances(), instances(filled(2, 2, 6, 6))])
    each.update([nothing, nothing], Labelled(torch.tensor([0, 1]), truth))
    assert each.compute() == {**zeros, "map_a": 0}


def test_masks_tell_what_is_of_a_class_that_was_not_looked_for() -> None:
    """Two objects in one box: the annotated one counts, the other nobody looked for."""
    left, right = LEFT, 1 - LEFT
    truth = objects(filled(4, 0, 8, 16))
    truth = replace(truth, looked_for=torch.tensor([[False, True]]))
    box = (4, 0, 12, 16)
    assert measured(truth, two(found(box, right), found(box, left)))["map"] == 1
    elsewhere = found((0, 0, 2, 2), WHOLE, label=1)
    assert measured(truth, two(found(box, right), elsewhere))["map"] == 0
    assert found(box, right).overlaps(truth, 0).tolist() == [[0]]
