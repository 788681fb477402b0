"""What hides a picture is drawn beside it."""

import numpy as np

from mtl.data.inspection.draw import draw_targets
from mtl.data.sample import Sample, Target
from mtl.drawing.panels import panels

CANVAS = np.zeros((20, 30, 3), np.uint8)


def add(canvas: np.ndarray, name: str) -> np.ndarray:
    return canvas + np.uint8({"a": 1, "b": 2, "c": 4}[name])


def corners(names: list[str], covering: list[str]) -> list[int]:
    """The last pixel of each picture; names stand at the top left."""
    return [int(panel[-1, -1, 0]) for panel in panels(CANVAS, names, covering, add)]


def test_what_can_lies_over_each_other_and_the_rest_beside() -> None:
    assert corners([], []) == [0]
    assert corners(["a", "b"], []) == [3]
    assert corners(["c", "a", "b"], ["c"]) == [3, 4]
    assert corners(["a", "b"], ["a", "b"]) == [1, 2]
    assert corners(["b"], ["b"]) == [2]
    assert (panels(CANVAS, ["b"], ["b"], add)[0] == 2).all()
    assert not CANVAS.any()


def test_all_samples_have_as_many_pictures() -> None:
    """The depth of one of them is absent."""
    targets = {"mask": Target("mask", ("ground", "thing")), "depth": Target("depth")}
    image = np.full((32, 32, 3), 90, np.uint8)
    one = Sample(image, "", {"depth": np.full((32, 32), 2, np.float32)})
    drawn = [draw_targets(sample, targets, 2) for sample in (one, Sample(image, "", {}))]
    assert [canvas.shape for canvas in drawn] == [(64, 128, 3)] * 2
    assert (drawn[0][:, :64] == 90).all()
    assert (drawn[0][20:50, 64:] != 90).any(-1).all()
    assert (drawn[1][20:, 64:] == 90).all()
