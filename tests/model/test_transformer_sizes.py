"""Transformers take pictures of some sizes only, which is said before anything is trained."""

import pytest
import torch

from mtl.config.load import load
from mtl.data.sample import Target
from mtl.errors import UserError
from mtl.model.build import build_network

TARGETS = {"label": Target("label", ("a", "b"))}
SINGLE = ["tasks=[classification]", "backbone=timm", "heads.classification.target=label"]
FIXED = "swin_tiny_patch4_window7_224"


def build(*overrides: str) -> torch.nn.Module:
    return build_network(load([*SINGLE, *overrides]), TARGETS)


@pytest.mark.parametrize(
    ("overrides", "said"),
    [
        (("backbone.model=test_vit", "image_size=40"), "40 pixels (Input height (40) should be"),
        (
            ("backbone.model=test_vit", "image_size=48", "views=tiles", "fusion=mil_attention"),
            "24 pixels (Input height (24) should be",
        ),
        ((f"backbone.model={FIXED}", "image_size=64"), "64 pixels (Input height (64) doesn't"),
    ],
)
def test_other_sizes_are_refused(overrides: tuple[str, ...], said: str) -> None:
    with pytest.raises(UserError) as error:
        build(*overrides)
    assert said in str(error.value)
    assert "choose another image_size, or say which it has" in str(error.value)


def test_sizes_that_fit() -> None:
    build("backbone.model=test_vit", "image_size=48")
    made = build(f"backbone.model={FIXED}", "image_size=64", "backbone.options={img_size: 64}")
    assert made.training
