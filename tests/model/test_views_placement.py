"""Where views lie: ways there and back for images, maps, boxes and masks."""

import math
from itertools import product

import pytest
import torch
from torch.nn import functional as F

from mtl.model.views.placement import Placement, see
from mtl.model.views.turn_back import back, boxes_back, boxes_there

ANGLES = [0, 7, 15, 30, 45, 60, 88.5, 90, 123, 135, 180, 200, 225, 270, 301, 315, 359, -20]
EXACT = [Placement.turned(90 * k, flip) for k, flip in product(range(4), (False, True))]


def smooth(side: int, dtype: torch.dtype = torch.float32) -> torch.Tensor:
    """(2, 3, side, side): waves that are long against a pixel."""
    ticks = (torch.arange(side, dtype=dtype) + 0.5) / side
    y, x = ticks[:, None], ticks
    waves = [
        (2 * math.pi * (a * x + b * y)).sin()
        for a, b in ((1, 0), (0, 1), (1, 1), (0.5, -1), (1, 0.3), (0.7, 0.7))
    ]
    return torch.stack(waves).reshape(2, 3, side, side)


def test_identity_changes_nothing_bit_by_bit() -> None:
    image = torch.randn(2, 3, 16, 16)
    placement = Placement.turned(0)
    assert see(image, [placement], (16, 16)) is image
    maps, shown = back(image, [placement], (16, 16))
    assert torch.equal(maps[0], image)
    assert torch.equal(shown, torch.ones(1, 16, 16))
    several = see(image, [placement, Placement.turned(37)], (16, 16))
    assert torch.equal(several[:2], image)


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_quarter_turns_are_rot90_and_go_back_bit_by_bit(layout: torch.memory_format) -> None:
    image = torch.randn(2, 3, 8, 8).contiguous(memory_format=layout)
    views = see(image, EXACT, (8, 8))
    for number, (quarters, flip) in enumerate(product(range(4), (False, True))):
        mirrored = image.flip(-1) if flip else image
        expected = mirrored.rot90(quarters, (-2, -1))
        assert torch.equal(views[2 * number : 2 * number + 2], expected)
    maps, shown = back(views, EXACT, (8, 8))
    assert all(torch.equal(one, image) for one in maps)
    assert torch.equal(shown, torch.ones(8, 8, 8))


@pytest.mark.parametrize("quarters", range(-4, 9))
def test_quarters_of_any_angle(quarters: int) -> None:
    assert Placement.turned(90.0 * quarters).quarters == quarters % 4


@pytest.mark.parametrize("placement", EXACT, ids=lambda p: p.name)
def test_matrices_say_what_exact_turns_do(placement: Placement) -> None:
    image = smooth(16)
    same = Placement("sampled", placement.matrix)
    there = see(image, [placement], (16, 16))
    assert torch.allclose(see(image, [same], (16, 16)), there, atol=1e-5)
    assert torch.allclose(back(there, [same], (16, 16))[0][0], image, atol=1e-5)


@pytest.mark.parametrize("flip", [False, True])
def test_any_angle_there_and_back(flip: bool) -> None:
    side = 48
    image = smooth(side)
    placements = [Placement.turned(angle, flip) for angle in ANGLES]
    views = see(image, placements, (side, side))
    maps, shown = back(views, placements, (side, side))
    ticks = (torch.arange(side) + 0.5) / side * 2 - 1
    radius = (ticks[:, None].square() + ticks.square()).sqrt()
    # Inside this circle every view shows the image.
    inside = radius < 1 - 3 / side
    assert bool((shown[:, inside] > 1 - 1e-5).all())
    # A shift by one pixel changes these waves by up to 0.18.
    assert float((maps - image)[..., inside].abs().max()) < 0.02


def test_turned_by_45_degrees_a_corner_is_not_shown() -> None:
    view = torch.ones(1, 1, 16, 16)
    maps, shown = back(view, [Placement.turned(45)], (16, 16))
    assert float(shown[0, 0, 0]) == 0
    assert float(shown[0, 8, 8]) == pytest.approx(1)
    # Maps are weighted by what is shown: ones come back as that.
    assert torch.allclose(maps[0, 0, 0], shown[0])
    # The view is the square |x| + |y| <= sqrt(2): four triangles of the image's area 4 lack.
    missing = 4 * (2 - math.sqrt(2)) ** 2 / 2
    assert float(shown.mean()) == pytest.approx(1 - missing / 4, abs=0.01)


