"""The built-in scenes: geometry worked out by hand, and labels that agree with each other."""

import numpy as np
import pytest

from mtl.data.sources import scenes_truth as truth
from mtl.data.sources.base import SPLITS, ArraySource
from mtl.data.sources.scenes import CLASSES, Scenes
from mtl.data.sources.scenes_camera import Camera
from mtl.data.sources.scenes_cast import Standing, cast, lit
from mtl.data.sources.scenes_cast import normals as world_normals
from mtl.data.sources.scenes_layout import Scene, arrange
from mtl.data.sources.scenes_solids import SOLIDS

SIDE = 33
MIDDLE = SIDE // 2
"""With an odd number of pixels one looks straight ahead."""
LEVEL = Camera(height=0.5, pitch=0.0, side=SIDE)


@pytest.fixture(scope="module")
def scenes() -> list[Scene]:
    return [arrange(np.random.default_rng(i), 64, (1, 4)) for i in range(40)]


@pytest.fixture(scope="module")
def train() -> ArraySource:
    return Scenes(train=60, val=4, test=4).split("train")


def ahead(name: str) -> Standing:
    """A solid of one metre, three metres before the camera."""
    return Standing(0, SOLIDS[name](1.0, 1.0, 1.0), 0.0, 3.0, 0.0)


@pytest.mark.parametrize(
    ("name", "depth", "normal"),
    [
        ("sphere", 2.5, (0, 0, 1)),
        ("box", 2.5, (0, 0, 1)),
        ("cylinder", 2.5, (0, 0, 1)),
        # Half way up its radius is a quarter; it leans by the angle whose tangent is one half.
        ("cone", 2.75, (0, -1 / np.sqrt(5), 2 / np.sqrt(5))),
    ],
)
def test_what_is_straight_ahead(name: str, depth: float, normal: tuple[float, ...]) -> None:
    hits = cast(LEVEL, [ahead(name)])
    assert hits.owner[MIDDLE, MIDDLE] == 1
    assert hits.depth[MIDDLE, MIDDLE] == pytest.approx(depth, abs=1e-5)
    found = LEVEL.facing(world_normals(hits, [ahead(name)]))[MIDDLE, MIDDLE]
    assert found == pytest.approx(normal, abs=1e-5)


def test_ground_lies_where_the_height_says() -> None:
    hits = cast(LEVEL, [])
    rows = np.arange(MIDDLE + 1, SIDE)
    wanted = 0.5 * LEVEL.focal / (rows - MIDDLE)
    assert hits.depth[rows, 3] == pytest.approx(wanted, rel=1e-5)
    assert np.isinf(hits.depth[: MIDDLE + 1]).all()  # the sky
    tilted = Camera(1.0, np.radians(30), SIDE)
    hits = cast(tilted, [])
    # One metre up and 30 degrees down: the ground is 1 / sin 30 away, and looks up by 60.
    assert hits.depth[MIDDLE, MIDDLE] == pytest.approx(2, abs=1e-5)
    found = tilted.facing(world_normals(hits, []))[MIDDLE, MIDDLE]
    assert found == pytest.approx((0, -np.cos(np.pi / 6), 0.5), abs=1e-6)


def test_a_solid_shades_what_lies_behind_it() -> None:
    camera = Camera(3.0, np.radians(30), 65)
    light = np.array([0.6, 0.8, 0.0], np.float32)  # from the right
    box = Standing(0, SOLIDS["box"](1.0, 1.0, 1.0), 0.0, 5.0, 0.0)
    hits = cast(camera, [box])
    reached = lit(hits, [box], light)
    x, _, z = hits.points
    ground = hits.owner == 0
    row = ground & (np.abs(z - 5) < 0.4)
    # The light falls by 4 for every 3 aside: the shadow of one metre is 0.75 long.
    assert not reached[row & (x < -0.55) & (x > -1.2)].any()
    assert reached[row & (x < -1.3)].all()
    assert reached[row & (x > 0.55)].all()
    assert reached[hits.owner == 1].all()


def test_normals_are_those_of_the_depth(scenes: list[Scene]) -> None:
    """Beside the edges, two neighbours of a pixel span the plane that its normal is upright on."""
    angles = []
    for scene in scenes[:10]:
        camera, hits = scene.camera, scene.hits
        column = (np.arange(64) + 0.5 - 32) / camera.focal
        depth = truth.depth(scene)
        points = np.stack([depth * column, depth * column[:, None], -depth], 2)
        across = points[1:-1, 2:] - points[1:-1, :-2]
        down = points[2:, 1:-1] - points[:-2, 1:-1]
        plane = np.cross(across, down)
        plane *= np.sign(plane[..., 2:]) / np.linalg.norm(plane, axis=2, keepdims=True)
        owner = hits.owner
        inside = (owner[1:-1, 2:] == owner[1:-1, :-2]) & (owner[2:, 1:-1] == owner[:-2, 1:-1])
        cosine = (plane * truth.normals(scene)[1:-1, 1:-1]).sum(2)[inside]
        angles.append(np.degrees(np.arccos(np.clip(cosine[np.isfinite(cosine)], -1, 1))))
    found = np.concatenate(angles)
    assert np.median(found) < 0.5
    assert (found < 10).mean() > 0.96  # but for the edges of boxes and tops


