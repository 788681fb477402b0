import io
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mtl.data import image_file
from mtl.data.image_file import (
    MAX_MEGAPIXELS,
    allow_megapixels,
    image_size,
    read_image,
    read_mask,
)
from mtl.errors import BadFile


@pytest.fixture
def smooth() -> np.ndarray:
    """(96, 128, 3): gradients, which JPEG keeps almost exactly."""
    y, x = np.mgrid[:96, :128]
    return np.stack([2 * x, 2 * y, 255 - x - y], -1).astype(np.uint8)


def _save(path: Path, image: np.ndarray, **options: object) -> Path:
    Image.fromarray(image).save(path, **options)
    return path


def test_png_comes_back_exactly(tmp_path: Path, smooth: np.ndarray) -> None:
    image, full = read_image(_save(tmp_path / "a.png", smooth))
    assert np.array_equal(image, smooth)
    assert full == (128, 96)
    assert image.flags.writeable


@pytest.mark.parametrize(
    ("size", "shape"),
    [(None, (96, 128)), (96, (96, 128)), (48, (48, 64)), (47, (48, 64)), (24, (24, 32)),
     (12, (12, 16)), (2, (12, 16))],
)  # fmt: skip
def test_jpeg_is_reduced_while_both_sides_stay_large_enough(
    tmp_path: Path, smooth: np.ndarray, size: int | None, shape: tuple[int, int]
) -> None:
    image, full = read_image(_save(tmp_path / "a.jpg", smooth, quality=95), size)
    assert image.shape == (*shape, 3)
    assert full == (128, 96)
    step = 96 // shape[0]
    means = smooth.reshape(shape[0], step, shape[1], step, 3).mean((1, 3))
    assert np.abs(image - means).mean() < 2


def test_png_is_not_reduced(tmp_path: Path, smooth: np.ndarray) -> None:
    assert read_image(_save(tmp_path / "a.png", smooth), 12)[0].shape == (96, 128, 3)


@pytest.mark.parametrize("size", [None, 24])
@pytest.mark.parametrize("name", ["a.jpg", "cmyk.jpg"])
def test_exif_orientation_is_applied(
    tmp_path: Path, smooth: np.ndarray, size: int | None, name: str
) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned by 90 degrees clockwise
    picture = Image.fromarray(smooth)
    if name == "cmyk.jpg":
        picture = picture.convert("CMYK")
    picture.save(tmp_path / name, quality=95, exif=exif.tobytes())
    image, full = read_image(tmp_path / name, size)
    assert full == (96, 128)
    assert image_size(tmp_path / name) == (96, 128)
    upright = np.rot90(smooth, -1)
    step = 128 // image.shape[0]
    assert np.abs(image[::8, ::8].astype(int) - upright[:: 8 * step, :: 8 * step]).mean() < 8


def test_damaged_exif_is_passed_over(tmp_path: Path, smooth: np.ndarray) -> None:
    exif = b"Exif\0\0MM\0*\0\0\0\x08\0\x09\x01\x12"
    Image.fromarray(smooth).save(tmp_path / "a.jpg", exif=exif)
    assert read_image(tmp_path / "a.jpg")[1] == (128, 96)


@pytest.mark.parametrize("mode", ["L", "CMYK"])
def test_other_jpegs_look_as_in_pil(tmp_path: Path, smooth: np.ndarray, mode: str) -> None:
    Image.fromarray(smooth).convert(mode).save(tmp_path / "a.jpg", quality=95)
    image, _ = read_image(tmp_path / "a.jpg")
    with Image.open(tmp_path / "a.jpg") as file:
        expected = np.array(file.convert("RGB"))
    assert image.shape == (96, 128, 3)
    assert np.abs(image.astype(int) - expected).max() <= 1


def test_16_bit_is_scaled(tmp_path: Path) -> None:
    values = np.tile(np.linspace(0, 65535, 64).astype(np.uint16), (8, 1))
    image, _ = read_image(_save(tmp_path / "a.png", values))
    assert image.dtype == np.uint8
    assert np.abs(image - values[..., None] / 257).max() <= 1


def test_alpha_is_dropped_and_palettes_are_looked_up(tmp_path: Path, smooth: np.ndarray) -> None:
    alpha = np.concatenate([smooth, np.full((96, 128, 1), 7, np.uint8)], -1)
    assert np.array_equal(read_image(_save(tmp_path / "rgba.png", alpha))[0], smooth)
    paletted = Image.fromarray(smooth).quantize(16)
    paletted.save(tmp_path / "p.png")
    expected = np.array(paletted.convert("RGB"))
    assert np.array_equal(read_image(tmp_path / "p.png")[0], expected)