def test_sampling_matches_a_reference_in_float64() -> None:
    image = torch.randn(2, 3, 9, 9, dtype=torch.float64)
    placements = [Placement.turned(33), Placement.window("x", -0.7, -0.9, 0.8, 0.6)]
    theta = torch.tensor([p.matrix for p in placements], dtype=torch.float64)
    expected = [
        F.grid_sample(
            image,
            F.affine_grid(each.expand(2, 2, 3), [2, 3, 9, 9], align_corners=False),
            align_corners=False,
        )
        for each in theta
    ]
    found = see(image, placements, (9, 9))
    assert torch.allclose(found, torch.cat(expected), atol=1e-12)
    single = see(image.float(), placements, (9, 9))
    assert torch.allclose(single, found.float(), atol=1e-5)


def test_low_precision_loses_no_place() -> None:
    image = smooth(64)
    placement = Placement.turned(30)
    exact = see(image, [placement], (64, 64))
    with torch.autocast("cpu", dtype=torch.bfloat16):
        found = see(image.bfloat16(), [placement], (64, 64))
    assert found.dtype == torch.bfloat16
    assert float((found.float() - exact).abs().max()) < 0.01


def test_boxes_by_hand() -> None:
    box = torch.tensor([[2.0, 4.0, 6.0, 16.0]])
    quarter = Placement.turned(90)
    # Counter-clockwise: what was on the right is on top, x becomes 20 - x from the top.
    there = boxes_there(box, quarter, 20)
    assert torch.allclose(there, torch.tensor([[4.0, 14.0, 16.0, 18.0]]), atol=1e-5)
    mirrored = boxes_there(box, Placement.turned(0, flip=True), 20)
    assert torch.allclose(mirrored, torch.tensor([[14.0, 4.0, 18.0, 16.0]]), atol=1e-5)
    middle = torch.tensor([8.0, 8.0, 12.0, 12.0])
    wide = boxes_there(middle, Placement.turned(45), 20)
    half = 2 * math.sqrt(2)
    expected = torch.tensor([10 - half, 10 - half, 10 + half, 10 + half])
    assert torch.allclose(wide, expected, atol=1e-5)
    tile = Placement.window("tile", 0, -1, 1, 0)
    whole = torch.tensor([0.0, 0.0, 20.0, 20.0])
    assert torch.allclose(boxes_back(whole, tile, 20), torch.tensor([10.0, 0, 20, 10]), atol=1e-5)
    assert torch.allclose(boxes_there(box, Placement.turned(0), 20), box, atol=1e-5)


@pytest.mark.parametrize("flip", [False, True])
@pytest.mark.parametrize("angle", ANGLES)
def test_boxes_enclose_what_they_enclosed(angle: float, flip: bool) -> None:
    placement = Placement.turned(angle, flip)
    corner = torch.rand(50, 2, generator=torch.Generator().manual_seed(0)) * 12 + 14
    boxes = torch.cat([corner, corner + torch.tensor([6.0, 10.0])], 1)
    there = boxes_there(boxes, placement, 48)
    again = boxes_back(there, placement, 48)
    assert bool((again[:, :2] <= boxes[:, :2] + 1e-3).all())
    assert bool((again[:, 2:] >= boxes[:, 2:] - 1e-3).all())
    centre = (boxes[:, :2] + boxes[:, 2:]) / 2
    assert torch.allclose((again[:, :2] + again[:, 2:]) / 2, centre, atol=1e-3)
    if placement.exact:
        assert torch.allclose(again, boxes, atol=1e-4)


@pytest.mark.parametrize("flip", [False, True])
@pytest.mark.parametrize("angle", ANGLES)
def test_a_turned_square_lies_in_its_box_and_comes_back_to_a_pixel(
    angle: float, flip: bool
) -> None:
    placement = Placement.turned(angle, flip)
    mask = torch.zeros(1, 1, 48, 48)
    mask[..., 16:26, 20:34] = 1
    view = see(mask, [placement], (48, 48))
    rows, columns = (torch.nonzero(view[0, 0].amax(side) > 0.5).flatten() for side in (1, 0))
    box = boxes_there(torch.tensor([20.0, 16.0, 34.0, 26.0]), placement, 48)
    tight = torch.tensor([columns[0], rows[0], columns[-1] + 1, rows[-1] + 1])
    assert bool((tight[:2] > box[:2] - 1).all())
    assert bool((tight[2:] < box[2:] + 1).all())
    # Right angles lose their tips to the raster, by less than two pixels.
    assert float((tight - box).abs().max()) < 2
    there = (view > 0.5).float()
    again = back(there, [placement], (48, 48))[0][0] > 0.5
    grown = F.max_pool2d(mask, 3, 1, 1) > 0
    shrunk = -F.max_pool2d(-mask, 3, 1, 1) > 0
    assert bool((again <= grown).all())
    assert bool((again >= shrunk).all())


