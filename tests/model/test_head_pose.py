"""Objects with keypoints: what is particular to these beside boxes."""

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from faster_coco_eval import COCO, COCOeval_faster
from torch import Tensor

from mtl.data.batch import Labelled
from mtl.data.poses import PoseBatch, Poses
from mtl.data.preprocess.base import Frame
from mtl.data.sample import Boxes, Target
from mtl.errors import UserError
from mtl.model.backbone.base import Stage
from mtl.model.head.keypoint_similarity import COCO as SIGMAS
from mtl.model.head.keypoint_similarity import areas, sigmas_of, similarity
from mtl.model.head.pose import Pose
from mtl.model.head.pose_detections import PoseDetections
from mtl.model.samples.columns import detection_columns
from mtl.model.views.placement import Placement

STAGES = (Stage("fine", 4, 8),)
NAMES = ("left", "nose", "right")
HALF = math.sqrt(8 * 0.01 * 0.53 * 64 * math.log(2))
"""How far a keypoint of a box of 8 by 8 is off whose similarity is a half."""


def head(**options: Any) -> Pose:
    torch.manual_seed(0)
    meant = {"keypoints": NAMES, "mirrored": [("left", "right")], "skeleton": [("left", "nose")]}
    target = Target("poses", ("a", "b"), **{**meant, **options.pop("meant", {})})
    more = {"image_size": 16, "channels": 32, "convs": 0, **options}
    return Pose(target=target, stages=STAGES, **more)


Places = Sequence[tuple[float, float, float]]
POSE: Places = [(3, 5, 2), (5, 5, 1), (7, 5, 2)]


def found(*objects: tuple[Sequence[float], float, Places]) -> PoseDetections:
    """Each a box, a score and points."""
    boxes, scores, points = zip(*objects, strict=True)
    labels = torch.zeros(len(objects), dtype=torch.int64)
    parts = (torch.tensor(boxes), torch.tensor(scores), labels, torch.tensor(points))
    return PoseDetections(*(part if part is labels else part.float() for part in parts))


def objects(*each: tuple[Sequence[float], Places], difficult: Sequence[bool] = ()) -> PoseBatch:
    boxes = np.array([box for box, _ in each], np.float32)
    hard = np.array(difficult or [False] * len(each))
    value = Boxes(boxes, np.zeros(len(each), np.int64), hard)
    points = np.array([points for _, points in each], np.float32)
    return PoseBatch.together([Poses.of(value, points)])


def moved(points: Places, x: float) -> Places:
    return [(place + x, y, v) for place, y, v in points]


BOX = (1, 1, 9, 9)


def measured(truth: PoseBatch, said: PoseDetections) -> dict[str, float]:
    metrics = head().make_metrics()
    metrics.update([said], Labelled(torch.tensor([0]), truth))
    return {name: round(float(value), 3) for name, value in metrics.compute().items()}


def test_similarity_by_hand() -> None:
    """exp(-d² / (8 sigma² area)), over the known keypoints alone."""
    area = areas(torch.tensor(BOX).float())
    assert area == pytest.approx(0.53 * 64)
    truth, known = torch.tensor(POSE)[:, :2], torch.tensor([True, False, True])
    off = truth + torch.tensor([(HALF, 0), (99, 0), (0, 0)])
    sigmas = torch.full((3,), 0.1)
    assert similarity(off, truth, known, area, sigmas) == pytest.approx(0.75)
    assert similarity(off, truth, known & False, area, sigmas) == 0
    assert sigmas_of(["nose", "left_hip"], 0.3) == (0.026, 0.107)
    assert sigmas_of(["nose", "tail"], 0.3) == (0.3, 0.3)
    assert len(SIGMAS) == 17


