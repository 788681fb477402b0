"""``data=folders``: parallel folders of images and maps, and what is in the files of maps."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import yaml
from PIL import Image

from mtl.data.inspection.labelled import doubts
from mtl.data.sources.folders import Folders, FoldersSource
from mtl.data.sources.folders_layout import looks_like_folders
from mtl.data.sources.map_files import MapFiles
from mtl.errors import BadFile, UserError

SIZE = (3, 2)
SHAPE = (2, 3)


def save(path: Path, values: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    array = np.asarray(values)
    if path.suffix == ".npy":
        np.save(path, array)
    else:
        Image.fromarray(array).save(path)
    return path


def picture(path: Path) -> None:
    save(path, np.full((*SHAPE, 3), 7, np.uint8))


def mask(path: Path, value: int = 1) -> None:
    save(path, np.full(SHAPE, value, np.uint8))


def opened(root: Path, **options: Any) -> Folders:
    options = {"val_fraction": 0.0, "classes": ["a", "b"], **options}
    made = Folders(root=str(root), image_size=4, **options)
    made.prepare()
    return made


def kinds(data: Folders, split: Any = "train") -> dict[str, set[str]]:
    source = data.split(split)
    assert isinstance(source, FoldersSource)
    return {Path(source.id(i)).name: set(source.annotations(i)) for i in range(len(source))}


def test_images_without_any_map_are_kept_or_dropped(tmp_path: Path) -> None:
    for name in ("a", "b"):
        picture(tmp_path / "photos" / f"{name}.png")
    mask(tmp_path / "masks/b.png")
    assert kinds(opened(tmp_path)) == {"a.png": set(), "b.png": {"mask"}}
    assert kinds(opened(tmp_path, unlabelled="drop")) == {"b.png": {"mask"}}


def test_maps_go_by_the_names_of_their_images_and_may_be_missing(tmp_path: Path) -> None:
    for name in ("a", "b", "in/c"):
        picture(tmp_path / "photos" / f"{name}.png")
    mask(tmp_path / "Masks/a_mask.png", 2)
    mask(tmp_path / "Masks/in/c.png", 255)
    mask(tmp_path / "Masks/gone.png")
    save(tmp_path / "depth/b.npy", np.full(SHAPE, 2.5))
    assert looks_like_folders(tmp_path)
    data = opened(tmp_path)
    assert kinds(data) == {"a.png": {"mask"}, "b.png": {"depth"}, "c.png": {"mask"}}
    assert data.targets["mask"].classes == ("background", "a", "b")
    source = data.split("train")
    assert source is not None
    sample = source.read(0).understood(data.targets)
    assert (sample.targets["mask"] == 2).all()
    assert [path.name for path in source.files(0)] == ["a.png", "a_mask.png"]
    assert f"mask: {tmp_path / 'Masks'}" in data.decided()
    assert data.notes() == [f"1 mask file is of no image, such as {tmp_path / 'Masks/gone.png'}"]


def test_accents_in_either_form(tmp_path: Path) -> None:
    picture(tmp_path / "photos" / "\u00e9.png")
    mask(tmp_path / "masks" / "e\u0301.png")
    assert kinds(opened(tmp_path)) == {"\u00e9.png": {"mask"}}


def test_files_of_other_formats_are_told(tmp_path: Path) -> None:
    for name in ("a", "b"):
        picture(tmp_path / "photos" / f"{name}.png")
    mask(tmp_path / "masks/a.png")
    mask(tmp_path / "masks/b.jpg")
    (tmp_path / "photos" / "c.heic").write_bytes(b"x")
    data = opened(tmp_path)
    assert kinds(data) == {"a.png": {"mask"}, "b.png": set()}
    assert data.notes() == [
        f"{tmp_path / folder}: not read, being of another format: 1 file ({ending})"
        for folder, ending in (("photos", ".heic"), ("masks", ".jpg"))
    ]


def test_two_maps_of_one_image(tmp_path: Path) -> None:
    picture(tmp_path / "photos/a.png")
    for name in ("a_mask", "a_seg"):
        mask(tmp_path / "masks" / f"{name}.png")
    with pytest.raises(UserError, match=r"a_mask\.png and .*a_seg\.png are of one image"):
        opened(tmp_path)


@pytest.mark.parametrize("inside", [True, False])
def test_splits_are_folders_inside_or_around(tmp_path: Path, inside: bool) -> None:
    for split in ("train2017", "valid") if inside else ("train", "valid"):
        for role, make in (("images", picture), ("labels", mask)):
            parts = (role, split) if inside else (split, role)
            make(tmp_path.joinpath(*parts, f"{split}.png"))
    data = opened(tmp_path, val_fraction=0.5, test_fraction=0.0)
    assert len(kinds(data, "train")) == 1
    assert kinds(data, "val") == {"valid.png": {"mask"}}
    assert data.split("test") is None


def test_a_test_split_may_have_no_map(tmp_path: Path) -> None:
    for split in ("train", "test"):
        picture(tmp_path / split / "images" / "a.png")
    with pytest.raises(UserError, match=r"test has no folder of masks, depth, normals"):
        opened(tmp_path)
    mask(tmp_path / "train/masks/a.png")
    data = opened(tmp_path)
    assert [kinds(data, split) for split in ("train", "test")] == [
        {"a.png": {"mask"}},
        {"a.png": set()},
    ]
    (tmp_path / "train/masks").rename(tmp_path / "test/masks")
    with pytest.raises(UserError, match=r"train has no folder of masks, depth, normals"):
        opened(tmp_path)


def test_a_hash_of_names_holds_out(tmp_path: Path) -> None:
    for number in range(20):
        picture(tmp_path / f"img/{number}.png")
        mask(tmp_path / f"segmentation/{number}.png")
    data = opened(tmp_path, val_fraction=0.2, test_fraction=0.2)
    parts = [set(kinds(data, split)) for split in ("train", "val", "test")]
    assert sum(map(len, parts)) == len(set().union(*parts)) == 20
    assert all(parts)


def test_folders_of_other_names_are_given(tmp_path: Path) -> None:
    picture(tmp_path / "x/a.png")
    mask(tmp_path / "y/a.png")
    with pytest.raises(UserError, match=r"no folder of images; data\.folders=.* \(it has x, y\)"):
        opened(tmp_path)
    assert not looks_like_folders(tmp_path)
    data = opened(tmp_path, folders={"image": "x", "mask": "y"})
    assert kinds(data) == {"a.png": {"mask"}}
    for given, message in (
        ({"image": "x", "mask": "z"}, r"data\.folders\.mask=z: there is no folder"),
        ({"image": "x", "boxes": "y"}, r"boxes is none of image, mask, depth, normals"),
        ({"image": "x"}, r"no folder of masks, depth, normals"),
    ):
        with pytest.raises(UserError, match=message):
            opened(tmp_path, folders=given)


def test_names_that_cannot_be_meant_are_told(tmp_path: Path) -> None:
    picture(tmp_path / "images/a.png")
    mask(tmp_path / "masks/b.png")
    with pytest.raises(UserError, match=r"no mask has the name of an image: .*b\.png is of none"):
        opened(tmp_path)
    mask(tmp_path / "masks/a.png")
    picture(tmp_path / "images/a.bmp")
    with pytest.raises(UserError, match=r"a\.bmp and .*a\.png have the same name"):
        opened(tmp_path)
    (tmp_path / "images/a.bmp").unlink()
    with pytest.raises(UserError, match=r"nobody names the classes of the masks"):
        opened(tmp_path, classes=None)


def read(maps: MapFiles, kind: str, path: Path) -> Sequence[Any]:
    found: list[Any] = maps.read(kind, path, SIZE, SIZE).tolist()
    return found


def test_coloured_masks_go_by_a_palette(tmp_path: Path) -> None:
    red, green, black = [255, 0, 0], [0, 255, 0], [0, 0, 0]
    path = save(tmp_path / "m.png", np.array([[red, green, black], [red, red, green]], np.uint8))
    palette: Mapping[str, Any] = {"background": black, "grass": green, "roof": red}
    assert read(MapFiles(palette=palette), "mask", path) == [[2, 1, 0], [2, 2, 1]]
    some = {"ignored": green, "roof": red}
    with pytest.raises(BadFile, match=r"m\.png: has pixels of colour \[0, 0, 0\], which data\.pal"):
        read(MapFiles(palette=some), "mask", path)
    found = read(MapFiles(palette=some, others="background"), "mask", path)
    assert found == [[1, 255, 0], [1, 1, 255]]
    for wrong, message in (
        ({"a": [1, 2]}, r"data\.palette\.a=\[1, 2\]: give \[red, green, blue\]"),
        ({"a": 3, "b": 3}, r"two classes have the same colour"),
    ):
        with pytest.raises(UserError, match=message):
            MapFiles(palette=wrong)


def test_values_with_gaps_go_by_a_palette(tmp_path: Path) -> None:
    path = save(tmp_path / "m.png", np.array([[0, 4, 90], [0, 0, 255]], np.uint8))
    maps = MapFiles(palette={"cat": 90, "dog": 4, "background": 0}, others="ignored")
    assert maps.names == ("background", "cat", "dog")
    assert read(maps, "mask", path) == [[0, 2, 1], [0, 0, 255]]
    with pytest.raises(BadFile, match=r"has pixels of value 90; 0 to 4 \(background and the cl"):
        read(MapFiles(classes=("a", "b", "c", "d")), "mask", path)


def test_depths_are_metres_and_0_is_unknown(tmp_path: Path) -> None:
    nan = np.nan
    picture = save(tmp_path / "d.png", np.array([[0, 1500, 65535], [5, 10, 20]], np.uint16))
    np.testing.assert_allclose(
        read(MapFiles(depth_scale=0.002), "depth", picture), [[nan, 3, 131.07], [0.01, 0.02, 0.04]]
    )
    floats = save(tmp_path / "d.npy", np.array([[[0, 1.5, nan], [np.inf, 2, -1]]]))
    found = read(MapFiles(depth_unknown=-1, depth_scale=9), "depth", floats)
    np.testing.assert_array_equal(found, [[0, 1.5, nan], [nan, 2, nan]])


@pytest.mark.parametrize(
    ("name", "metres"), [("a.npy", 2700), ("a.tiff", 0.0027), ("a.npy", 2.7), ("a.png", 2.7)]
)
def test_depths_that_are_hardly_metres_are_told(tmp_path: Path, name: str, metres: float) -> None:
    picture(tmp_path / "photos/a.png")
    stored = metres if name == "a.npy" else metres * 1000
    kind = {".npy": np.uint16 if metres > 3 else np.float64, ".tiff": np.float32}
    values = np.full(SHAPE, stored).astype(kind.get(Path(name).suffix, np.uint16))
    save(tmp_path / "depth" / name, values)
    data = opened(tmp_path)
    source = data.split("train")
    assert source is not None
    found = doubts(source, data.targets)
    told = f"the depths of depth are {metres:.3g} m in the middle of a sample's; the files' unit"
    assert [line.startswith(told) for line in found] == [True] * (metres != 2.7)


def test_normals_are_unit_vectors_in_the_cameras_frame(tmp_path: Path) -> None:
    pixels = np.zeros((*SHAPE, 3), np.uint8)
    pixels[0, 0] = (255, 128, 128)  # to the right
    pixels[0, 1] = (128, 255, 128)  # up, in files whose y is up
    path = save(tmp_path / "n.png", pixels)
    found = np.array(read(MapFiles(normals_axes=(1, -1, 1)), "normals", path))
    np.testing.assert_allclose(found[0, :2], [[1, 0, 0], [0, -1, 0]], atol=0.01)
    np.testing.assert_allclose(np.linalg.norm(found[0, :2], axis=-1), 1, atol=1e-6)
    assert np.isnan(found[0, 2]).all()
    planes = np.zeros((3, 2, 4))
    planes[2] = 2
    path = save(tmp_path / "n.npy", planes)
    assert (MapFiles().read("normals", path, (4, 2), (4, 2)) == [0, 0, 1]).all()


def test_normals_in_pictures_of_floats_are_vectors(tmp_path: Path) -> None:
    vectors = np.zeros((*SHAPE, 3), np.float32)
    vectors[0, 0], vectors[0, 1] = (2, 0, 0), (0, -0.6, 0.8)
    path = tmp_path / "n.tif"
    cv2.imwrite(str(path), vectors[..., ::-1])
    found = np.array(read(MapFiles(), "normals", path))
    np.testing.assert_allclose(found[0, :2], [[1, 0, 0], [0, -0.6, 0.8]], atol=1e-6)
    assert np.isnan(found[0, 2]).all()


@pytest.mark.parametrize(
    ("kind", "name", "values", "message"),
    [
        ("mask", "x.png", np.zeros((3, 3), np.uint8), "has 3x3 pixels, but its image has 3x2"),
        ("mask", "x.png", np.zeros((*SHAPE, 3), np.uint8), "is a mask of mode RGB"),
        ("mask", "x.npy", np.full(SHAPE, 0.5), r"has pixels of value 0\.5"),
        ("depth", "x.png", np.zeros((*SHAPE, 3), np.uint8), r"is of shape \(2, 3, 3\), and depths"),
        ("normals", "x.png", np.zeros(SHAPE, np.uint8), "is a grey picture"),
        ("normals", "x.npy", np.zeros(SHAPE), r"is of shape \(2, 3\), and normals"),
        ("depth", "x.npy", np.array(["a"]), r"is no \.npy file of numbers"),
    ],
)
def test_broken_maps_are_told(
    tmp_path: Path, kind: str, name: str, values: Any, message: str
) -> None:
    path = save(tmp_path / name, values)
    with pytest.raises(BadFile, match=rf"x\.\w+: {message}"):
        read(MapFiles(classes=("a",)), kind, path)


def test_files_that_are_no_maps_are_told(tmp_path: Path) -> None:
    for name, message in (("a.png", "is empty"), ("a.npy", r"is no \.npy file")):
        (tmp_path / name).touch()
        with pytest.raises(BadFile, match=message):
            read(MapFiles(), "depth", tmp_path / name)
    (tmp_path / "a.png").write_text("text")
    with pytest.raises(BadFile, match="is no picture"):
        read(MapFiles(), "normals", tmp_path / "a.png")


def pixels_of(path: Path) -> np.ndarray:
    with Image.open(path) as file:
        return np.bincount(np.array(file).ravel(), minlength=256)


def test_the_masks_of_clothing(shared_data: Callable[[str], Path]) -> None:
    root = shared_data("clothing")
    data = Folders(root=str(root), image_size=64, val_fraction=0.0)
    data.prepare()
    source = data.split("train")
    assert source is not None
    names = (root / "classes.txt").read_text().split()
    assert data.targets["mask"].classes == ("background", *names[1:])
    masked = {path.stem for path in (root / "masks").iterdir()}
    assert len(source) == len(list((root / "photos").iterdir())) == 160
    assert {Path(source.id(i)).stem for i in range(160) if len(source.files(i)) == 2} == masked
    row = next(i for i in range(160) if len(source.files(i)) == 2)
    values = np.asarray(source.annotations(row)["mask"])
    assert (np.bincount(values.ravel(), minlength=256) == pixels_of(source.files(row)[1])).all()


def test_the_masks_of_coco128(shared_data: Callable[[str], Path]) -> None:
    root = shared_data("coco128")
    classes = yaml.safe_load((root / "masks.yaml").read_text())["classes"]
    palette = {"background": 0, **{name: value for value, name in classes.items() if value}}
    data = Folders(root=str(root), image_size=64, palette=palette)
    data.prepare()
    places = {name: place for place, name in enumerate(data.targets["mask"].classes)}
    for split, folder in (("train", "train2017"), ("val", "val2017")):
        source = data.split(split)  # type: ignore[arg-type]
        assert source is not None
        assert len(source) == len(list((root / "masks" / folder).iterdir()))
        found = np.bincount(np.asarray(source.annotations(0)["mask"]).ravel(), minlength=256)
        wanted = pixels_of(source.files(0)[1])
        assert {n: int(found[places[n]]) for n in palette} == {
            n: int(wanted[value]) for n, value in palette.items()
        }
