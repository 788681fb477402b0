"""Objects of several images in places of one number, and what exports say of them."""

import numpy as np
import pytest
import torch
from torch import Tensor
from torchvision.ops import batched_nms

from mtl.data.sample import Target
from mtl.model.backbone.base import Stage
from mtl.model.head.detection import Detection
from mtl.model.head.detection_parity import Cut, detection_differences
from mtl.model.head.detections import DetectionBatch, Detections

CUT = Cut(score=0.05, overlap=0.6, most=4)


def found(*rows: tuple[float, ...]) -> Detections:
    """Rows of x1, y1, x2, y2, score, label."""
    table = torch.tensor(rows).reshape(-1, 6)
    return Detections(table[:, :4], table[:, 4], table[:, 5].long())


def arrays(*images: Detections, places: int = 4) -> dict[str, np.ndarray]:
    """As an exported file gives them."""
    head = Detection(
        target=Target("boxes", ("a", "b")), stages=[Stage("s", 8, 8)], image_size=64, channels=32
    )
    batch = DetectionBatch.of([*images, found(*[(0, 0, 1, 1, 0.5, 0)] * places)])
    return {name: value[:-1].numpy() for name, value in head.exported(batch, None).items()}


def random_batch(images: int, places: int) -> DetectionBatch:
    generator = torch.Generator().manual_seed(0)
    corner = torch.rand(images, places, 2, generator=generator) * 20
    side = torch.rand(images, places, 2, generator=generator) * 20 + 1
    scores = torch.rand(images, places, generator=generator)
    labels = torch.randint(0, 3, (images, places), generator=generator)
    batch = DetectionBatch(torch.cat([corner, corner + side], -1), scores, labels, scores > 0.3)
    return batch.best_first()


def test_a_batch_is_a_sequence_of_its_images() -> None:
    one, other = found((0, 0, 8, 8, 0.9, 1), (1, 1, 4, 4, 0.5, 0)), found()
    batch = DetectionBatch.of([one, other])
    assert len(batch) == 2
    assert batch.counts == [2, 0]
    assert [len(image) for image in batch] == [2, 0]
    assert torch.equal(batch[0].boxes, one.boxes)
    assert [len(image) for image in batch[0:1]] == [2]
    with pytest.raises(IndexError):
        batch[2]


def test_equal_scores_stay_in_their_order() -> None:
    batch = DetectionBatch.of(
        [found((0, 0, 1, 1, 0.5, 0), (0, 0, 2, 2, 0.5, 1), (0, 0, 3, 3, 0.5, 2))]
    )
    assert batch.best_first()[0].labels.tolist() == [0, 1, 2]
    assert batch.only(torch.tensor([[False, True, True]])).best_first()[0].labels.tolist() == [1, 2]


def test_suppression_is_torchvision_s() -> None:
    batch = random_batch(images=3, places=40)
    for image, kept in zip(batch, batch.suppressed(0.4, 10, classes=3), strict=True):
        wanted = batched_nms(image.boxes, image.scores, image.labels, 0.4)[:10]
        assert torch.equal(kept.boxes, image.boxes[wanted])
        assert torch.equal(kept.labels, image.labels[wanted])


def test_exported_objects_fill_their_places_with_nothing() -> None:
    seen = arrays(found((1, 2, 3, 4, 0.9, 1)), found())
    assert seen["count"].tolist() == [1, 0]
    assert seen["boxes"][0].tolist() == [[1, 2, 3, 4], *[[0, 0, 0, 0]] * 3]
    assert seen["labels"].tolist() == [[1, -1, -1, -1], [-1] * 4]
    np.testing.assert_allclose(seen["scores"][0], [0.9, 0, 0, 0])


def compared(one: Detections, other: Detections) -> list[float]:
    """Pixels, scores, and how many objects one lacks."""
    return [d.found for d in detection_differences(arrays(one), arrays(other), CUT)]


A, B = (0.0, 0.0, 10.0, 10.0), (20.0, 0.0, 30.0, 10.0)
DOWN, LOW, LOWEST = ((0.0, down, 10.0, 10 + down) for down in (2.0, 4.0, 6.0))
"""Each overlaps the next one by 2/3, and the one after by 3/7."""


def test_objects_are_compared_with_themselves() -> None:
    """Whatever their order, which the last digit of a score decides."""
    one = found((*A, 0.9, 0), (*B, 0.8, 0))
    other = found((20, 0, 30, 10.05, 0.9, 0), (*A, 0.9, 0))
    pixels, scores, lacking = compared(one, other)
    assert (pixels, scores, lacking) == pytest.approx((0.05, 0.1, 0), abs=1e-6)


@pytest.mark.parametrize(
    ("one", "other", "lacking"),
    [
        ([(*A, 0.9, 0)], [], 1),
        ([(*A, 0.9, 0)], [(*A, 0.9, 1)], 2),  # of another class
        ([(*A, 0.9, 0)], [(5, 0, 15, 10, 0.9, 0)], 2),  # elsewhere
        ([(*A, 0.05005, 0)], [], 0),  # the threshold is 0.05
        # The box that both have overlaps it by 0.6, the limit.
        ([(*A, 0.9, 0), (0, 0, 10, 6, 0.5, 0)], [(*A, 0.9, 0)], 0),
        ([(*A, 0.9, 0), (0, 0, 10, 5, 0.5, 0)], [(*A, 0.9, 0)], 1),
        # Two that overlap by 2/3, of which the better one is left: either, where they are equal.
        ([(*A, 0.9, 0)], [(*DOWN, 0.90005, 0)], 0),
        ([(*A, 0.9, 0)], [(*DOWN, 0.91, 0)], 2),
        # The lower one takes the place of a third one, too, which the upper one leaves alone.
        ([(*A, 0.9, 0), (*LOW, 0.8, 0)], [(*DOWN, 0.9, 0)], 0),
        ([(*LOW, 0.95, 0), (*A, 0.9, 0)], [(*DOWN, 0.9, 0)], 1),
        # And so on: a fourth one is there where the third one isn't.
        ([(*A, 0.9, 0), (*LOW, 0.8, 0)], [(*DOWN, 0.9, 0), (*LOWEST, 0.7, 0)], 0),
    ],
)
def test_objects_that_one_lacks(one: list, other: list, lacking: int) -> None:
    """But where the last digit decides."""
    assert compared(found(*one), found(*other))[2] == lacking
    assert compared(found(*other), found(*one))[2] == lacking


def test_the_last_of_as_many_as_there_can_be() -> None:
    def full(last: float, score: float) -> Detections:
        rows = [(20.0 * i, 0, 20.0 * i + 10, 10, 0.9 - i / 10, 0) for i in range(3)]
        return found(*rows, (last, 30, last + 9, 39, score, 0))

    assert compared(full(0, 0.5), full(20, 0.50005))[2] == 0
    assert compared(full(0, 0.5), full(20, 0.4))[2] == 1


def test_a_batch_of_no_image(head: Detection) -> None:
    raw: dict[str, Tensor] = {
        name: torch.zeros(0, 64, width)
        for name, width in (("cls_logits", 2), ("bbox_regression", 4), ("bbox_ctrness", 1))
    }
    assert list(head.predict(raw)) == []


@pytest.fixture
def head() -> Detection:
    return Detection(
        target=Target("boxes", ("a", "b")), stages=[Stage("s", 8, 8)], image_size=64, channels=32
    )
