"""Resizing as a part of a graph against the framework's own."""

import numpy as np
import pytest
import torch

from mtl.data.preprocess.denoise import Denoise
from mtl.data.preprocess.fit import out_of_picture
from mtl.data.preprocess.standard import Standard
from mtl.data.sample import Sample

SIZE = 24
MEAN = (0.5,) * 3
SIDES = [
    (24, 24),  # as it is
    (48, 48),  # halved, where OpenCV averages
    (49, 47),
    (47, 96),
    (72, 72),  # thirds
    (97, 131),
    (200, 60),
    (13, 17),  # both grow
    (60, 13),  # one grows, the other is averaged in one fit
    (9, 300),
    (1, 40),
]


def smooth(height: int, width: int) -> np.ndarray:
    """A picture with every grey level and soft and hard edges."""
    rng = np.random.default_rng([height, width])
    noise = rng.integers(0, 256, (height, width, 3))
    noise[height // 3 :, width // 2 :] //= 4
    return noise.astype(np.uint8)


@pytest.mark.parametrize("fit", ["stretch", "letterbox"])
def test_pixels_are_within_a_grey_level(fit: str) -> None:
    """OpenCV's fixed point alone makes a difference, and in few pixels."""
    preprocess = Standard(SIZE, MEAN, MEAN, fit)  # type: ignore[arg-type]
    graph = preprocess.in_graph()
    assert graph is not None
    other = 0
    for height, width in SIDES:
        image = smooth(height, width)
        wanted = preprocess(Sample(image, ""))[0].image
        found, _ = graph(torch.from_numpy(image)[None])
        gap = np.abs(found[0].permute(1, 2, 0).numpy() - wanted)
        assert gap.max() <= 1, (height, width)
        other += int((gap > 0).sum())
    assert other < 0.1 * len(SIDES) * SIZE * SIZE * 3


@pytest.mark.parametrize("fit", ["stretch", "letterbox"])
@pytest.mark.parametrize("sides", [(97, 131), (13, 17), (200, 60)])
def test_the_way_back_is_the_frame_s(fit: str, sides: tuple[int, int]) -> None:
    preprocess = Standard(SIZE, MEAN, MEAN, fit)  # type: ignore[arg-type]
    graph = preprocess.in_graph()
    assert graph is not None
    frame = preprocess.frame(*sides)
    _, found = graph(torch.from_numpy(smooth(*sides))[None])
    boxes = torch.tensor([[[0.0, 0, 24, 24], [-3, 5, 12.5, 40], [6, 7, 8, 9]]])
    np.testing.assert_allclose(
        found.boxes_to_original(boxes)[0].numpy(),
        frame.boxes_to_original(boxes[0].numpy()),
        rtol=1e-5,
    )
    plane = torch.rand(1, SIZE, SIZE, generator=torch.Generator().manual_seed(0))
    wanted = out_of_picture(plane[0].numpy(), frame, 1)
    back = found.plane_to_original(plane)[0].numpy()
    assert back.shape == wanted.shape == sides
    # OpenCV places pixels to 1/32.
    assert np.abs(back - wanted).max() < 1 / 16


def test_steps_that_are_no_part_of_a_graph() -> None:
    assert Denoise(SIZE, MEAN, MEAN).in_graph() is None

    class Own(Standard):
        def frame(self, height, width):
            return super().frame(height, width)

    assert Own(SIZE, MEAN, MEAN).in_graph() is None
