"""Images of one, four and more channels, and of 16 bits: from files to networks and pictures."""

import shlex
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch
from PIL import ExifTags, Image, ImageOps
from torch import nn

from mtl.data.augmentation.batch import BatchAugmenter
from mtl.data.augmentation.sample import SampleAugmenter
from mtl.data.augmentation.spec import Augmentation
from mtl.data.batch import Batch
from mtl.data.image_format import ImageFormat, format_of
from mtl.data.loading.cache import CachedSource
from mtl.data.preprocess.standard import Standard
from mtl.data.sample import Sample
from mtl.data.sources.folders import Folders
from mtl.data.sources.one_image import OneImage
from mtl.drawing.three import in_three
from mtl.errors import BadFile, UserError
from mtl.model.backbone.base import Backbone, Stage
from mtl.model.backbone.image_channels import take_channels

BGRA = np.array([[[1, 2, 3, 4], [5, 6, 7, 8]]], np.uint8)
"""As OpenCV orders them: a picture of two pixels."""
RGBA = BGRA[..., [2, 1, 0, 3]]


def saved(path: Path, values: np.ndarray) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".npy":
        np.save(path, values)
    else:
        assert cv2.imwrite(str(path), values)
    return path


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("name", ["a.jpg", "a.png", "a.webp", "a.tif", "a.avif"])
def test_pictures_stand_upright_however_they_are_read(
    tmp_path: Path, name: str, orientation: int
) -> None:
    # Four corners of four greys, so that each of the eight ways shows.
    greys = np.kron(np.array([[0, 80], [160, 240]], np.uint8), np.ones((16, 24), np.uint8))
    stored = Image.fromarray(np.repeat(greys[..., None], 3, 2))
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = orientation
    options = {"tiffinfo": {274: orientation}} if name == "a.tif" else {"exif": exif}
    stored.save(tmp_path / name, quality=95, **options)
    stored.getexif()[ExifTags.Base.Orientation] = orientation
    wanted = np.array(ImageOps.exif_transpose(stored))
    for images in (ImageFormat(), ImageFormat(span=(0, 255)), ImageFormat(1, (0, 255))):
        pixels, full = images.read(tmp_path / name)
        assert full == images.size(tmp_path / name) == wanted.shape[1::-1]
        assert np.abs(pixels.astype(int) - wanted[..., : images.channels]).mean() < 4


def test_four_channels_are_read_in_the_order_of_colours(tmp_path: Path) -> None:
    images = ImageFormat(4)
    for name in ("a.png", "a.tif"):
        pixels, full = images.read(saved(tmp_path / name, BGRA))
        assert pixels.tolist() == RGBA.tolist()
        assert (pixels.dtype, full) == (np.uint8, (2, 1))
    assert ImageFormat().read(tmp_path / "a.png")[0].tolist() == RGBA[..., :3].tolist()
    words, _ = images.read(saved(tmp_path / "b.png", BGRA.astype(np.uint16) * 257))
    assert words.tolist() == RGBA.tolist()


def test_a_single_channel_is_the_brightness_of_colours(tmp_path: Path) -> None:
    images = ImageFormat(1)
    path = saved(tmp_path / "a.png", np.array([[[10, 100, 200]]], np.uint8))
    # 0.299 · 200 + 0.587 · 100 + 0.114 · 10 = 119.64
    assert images.read(path)[0].tolist() == [[[120]]]
    assert images.read(saved(tmp_path / "b.png", BGRA[..., 0]))[0].tolist() == [[[1], [5]]]


def test_a_range_keeps_sixteen_bits_and_floats(tmp_path: Path) -> None:
    images = ImageFormat(1, (0, 4080))
    words = np.array([[0, 8, 4080, 65535]], np.uint16)
    for name in ("a.png", "a.tif", "a.npy"):
        pixels, _ = images.read(saved(tmp_path / name, words))
        assert pixels.dtype == np.float32
        assert pixels.ravel().tolist() == pytest.approx([0, 0.5, 255, 255])
    floats = np.array([[[-1, np.nan, 0, 1, 0.5]]], np.float32)
    found, full = ImageFormat(5, (-1, 1)).read(saved(tmp_path / "b.npy", floats))
    assert found.ravel().tolist() == pytest.approx([0, 0, 127.5, 255, 191.25])
    assert full == (1, 1)
    planes = saved(tmp_path / "c.npy", np.zeros((5, 2, 3), np.uint8))
    assert ImageFormat(5).read(planes)[0].shape == (2, 3, 5)
    assert ImageFormat(5).size(planes) == (3, 2)