@pytest.mark.slow
def test_gradient_flows_there_and_back() -> None:
    placements = [*EXACT[:3], Placement.turned(30), Placement.window("x", -0.5, -0.5, 0.5, 0.5)]
    image = torch.randn(1, 2, 6, 6, dtype=torch.float64, requires_grad=True)

    def there_and_back(picture: torch.Tensor) -> torch.Tensor:
        return back(see(picture, placements, (6, 6)), placements, (6, 6))[0].contiguous()

    assert torch.autograd.gradcheck(there_and_back, (image,))


def test_layouts_suit_convolutions() -> None:
    image = torch.randn(3, 4, 8, 8).contiguous(memory_format=torch.channels_last)
    placements = [*EXACT, Placement.turned(30)]
    views = see(image, placements, (8, 8))
    assert views.is_contiguous(memory_format=torch.channels_last)
    maps, _ = back(views, placements, (8, 8))
    assert maps[0].is_contiguous(memory_format=torch.channels_last)
    assert maps.flatten(0, 1).is_contiguous(memory_format=torch.channels_last)


def test_the_number_of_operations_does_not_grow_with_the_batch() -> None:
    placements = [Placement.turned(angle) for angle in (0, 30, 90, 200)]

    def operations(batch: int) -> int:
        with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CPU]) as seen:
            views = see(torch.randn(batch, 3, 8, 8), placements, (8, 8))
            back(views, placements, (8, 8))
        return sum(event.count for event in seen.key_averages())

    operations(1)
    assert operations(32) == operations(2)


def test_windows_of_whole_pixels_are_cut_out() -> None:
    image = torch.randn(2, 3, 8, 8)
    view = see(image, [Placement.window("t", 0, -0.5, 1, 0.5)], (4, 4))
    assert torch.equal(view, image[..., 2:6, 4:])
    # Half a pixel off: the mean of neighbours.
    off = see(image, [Placement.window("t", -0.875, -1, 0.125, 0)], (4, 4))
    assert torch.allclose(off, (image[..., :4, :4] + image[..., :4, 1:5]) / 2, atol=1e-5)


def test_shrinking_passes_over_no_pixel() -> None:
    image = torch.randn(1, 1, 16, 16)
    # The picture at a quarter of its size: each cell the mean of 4x4 pixels.
    view = see(image, [Placement.window("small", -4, -4, 4, 4)], (16, 16))
    assert torch.allclose(view[..., 6:10, 6:10], F.avg_pool2d(image, 4), atol=1e-5)
    assert float(view[..., :5, :].abs().max()) == 0
    # A window at four times the size comes back as means of 4x4 cells.
    near = Placement.window("near", -0.25, -0.25, 0.25, 0.25)
    maps, shown = back(image, [near], (16, 16))
    assert torch.allclose(maps[0, ..., 6:10, 6:10], F.avg_pool2d(image, 4), atol=1e-5)
    assert torch.allclose(shown[0, 6:10, 6:10], torch.ones(4, 4))
    assert float(shown.sum()) == pytest.approx(16)


def test_steps_of_different_views_are_kept_apart() -> None:
    image = torch.randn(1, 2, 16, 16)
    placements = [Placement.window(str(f), -f, -f, f, f) for f in (4, 1.5, 2)]
    together = see(image, placements, (16, 16))
    alone = [see(image, [placement], (16, 16)) for placement in placements]
    assert torch.equal(together, torch.cat(alone))
    maps, shown = back(together, placements, (16, 16))
    for number, placement in enumerate(placements):
        one, weight = back(alone[number], [placement], (16, 16))
        assert torch.equal(maps[number], one[0])
        assert torch.equal(shown[number], weight[0])


def test_exact_views_at_another_resolution() -> None:
    maps = torch.randn(4, 2, 4, 4)
    placements = [Placement.turned(0), Placement.turned(90)]
    found, shown = back(maps, placements, (8, 8))
    bigger = F.interpolate(maps, (8, 8), mode="bilinear")
    assert torch.allclose(found[0], bigger[:2], atol=1e-6)
    assert torch.allclose(found[1], bigger[2:].rot90(-1, (-2, -1)), atol=1e-6)
    assert torch.equal(shown, torch.ones(2, 8, 8))