@pytest.mark.parametrize(
    ("off", "wanted"),
    [
        (0, {"map": 1, "map50": 1, "recall": 1}),
        # A similarity of 0.62 reaches the thresholds 0.5, 0.55 and 0.6 of ten.
        (math.sqrt(math.log(0.62) / math.log(0.5)), {"map": 0.3, "map50": 1, "recall": 0.3}),
        (1.01, {"map": 0, "map50": 0, "recall": 0}),
    ],
)
def test_average_precision_goes_by_keypoints(off: float, wanted: dict[str, float]) -> None:
    """The box is right in any case; an unknown keypoint has no say."""
    truth = objects((BOX, [*POSE[:2], (0, 0, 0)]))
    said = found((BOX, 0.9, [*moved(POSE, off * HALF)[:2], (16, 16, 1)]))
    assert measured(truth, said) == wanted
    assert measured(truth, said[:0]) == dict.fromkeys(wanted, 0)
    made = head()
    label = Labelled(torch.tensor([0]), truth)
    columns = detection_columns([said], label, 2, 16, made.overlap)
    assert int(columns["matched"][0]).bit_count() == round(10 * wanted["map"])


def test_numbers_are_those_of_cocos_evaluation_of_its_own_keypoints() -> None:
    rng = np.random.default_rng(1)
    made = Pose(
        target=Target("poses", ("person",), keypoints=tuple(SIGMAS)),
        stages=STAGES,
        image_size=100,
        channels=32,
    )
    metrics, said, true = made.make_metrics(), [], []
    for image in range(6):
        truth = rng.uniform(0, 90, (3, 17, 3)).astype(np.float32)
        truth[..., 2] = rng.integers(0, 3, (3, 17))
        sides = rng.uniform(10, 60, (3, 2)).astype(np.float32)
        boxes = np.concatenate([truth[:, 0, :2], truth[:, 0, :2] + sides], 1)
        points = truth + rng.normal(0, rng.choice([0.3, 2, 6], (3, 1, 1)), truth.shape)
        scores = np.sort(rng.random(3))[::-1].astype(np.float32)
        value = Boxes(boxes, np.zeros(3, np.int64), np.zeros(3, np.bool_))
        parts = (boxes, scores, np.zeros(3, np.int64), points.astype(np.float32))
        own = PoseDetections(*(torch.from_numpy(part.copy()) for part in parts))
        batch = PoseBatch.together([Poses.of(value, truth)])
        metrics.update([own], Labelled(torch.tensor([0]), batch))
        for row, (width, height) in enumerate(sides.tolist()):
            about = {"id": len(true) + 1, "image_id": image, "category_id": 1, "iscrowd": 0}
            left, top = boxes[row, :2].tolist()
            about |= {"area": 0.53 * width * height, "bbox": [left, top, width, height]}
            known = int((truth[row, :, 2] > 0).sum())
            true.append({**about, "keypoints": truth[row].ravel().tolist(), "num_keypoints": known})
            numbers = own.points[row].ravel().tolist()
            said.append({**about, "keypoints": numbers, "score": float(scores[row])})
    sets = []
    for annotations in (true, said):
        content = {"images": [{"id": n} for n in range(6)], "categories": [{"id": 1}]}
        sets.append(COCO({**content, "annotations": annotations}))
    evaluation = COCOeval_faster(*sets, "keypoints")
    evaluation.evaluate()
    evaluation.accumulate()
    evaluation.summarize()
    wanted = {"map": 0, "map50": 1, "recall": 5}
    assert 0.1 < evaluation.stats[0] < 0.9
    for name, value in metrics.compute().items():
        assert float(value) == pytest.approx(evaluation.stats[wanted[name]], abs=1e-6)


FAR: Places = [(13, 13, 1)] * 3


