"""Weights of instances, drawn."""

from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from fusion_kit import Quarters, Turns, write_fusion_conf
from torch import nn
from training_kit import fit

from mtl.config.load import load
from mtl.data.build import build_data
from mtl.drawing.pixels import to_pixels
from mtl.learning.callbacks.figures import Figures
from mtl.model.build import build_network
from mtl.model.figures.instances import DARKEST, INK, ROW, draw_instances, draw_weights


def test_tiles_are_the_darker_the_less_they_weigh() -> None:
    canvas = np.full((100, 100, 3), 200, np.uint8)
    names = [p.name for p in Quarters().placements]
    drawn = draw_weights(canvas, Quarters().placements, names, [0.0, 0.5, 0.25, 0.25])
    assert drawn.shape == canvas.shape
    assert canvas.min() == 200
    # The lower right corners of the tiles are free of numbers.
    corners = [int(drawn[y, x, 0]) for y in (45, 95) for x in (45, 95)]
    assert corners == [round(200 * DARKEST), 200, *[round(200 * (DARKEST + 1) / 2)] * 2]


def test_turned_views_have_bars() -> None:
    canvas = np.zeros((100, 200, 3), np.uint8)
    drawn = draw_weights(canvas, Turns().placements, ["0", "90", "180", "270"], [0.5, 0.0, 0, 0.5])
    assert drawn.shape == (100 + 4 * ROW, 200, 3)
    assert np.array_equal(drawn[:100], canvas)
    bars = [int((drawn[102 + ROW * i] == INK).all(1).sum()) for i in range(4)]
    assert bars == [100, 1, 1, 100]


def test_pixels_are_those_before_normalisation() -> None:
    image = torch.tensor([0.0, 1.0, -1.0]).reshape(1, 3, 1, 1).expand(1, 3, 4, 4)
    (found,) = to_pixels(image, (0.5, 0.2, 0.1), (0.25, 0.2, 0.2), 6)
    assert found.shape == (8, 8, 3)
    assert found[3, 3].tolist() == [128, 102, 0]


@pytest.mark.parametrize("views", ["quarters", "turns"])
def test_a_run_leaves_the_picture(views: str, tmp_path: Path) -> None:
    overrides = ["data=alternating", "backbone=plain", f"views={views}", "fusion=mil_attention"]
    cfg = load([*overrides, "epochs=1", "data.workers=0"], write_fusion_conf(tmp_path / "conf"))
    fit(cfg, tmp_path, Figures(samples=3, worst=0))
    picture = cv2.imread(str(tmp_path / "figures" / "val_instances.png"))
    assert picture is not None
    assert (tmp_path / "figures" / "val.png").exists()


def test_weights_are_those_of_the_images_drawn(tmp_path: Path) -> None:
    overrides = ["data=alternating", "backbone=plain", "views=quarters", "fusion=mil_attention"]
    cfg = load(overrides, write_fusion_conf(tmp_path))
    network = build_network(cfg, build_data(cfg).targets).eval()
    image = torch.randn(6, 3, 16, 16)
    mean, std = (0.5, 0.5, 0.5), (0.25, 0.25, 0.25)
    assert draw_instances(network, image, mean, std) is None
    for parameter in network.fusion.parameters():
        nn.init.normal_(parameter)
    network.predict(image)
    drawn = draw_instances(network, image[:2], mean, std)
    assert drawn is not None
    weights = network.fusion.instance_weights
    assert weights is not None
    assert weights.shape == (2, 4)
    assert not torch.allclose(weights[0], weights[1])