def test_formats_that_only_pil_reads(tmp_path: Path, smooth: np.ndarray) -> None:
    Image.fromarray(smooth).save(tmp_path / "a.ico", sizes=[(64, 48)])
    assert read_image(tmp_path / "a.ico")[0].shape == (48, 64, 3)


def _jpeg(image: np.ndarray) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(image).save(stream, "JPEG")
    return stream.getvalue()


def test_padding_after_the_end_is_harmless(tmp_path: Path, smooth: np.ndarray) -> None:
    path = tmp_path / "a.jpg"
    path.write_bytes(_jpeg(smooth) + bytes(500))
    assert read_image(path)[0].shape == (96, 128, 3)


def test_broken_images_say_what_is_wrong(
    tmp_path: Path, smooth: np.ndarray, capfd: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "a.jpg"
    with pytest.raises(BadFile, match=r"a\.jpg: does not exist"):
        read_image(path)
    path.write_bytes(b"")
    with pytest.raises(BadFile, match=r"a\.jpg: is empty"):
        read_image(path)
    with pytest.raises(BadFile, match=r"a\.jpg: is empty"):
        image_size(path)
    path.write_bytes(b"<html>not found</html>")
    with pytest.raises(BadFile, match=r"a\.jpg: is not an image"):
        read_image(path)
    data = _jpeg(smooth)
    for cut in (len(data) // 2, len(data) - 20):
        path.write_bytes(data[:cut])
        with pytest.raises(BadFile, match=r"a\.jpg: is a broken image \(image file is truncated"):
            read_image(path, 24)
    png = _save(tmp_path / "a.png", smooth)
    png.write_bytes(png.read_bytes()[: png.stat().st_size // 2])
    with pytest.raises(BadFile, match=r"a\.png: is a broken image"):
        read_image(png)
    with pytest.raises(BadFile, match=r"can't be read \(Is a directory\)"):
        read_image(tmp_path)
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize("mode", ["P", "L"])
def test_masks_keep_their_indices(tmp_path: Path, mode: str) -> None:
    indices = np.array([[0, 1, 2], [20, 255, 0]], np.uint8)
    mask = Image.fromarray(indices)
    if mode == "P":
        mask.putpalette([(7 * i) % 256 for i in range(768)])
    mask.save(tmp_path / "m.png")
    assert np.array_equal(read_mask(tmp_path / "m.png"), indices)


def test_masks_that_lose_values_are_refused(tmp_path: Path) -> None:
    Image.fromarray(np.eye(16, dtype=np.uint8)).save(tmp_path / "m.jpg")
    with pytest.raises(BadFile, match=r"m\.jpg: is a JPEG, which changes the values of masks"):
        read_mask(tmp_path / "m.jpg")


def test_coloured_masks_are_refused(tmp_path: Path, smooth: np.ndarray) -> None:
    with pytest.raises(BadFile, match="mask of mode RGB; a PNG of class indices"):
        read_mask(_save(tmp_path / "m.png", smooth))


@pytest.fixture
def limit() -> Iterator[None]:
    """Puts the limit of this process back."""
    yield
    allow_megapixels(MAX_MEGAPIXELS)


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".tif", ".gif"])
def test_images_beyond_the_limit_are_broken_files(tmp_path: Path, suffix: str, limit: None) -> None:
    path = tmp_path / f"a{suffix}"
    Image.new("L", (200, 100)).save(path)
    allow_megapixels(0.015)
    message = r"has 0\.02 megapixels, and data\.max_megapixels=0\.015 allows no more"
    for read in (read_image, read_mask, image_size):
        with pytest.raises(BadFile, match=message):
            read(path)
    allow_megapixels(0.02)
    assert read_image(path)[0].shape == (100, 200, 3)
    assert image_size(path) == (200, 100)


@pytest.mark.parametrize("most", ["_OPENCV_PIXELS", "_OPENCV_SIDE"])
def test_what_opencv_refuses_pil_reads(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, most: str
) -> None:
    path = tmp_path / "a.png"
    pixels = np.random.default_rng(0).integers(0, 256, (10, 20, 3), np.uint8)
    Image.fromarray(pixels).save(path)
    monkeypatch.setattr(image_file, most, 19)
    monkeypatch.setattr(image_file.cv2, "imdecode", None)
    assert np.array_equal(read_image(path)[0], pixels)