def test_crowds_and_objects_without_a_pose_neither_help_nor_hurt() -> None:
    nobody: Places = [(0, 0, 0)] * 3
    first = (BOX, POSE)
    right = (BOX, 0.5, POSE)
    for truth in (
        objects(first, ((10, 10, 16, 16), nobody)),
        objects(first, ((10, 10, 16, 16), FAR), difficult=[False, True]),
    ):
        on_it = (12, 12, 14, 14), 0.9, FAR
        assert measured(truth, found(on_it, right)) == {"map": 1, "map50": 1, "recall": 1}
        elsewhere = (12, 0, 14, 3), 0.9, [(13, 1, 2), (14, 1, 2), (13, 2, 2)]
        assert measured(truth, found(elsewhere, right))["map50"] == 0.5
        # What is of another object stays, wherever it lies.
        assert not found(right).of_difficult(truth, 0, 0.5).any()
    assert measured(objects((BOX, nobody)), found(right)) == {}


def raw_of(made: Pose, place: int, pose: Tensor) -> dict[str, Tensor]:
    """A pyramid of 2 by 2 points, of which one sees an object that fills the picture."""
    points = len(made.points.stride)
    raw = {
        "cls_logits": torch.full((1, points, 2), -9.0),
        "bbox_regression": torch.ones(1, points, 4),
        "bbox_ctrness": torch.zeros(1, points, 1),
        "pose": torch.zeros(1, points, 3, 3),
    }
    raw["cls_logits"][0, place, 0] = 9
    raw["pose"][0, place] = pose
    return raw


def test_points_are_told_in_strides_from_where_they_are_told() -> None:
    """Point 3 lies at 12, 12; a stride is 8."""
    made = head()
    pose = torch.tensor([(-0.5, 0, 2.0), (0, 0.25, -2), (9, -9, 0)])
    (one,) = made.predict(raw_of(made, 3, pose))
    assert isinstance(one, PoseDetections)
    sure, unsure = torch.tensor([2.0, -2.0]).sigmoid().tolist()
    wanted = torch.tensor([[(8, 12, sure), (12, 14, unsure), (16, 0, 0.5)]])
    torch.testing.assert_close(one.points, wanted)


def test_the_loss_by_hand() -> None:
    """All four points answer for the object; three say it is at their own place."""
    made = head(pose_weight=2.0)
    centre: Places = [(8, 8, 2), (8, 8, 1), (0, 0, 0)]
    truth = Labelled(torch.tensor([0]), objects(((0, 0, 16, 16), centre)))
    raw = raw_of(made, 0, torch.zeros(3, 3))
    raw["pose"][0, 1:, :, :2] = ((8 - made.points.center[1:]) / 8)[:, None]
    raw["pose"][0, :, 0, 2] = math.log(3)
    raw["pose"][0, :, 1, 2] = math.log(3)
    with_poses = made.loss(raw, truth)
    made.pose_weight = 0
    area = 0.53 * 256
    off = 1 - math.exp(-32 / (8 * 0.01 * area)) + 2 * (4 / math.sqrt(area) - 0.01 / 2)
    # Of three visible in four by probability, one is visible and one hidden.
    unsure = -(math.log(3 / 4) + math.log(1 / 4)) / 2
    difference = (with_poses - made.loss(raw, truth)).item()
    assert difference == pytest.approx(2 * (off / 4 + unsure), rel=1e-5)


def test_what_is_far_off_is_drawn_near() -> None:
    """Where the similarity is 0, and so is its slope."""
    made = head(sigma=0.001)
    truth = Labelled(torch.tensor([0]), objects(((0, 0, 16, 16), [(12, 1, 2)] * 3)))
    raw = raw_of(made, 3, torch.zeros(3, 3))
    raw["pose"].requires_grad_()
    made.loss(raw, truth).backward()
    # Down the gradient is up, from 12, 12; to the side nothing is to be gained.
    assert raw["pose"].grad is not None
    assert (raw["pose"].grad[0, 3, :, 1] > 0.01).all()
    assert (raw["pose"].grad[0, 3, :, 0] == 0).all()


