"""What each head makes of a teacher's answers: numbers worked out by hand, and what all share."""

import math
from typing import Any

import pytest
import torch
from torch import Tensor

from mtl.config.groups import members
from mtl.config.instantiate import make
from mtl.config.member_files import node_of
from mtl.data.sample import Target
from mtl.model.backbone.base import Stage
from mtl.model.build import HEAD_FRAMEWORK_KEYS
from mtl.model.head.base import Head

LN3 = math.log(3)
SURE = 0.75 * math.log(0.75 / 0.5) + 0.25 * math.log(0.25 / 0.5)
"""Nats from (0.5, 0.5) to (0.75, 0.25), which the logits 0 and ln 3 are."""
STAGES = (Stage("fine", 4, 4), Stage("coarse", 8, 8))


def head(name: str, classes: int = 2, image_size: int = 8, **options: Any) -> Head:
    node = node_of("head", name)
    target = Target(node["kind"], tuple("abcdef"[:classes]))
    own = {key: value for key, value in node.items() if key not in HEAD_FRAMEWORK_KEYS}
    torch.manual_seed(0)
    made = make(own | options, Head, target=target, stages=STAGES, image_size=image_size)
    assert isinstance(made, Head)
    return made


def number(value: Tensor) -> float:
    return float(value.detach())


def numbers(*values: Any) -> Tensor:
    return torch.tensor(values, dtype=torch.float64)


def test_classification_is_the_divergence_of_softened_probabilities() -> None:
    own, its = numbers([0, 0], [1, 1]), numbers([LN3, 0], [2, 2])
    made = head("classification")
    assert number(made.distillation(own, its, 1.0)) == pytest.approx(SURE / 2, abs=1e-12)
    p = math.sqrt(3) / (1 + math.sqrt(3))  # at twice the temperature odds of 3 are those of √3
    soft = p * math.log(2 * p) + (1 - p) * math.log(2 * (1 - p))
    assert number(made.distillation(own, its, 2.0)) == pytest.approx(4 * soft / 2, abs=1e-12)


def test_multilabel_takes_each_class_by_itself() -> None:
    own, its = numbers([0, 0]), numbers([LN3, 0])
    assert number(head("multilabel").distillation(own, its, 1.0)) == pytest.approx(SURE / 2)


def test_segmentation_compares_pixels_whatever_the_maps_sizes() -> None:
    own = numbers(0, 0).view(1, 2, 1, 1)
    its = numbers(LN3, 0).view(1, 2, 1, 1).expand(1, 2, 4, 4)
    assert number(head("segmentation").distillation(own, its, 1.0)) == pytest.approx(SURE)


def test_box_takes_the_teachers_box_for_the_truth() -> None:
    own, its = numbers([0, 0, 0, 0]), numbers([0, 0, LN3, LN3])
    # Sides of a half and of three quarters of the picture: each coordinate is off by an eighth.
    expected = 10 * (0.125 - 0.1 / 2)
    assert number(head("box").distillation(own, its, 1.0)) == pytest.approx(expected, abs=1e-12)


def points(logit: float, sides: list[float], centerness: float) -> dict[str, Tensor]:
    return {
        "cls_logits": numbers([[logit]]),
        "bbox_regression": numbers([sides]),
        "bbox_ctrness": numbers([[centerness]]),
    }


def test_detection_counts_points_by_confidence() -> None:
    own, its = points(0, [1, 1, 1, 1], 0), points(LN3, [1, 1, 1, 3], LN3)
    made = head("detection", classes=1, channels=32, strides=[8])
    confidence = 0.75 * 0.75
    position = (2 - 0.5) / 4
    expected = 0.75 * SURE + confidence * (position + SURE)  # over 1 image
    assert number(made.distillation(own, its, 1.0)) == pytest.approx(expected, abs=1e-12)
    many = {name: value.repeat(1, 4, 1) for name, value in own.items()}
    taught = {name: value.repeat(1, 4, 1) for name, value in its.items()}
    expected = 4 * expected / (4 * confidence)  # more confidence than images
    assert number(made.distillation(many, taught, 1.0)) == pytest.approx(expected, abs=1e-12)


def test_what_only_the_student_detects_is_taken_back() -> None:
    made = head("detection", classes=1, channels=32, strides=[8])
    own = {n: v.requires_grad_() for n, v in points(3, [1, 1, 1, 1], 0).items()}
    made.distillation(own, points(-6, [1, 1, 1, 1], 0), 1.0).backward()
    gradient = own["cls_logits"].grad
    assert gradient is not None
    assert number(gradient) > 0.5


def test_similarity_compares_distances_of_any_dimension_and_scale() -> None:
    own = numbers([0], [1], [3])  # distances 1, 3, 2: over their mean 0.5, 1.5, 1
    its = numbers([0, 0], [0, 5], [0, 10])  # 5, 10, 5: 0.75, 1.5, 0.75
    made = head("similarity", normalise=False)
    expected = (0.25**2 / 2 + 0.25**2 / 2) / 3
    assert number(made.distillation(own, its, 1.0)) == pytest.approx(expected, abs=1e-12)
    assert number(made.distillation(own[:1], its[:1], 1.0)) == 0


def raw_of(made: Head) -> Any:
    sizes = {
        stage.stride: (3, stage.channels, 16 // stage.stride, 16 // stage.stride)
        for stage in STAGES
    }
    generator = torch.Generator().manual_seed(1)
    features = {
        stride: torch.randn(size, generator=generator, dtype=torch.float64)
        for stride, size in sizes.items()
    }
    return made.double().eval()(features)


@pytest.mark.parametrize("name", sorted(members("head")))
@pytest.mark.parametrize("temperature", [1.0, 4.0])
def test_who_says_what_the_teacher_says_has_nothing_to_learn(name: str, temperature: float) -> None:
    made = head(name, image_size=16)
    assert type(made).distillation is not Head.distillation
    raw = raw_of(made)
    parts = [raw] if isinstance(raw, Tensor) else list(raw.values())
    taught = raw.detach() if isinstance(raw, Tensor) else {k: v.detach() for k, v in raw.items()}
    loss = made.distillation(raw, taught, temperature)
    assert loss.ndim == 0
    assert number(loss) == pytest.approx(0, abs=1e-12)
    for gradient in torch.autograd.grad(loss, parts, allow_unused=True):
        assert gradient is None or number(gradient.abs().max()) < 1e-12