@pytest.mark.parametrize(
    ("images", "name", "values", "reason"),
    [
        (ImageFormat(4), "a.png", BGRA[..., :3], "has 3 channels, and data.channels=4"),
        (ImageFormat(4), "a.tif", BGRA / np.float32(9), r"float32 from .*data\.pixel_range="),
        (ImageFormat(5), "a.npy", np.zeros((2, 2, 2, 2)), r"\(2, 2, 2, 2\) float64, and no"),
    ],
)
def test_files_that_do_not_fit_are_broken(
    tmp_path: Path, images: ImageFormat, name: str, values: Any, reason: str
) -> None:
    with pytest.raises(BadFile, match=reason):
        images.read(saved(tmp_path / name, values))


def test_files_that_are_none_are_broken(tmp_path: Path) -> None:
    for name, content in (("a.png", b""), ("b.npy", b"no"), ("c.tif", b"II*\0no")):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(BadFile, match=name):
            ImageFormat(4).read(tmp_path / name)
    with pytest.raises(BadFile, match="does not exist"):
        ImageFormat(4).read(tmp_path / "d.png")


def test_a_configuration_says_it_and_sets_agree() -> None:
    assert format_of({}).usual
    assert format_of({"channels": 4, "pixel_range": [0, 9]}) == ImageFormat(4, (0, 9))
    with pytest.raises(UserError, match=r"data\.pixel_range=\[9, 0\]: the first has to be below"):
        format_of({"pixel_range": [9, 0]})
    same = {"channels": 4}
    assert format_of({"sets": {"a": same, "b": same}}) == ImageFormat(4)
    with pytest.raises(UserError, match="those of a have 4 channels of 8 bits, those of b 3"):
        format_of({"sets": {"a": same, "b": {}}})


class Plain(Backbone):
    def __init__(self, layer: nn.Module) -> None:
        super().__init__({"stem": nn.Sequential(layer, nn.ReLU())}, (Stage("stem", 2, 1),))


def test_a_backbone_sees_of_one_channel_what_it_sees_of_grey() -> None:
    image = torch.rand(2, 1, 5, 5)
    backbone = Plain(nn.Conv2d(3, 2, 3))
    wanted = backbone(image.expand(-1, 3, -1, -1))[1]
    take_channels(backbone, 1)
    torch.testing.assert_close(backbone(image)[1], wanted)


def test_a_backbone_gives_further_channels_its_kernels_in_turn() -> None:
    layer = nn.Conv2d(3, 2, 1)
    kernels = layer.weight.detach().clone()
    take_channels(Plain(layer), 4)
    torch.testing.assert_close(layer.weight[:, 3], kernels[:, 0] * 0.75)
    torch.testing.assert_close(layer.weight[:, 1], kernels[:, 1] * 0.75)
    assert layer.in_channels == 4
    with pytest.raises(UserError, match=r"data\.channels=4: the backbone's stage stem doesn't"):
        take_channels(Plain(nn.Conv2d(1, 2, 1)), 4)


def test_both_engines_augment_any_channels_and_floats() -> None:
    images = ImageFormat(5, (0, 1))
    pixels = (np.random.default_rng(0).random((4, 4, 5)) * 255).astype(np.float32)
    sample = Sample(pixels, "a", meaning={})
    mirrored = SampleAugmenter(Augmentation(hflip=1), 4, images)(sample, 0).image
    np.testing.assert_allclose(mirrored, pixels[:, ::-1], rtol=1e-5)
    batch = Batch(torch.from_numpy(pixels).permute(2, 0, 1)[None].clone(), ["a"], {})
    before = batch.image.clone()
    by_batch = BatchAugmenter(Augmentation(hflip=1), {})(batch).image
    assert torch.equal(by_batch, before.flip(-1))
    spec = Augmentation(rotate=20, shift=0.2, brightness=0.1, contrast=0.1, fill=100)
    for found in (
        SampleAugmenter(spec, 4, images)(sample, 0).image,
        BatchAugmenter(spec, {})(batch).image[0].permute(1, 2, 0).numpy(),
    ):
        assert (found.shape, found.dtype) == (pixels.shape, np.float32)
        assert found.min() >= 0
        assert 1 < found.max() <= 255
        assert not np.array_equal(found, np.round(found))
    assert torch.equal(batch.image, before)


