"""Objects that no point answers for are counted and said, and only those."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from mtl.config.load import load
from mtl.data.build import build_data
from mtl.data.sample import Boxes
from mtl.data.sources.base import ArraySource
from mtl.data.sources.shapes import Shapes
from mtl.model.build import build_network
from mtl.runs import left_out
from mtl.runs.left_out import left_out_lines

pytestmark = pytest.mark.slow

BASE = ["data=shapes", "data.train=40", "data.val=4", "data.test=4", "backbone.width=4"]
TINY = [*BASE, "tasks=[detection]", "heads.detection.strides=[16]", "image_size=32"]


def crowded(self: Shapes, split: Any, original: Any) -> ArraySource:
    """Six dots in the first image, around a corner of four cells of 16 px; none elsewhere."""
    source: ArraySource = original(self, split)
    dots = np.array([[15 + k / 9, 15, 15.5 + k / 9, 15.5 + k / 99] for k in range(6)], np.float32)
    none = np.zeros((0, 4), np.float32)
    boxes = [
        Boxes(xyxy, np.zeros(len(xyxy), np.int64), np.zeros(len(xyxy), np.bool_))
        for xyxy in [dots, *[none] * (len(source) - 1)]
    ]
    columns = {**source.targets, "boxes": boxes}
    return ArraySource(source.images, source.ids, columns, self.targets)


@pytest.fixture
def crowd(monkeypatch: pytest.MonkeyPatch) -> None:
    original = Shapes.split
    monkeypatch.setattr(Shapes, "split", lambda self, split: crowded(self, split, original))


def lines(*overrides: str) -> list[str]:
    cfg = load(list(overrides))
    torch.manual_seed(0)
    data = build_data(cfg)
    return left_out_lines(build_network(cfg, data.targets), data)


@pytest.mark.usefixtures("crowd")
def test_two_of_six_share_four_points() -> None:
    (line,) = lines(*TINY)
    assert line.startswith("detection: 2 of 6 objects have no point at image_size=32")
    assert "heads.detection.strides" in line


@pytest.mark.usefixtures("crowd")
def test_of_many_samples_it_is_said_how_many_were_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(left_out, "MOST_READ", 8)
    (line,) = lines(*TINY)
    assert line.startswith("detection: 2 of 6 objects in 8 of 40 training samples have no point")


def test_shapes_all_have_points() -> None:
    assert lines(*BASE, "image_size=64") == []


def test_other_heads_read_nothing() -> None:
    network: Any = SimpleNamespace(
        tasks=("x",), head=lambda task: SimpleNamespace(may_leave_out=False)
    )
    assert left_out_lines(network, SimpleNamespace()) == []  # type: ignore[arg-type]


@pytest.mark.usefixtures("crowd")
def test_train_and_inspect_say_it(mtl: Any, tmp_path: Path) -> None:
    result = mtl("inspect", *TINY, "samples=1")
    assert result.code == 0, result.err
    assert "detection: 2 of 6 objects have no point" in result.out
    quiet = ["epochs=1", "logger=none", "callbacks.figures.enabled=false", "test=false"]
    result = mtl("train", *TINY, *quiet, "hydra.run.dir=run")
    assert result.code == 0, result.err
    assert "detection: 2 of 6 objects have no point" in result.out