def test_what_nobody_knows_is_not_learnt() -> None:
    made = head()
    features = {8: torch.randn(1, 4, 2, 2)}
    weights = [made.branch.layers[0].weight]
    for points, moves in ((POSE, True), ([(0, 0, 0)] * 3, False)):
        loss = made.loss(made(features), Labelled(torch.tensor([0]), objects((BOX, points))))
        (gradient,) = torch.autograd.grad(loss, weights)
        assert bool(gradient.any()) == moves


def test_a_mirrored_copy_is_turned_back_with_left_and_right_exchanged() -> None:
    said = found(((2, 2, 8, 6), 0.9, [(2, 3, 0.9), (5, 4, 0.5), (8, 6, 0.1)]))
    (back,) = head().carry_back([said], Placement.turned(0, flip=True))
    assert isinstance(back, PoseDetections)
    assert back.boxes.tolist() == [[8, 2, 14, 6]]
    wanted = torch.tensor([[(8, 6, 0.1), (11, 4, 0.5), (14, 3, 0.9)]])
    torch.testing.assert_close(back.points, wanted)
    (quarter,) = head().carry_back([said], Placement.turned(90))
    assert isinstance(quarter, PoseDetections)
    torch.testing.assert_close(quarter.points[0, 0], torch.tensor([13, 2, 0.9]))


def test_fused_poses_are_the_mean_weighted_by_scores() -> None:
    one, other = found((BOX, 0.9, POSE)), found((BOX, 0.3, moved(POSE, 4.0)))
    apart = replace(one, labels=torch.tensor([1]), points=one.points * 0)
    (fused,) = head().average([[one], [other], [apart]], torch.tensor([0.25, 0.25, 0.5]))
    assert isinstance(fused, PoseDetections)
    assert fused.labels.tolist() == [1, 0]
    torch.testing.assert_close(fused.points[1], torch.tensor(moved(POSE, 1.0)).float())
    (voted,) = head().vote([[one], [other]])
    assert isinstance(voted, PoseDetections)
    torch.testing.assert_close(voted.points[0], torch.tensor(moved(POSE, 1.0)).float())


def test_the_record_is_what_coco_reads_in_the_original_image() -> None:
    made = head()
    said = found(((0, 4, 8, 12), 0.9, [(2, 6, 0.9), (4, 8, 0.2), (8, 15, 0.5)]))
    frame = Frame(8, 4, 2, 2, 0, 4)  # letterboxed: rows 4 to 12 show it
    original = made.to_original(said, frame)
    record = made.record(original)
    assert record["keypoints"] == list(NAMES)
    (entry,) = record["detections"]
    assert entry["bbox"] == [0, 0, 4, 4]
    assert entry["keypoints"] == [0.5, 0.5, 2, 1.5, 1.5, 1, 3.5, 3.5, 2]
    canvas = np.zeros((4, 8, 3), np.uint8)
    assert made.draw(canvas, original)[2, 2].any()


def test_an_exported_file_tells_the_same() -> None:
    made = head()
    said = found((BOX, 0.9, [(2, 6, 0.75), (4, 8, 0.25), (8, 12, 0.5)]))
    tensors = made.exported([said], None)
    assert tensors["points"].tolist() == [[[[2, 6], [4, 8], [8, 12]]]]
    assert tensors["visible"].tolist() == [[[0.75, 0.25, 0.5]]]
    (back,) = made.from_exported(tensors)
    assert isinstance(back, PoseDetections)
    torch.testing.assert_close(back.points, said.points)
    half = {**tensors, "points": tensors["points"] / 2, "boxes": tensors["boxes"] / 2}
    (scaled,) = made.from_exported(half, Frame(8, 8, 2, 2))
    assert isinstance(scaled, PoseDetections)
    torch.testing.assert_close(scaled.points, said.points)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"sigma": 0}, r"pose\.sigma=0: allowed: from 0.001 up"),
        ({"pose_weight": -1}, r"pose\.pose_weight=-1: allowed: from 0 up"),
    ],
)
def test_wrong_options_are_named(options: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=message):
        head(**options)