def test_a_step_for_colours_alone_says_so() -> None:
    spec = Augmentation(extra=[{"name": "HueSaturationValue", "p": 1}])
    sample = Sample(np.zeros((4, 4, 5), np.uint8), "a", meaning={})
    with pytest.raises(UserError, match=r"can't do images with 5 channels of 8 bits: leave it out"):
        SampleAugmenter(spec, 4, ImageFormat(5))(sample, 0)


def test_people_see_three_channels() -> None:
    assert in_three(RGBA).tolist() == RGBA[..., :3].tolist()
    assert in_three(RGBA[..., :1]).tolist() == np.repeat(RGBA[..., :1], 3, 2).tolist()
    assert in_three(np.array([[[1.6, 300, -2, 9]]])).tolist() == [[[2, 255, 0]]]
    three = RGBA[..., :3]
    assert in_three(three) is three


def test_one_image_may_lie_in_memory(tmp_path: Path) -> None:
    images = ImageFormat(1, (0, 1000))
    words = np.array([[[1000], [0]]], np.uint16)
    for image in (words, saved(tmp_path / "a.png", words[..., 0])):
        source = OneImage(image, images)
        assert source.read(0).image.ravel().tolist() == [255, 0]
        assert source.whole is not None
        assert source.whole.tolist() == [[[255] * 3, [0] * 3]]


def test_folders_and_the_cache_keep_floats(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    for number in range(3):
        words = rng.integers(0, 5000, (6, 6, 4)).astype(np.uint16)
        saved(tmp_path / f"images/{number}.tif", words)
        saved(tmp_path / f"masks/{number}.png", np.full((6, 6), number % 2, np.uint8))
    (tmp_path / "images/0.tif").write_bytes(b"")
    data = Folders(
        root=str(tmp_path),
        image_size=4,
        classes=["x"],
        val_fraction=0,
        channels=4,
        pixel_range=[0, 5000],
    )
    source = data.split("train")
    assert source is not None
    steps = Standard(4, (0.5,) * 4, (0.25,) * 4)
    cached = CachedSource.open(source, data.targets, steps, tmp_path / "cache")
    with pytest.raises(BadFile, match="is empty"):
        cached.read(0)
    own = steps(source.read(1).understood(data.targets))[0]
    kept = cached.read(1)
    assert own.image.dtype == kept.image.dtype == np.float32
    assert np.array_equal(own.image, kept.image)
    assert "4 (0, 5000)" in source.key()


@pytest.mark.slow
def test_four_channels_of_sixteen_bits_from_inspect_to_pictures(tmp_path: Path, mtl: Any) -> None:
    rng = np.random.default_rng(0)
    for number in range(8):
        words = rng.integers(0, 4000, (20, 20, 4)).astype(np.uint16)
        saved(tmp_path / f"d/images/{number}.tif", words)
        saved(tmp_path / f"d/masks/{number}.png", np.full((20, 20), number % 2, np.uint8))
    own = ["data=folders", "data.root=d", "data.channels=4", "data.pixel_range=[0,4000]"]
    size = ["data.classes=[x]", "image_size=16", "backbone.width=4", "data.workers=0"]
    small = ["heads.segmentation.channels=8", "augmentation.brightness=0.1"]
    refused = mtl("train", *own, *size, *small, "hydra.run.dir=run")
    assert refused.code == 2
    assert "images have 4 channels (data.channels), and backbone.mean" in refused.err
    looked = mtl("inspect", *own, *size, *small, "out=seen.png", "samples=2")
    assert looked.code == 0, looked.err
    command = next(line for line in looked.out.splitlines() if "mtl train" in line)
    given = shlex.split(command)[-2:]
    assert [word.partition("=")[0] for word in given] == ["backbone.mean", "backbone.std"]
    assert len(given[0].split(",")) == 4
    shown = cv2.imread(str(tmp_path / "seen.png"))
    assert shown is not None
    debug = ["trainer=debug", "batch_size=2", "hydra.run.dir=run"]
    trained = mtl("train", *own, *size, *small, *given, *debug)
    assert trained.code == 0, trained.err
    predicted = mtl("predict", "run=run", "input=d/images", "out=said")
    assert predicted.code == 0, predicted.err
    assert len(list((tmp_path / "said").glob("*_segmentation.png"))) == 8
    tiled = mtl("predict", "run=run", "input=d/images/0.tif", "out=tiled", "tiles=16")
    assert tiled.code == 0, tiled.err