def test_labels_agree(scenes: list[Scene]) -> None:
    for scene in scenes:
        mask, boxes = truth.mask(scene), truth.boxes(scene)
        assert set(np.unique(mask)) == {0, *(boxes.labels + 1)}
        assert np.array_equal(np.flatnonzero(truth.labels(scene)), np.unique(boxes.labels))
        for k, (box, label) in enumerate(zip(boxes.xyxy, boxes.labels, strict=True)):
            y, x = np.nonzero(scene.hits.owner == k + 1)
            assert box.tolist() == [x.min(), y.min(), x.max() + 1, y.max() + 1]
            assert (mask[y, x] == label + 1).all()
        solids = truth.instances(scene)
        assert np.array_equal(solids.xyxy, solids.masks.xyxy)
        for k, seen in enumerate(solids.masks.whole):
            assert np.array_equal(seen, scene.hits.owner == k + 1)
        normals, depth = truth.normals(scene), truth.depth(scene)
        known = np.isfinite(normals[..., 0])
        assert np.allclose(np.linalg.norm(normals[known], axis=1), 1, atol=1e-5)
        assert np.isfinite(depth[mask > 0]).all()
        assert np.nanmin(depth) > 0.5
        assert known[np.isfinite(depth)].all()


def test_the_main_solid_leads_and_none_is_hidden_much(scenes: list[Scene]) -> None:
    for scene in scenes:
        seen = np.bincount(scene.hits.owner.ravel(), minlength=len(scene.placed) + 1)[1:]
        assert (seen >= 0.6 * scene.hits.whole).all()
        assert all(seen[0] >= 1.4 * seen[1:])


def test_keypoints_lie_on_the_axis_of_the_main_solid(scenes: list[Scene]) -> None:
    for scene in scenes:
        ((bottom, centre, top),) = truth.keypoints(scene)
        (left, up, right, down), *_ = truth.boxes(scene).xyxy
        assert top[1] < centre[1] < bottom[1]
        assert left <= centre[0] <= right
        assert up <= centre[1] <= down
        for x, y, seen in (bottom, centre, top):
            assert (scene.hits.owner[int(y), int(x)] == 1) == (seen == 2)
        poses = truth.poses(scene)
        assert np.array_equal(poses.xyxy, truth.boxes(scene).xyxy)
        assert len(poses) == len(scene.placed)
        assert np.array_equal(poses.points[0], truth.keypoints(scene)[0])
        inside = (poses.points[..., :2] >= 0) & (poses.points[..., :2] < scene.camera.side)
        assert inside.all()
        for k, points in enumerate(poses.points):
            assert all(
                (scene.hits.owner[int(y), int(x)] == k + 1) == (v == 2) for x, y, v in points
            )
    sphere = ahead("sphere")
    x, y = LEVEL.project(sphere.x, 1.0, sphere.z)
    assert (x, y) == pytest.approx((SIDE / 2, SIDE / 2 - 0.5 / 3 * LEVEL.focal))


def test_numbers_are_those_of_the_scene(scenes: list[Scene]) -> None:
    height, pitch, elevation = truth.numbers(scenes[0])
    assert height == pytest.approx(scenes[0].camera.height)
    assert pitch == pytest.approx(np.degrees(scenes[0].camera.pitch))
    assert np.sin(np.radians(elevation)) == pytest.approx(scenes[0].light[1], abs=1e-6)


def test_the_seed_decides_and_splits_share_nothing(train: ArraySource) -> None:
    data = Scenes(train=5, val=4, test=4)
    again = data.split("train")
    assert np.array_equal(again.images, train.images[:5])
    assert np.array_equal(again.targets["mask"], np.asarray(train.targets["mask"])[:5])
    assert np.array_equal(data.image("train", "train/3"), train.images[3])
    assert data.image("train", "train/5") is None
    seen = [image.tobytes() for split in SPLITS for image in data.split(split).images]
    assert len(seen) == len(set(seen)) == 13
    other = Scenes(train=5, seed=1).split("train")
    assert not any(np.array_equal(a, b) for a, b in zip(other.images, again.images, strict=True))


def test_colour_does_not_give_the_class_away(train: ArraySource) -> None:
    """The nearest class mean of the main solid's mean colour guesses little better than chance."""
    mask, label = np.asarray(train.targets["mask"]), np.asarray(train.targets["label"], np.int64)
    colours = np.stack(
        [image[m == c + 1].mean(0) for image, m, c in zip(train.images, mask, label, strict=True)]
    )
    means = np.stack([colours[:30][label[:30] == c].mean(0) for c in range(len(CLASSES))])
    guessed = np.linalg.norm(colours[30:, None] - means, axis=2).argmin(1)
    assert (guessed == label[30:]).mean() < 0.5  # chance is 1/4
