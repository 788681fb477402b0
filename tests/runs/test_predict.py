"""``mtl predict``: a run on images of one's own, without the data that it was trained on."""

import os
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from prediction_kit import CLASSES, TASKS, entries, make_run, noise, read_json, save, start

from mtl.cli.predict import run
from mtl.data.image_file import read_image, read_mask
from mtl.data.preprocess.standard import Standard
from mtl.data.sample import Sample
from mtl.data.tile import Tiling
from mtl.drawing.palette import color
from mtl.drawing.write import write_indices
from mtl.errors import BadFile, UserError
from mtl.files import write_json
from mtl.runs.prediction.predictor import Predictor

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_run(tmp_path_factory.mktemp("run"))


@pytest.fixture(scope="module")
def predictor(trained: Path) -> Predictor:
    return Predictor.open(trained)


def test_predictions_are_the_networks_own_in_the_pixels_of_each_image(predictor: Predictor) -> None:
    image = noise(96, 128)
    small, frame = Standard(32, (0.5,) * 3, (0.25,) * 3)(Sample(image, ""))
    pixels = torch.from_numpy(small.image).permute(2, 0, 1)[None].float()
    direct = predictor.network.predict((pixels / 255 - 0.5) / 0.25)

    [found] = predictor([image])

    torch.testing.assert_close(
        found["box"], (direct["box"][0] * torch.tensor([4, 3, 4, 3])).clamp(max=128)
    )
    np.testing.assert_allclose(found["classification"], direct["classification"][0], rtol=1e-5)
    assert (frame.scale_x, frame.scale_y) == (0.25, 1 / 3)
    assert found["detection"].boxes[:, 2].max() <= 128
    assert found["detection"].boxes[:, 3].max() <= 96


def test_batches_change_nothing(predictor: Predictor) -> None:
    images = [noise(40 + seed, 50, seed) for seed in range(3)]
    together = predictor(images)
    for image, found in zip(images, together, strict=True):
        [alone] = predictor([image])
        torch.testing.assert_close(found["box"], alone["box"])
        np.testing.assert_allclose(found["multilabel"], alone["multilabel"], rtol=1e-5)
    assert predictor([]) == []


def test_the_network_is_in_evaluation_mode(predictor: Predictor) -> None:
    assert not any(module.training for module in predictor.network.modules())


def test_pictures_masks_and_json(
    trained: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    photos = tmp_path / "photos"
    save(photos / "a.jpg")
    save(photos / "a.png", 30, 20)
    save(photos / "b.png", 33, 77)
    (photos / "c.png").write_bytes(b"")
    (photos / "notes.txt").write_text("no image")
    out = tmp_path / "deep" / "out"

    assert run([f"run={trained}", f"input={photos}", f"out={out}", "batch_size=3"]) == 0

    text = capsys.readouterr().out
    assert f"skipped {photos / 'c.png'}: is empty" in text
    assert f"3 pictures predicted (1 skipped): predictions.json, pictures in {out}" in text
    pictures = {"a.jpg", "a_2.png", "b.png"}
    masks = {"a_segmentation.png", "a_2_segmentation.png", "b_segmentation.png"}
    own = {"predictions.json", "predictions.jsonl", "settings.json"}
    assert {path.name for path in out.iterdir()} == pictures | masks | own
    content = read_json(out / "predictions.json")
    assert content["run"] == str(trained)
    assert list(content["tasks"]) == TASKS[1:-1].split(",")
    assert content["tasks"]["segmentation"] == {"kind": "mask", "classes": ["ground", *CLASSES]}
    assert content["skipped"] == [{"file": str(photos / "c.png"), "reason": "is empty"}]
    assert [image["file"] for image in content["images"]] == [
        str(photos / name) for name in ("a.jpg", "a.png", "b.png")
    ]
    for image in content["images"]:
        size = (image["width"], image["height"])
        assert read_image(out / image["picture"])[1] == size
        assert read_mask(out / image["segmentation"]["mask"]).shape == size[::-1]
        assert set(image["classification"]["probabilities"]) == set(CLASSES)
        assert sum(image["classification"]["probabilities"].values()) == pytest.approx(1, abs=1e-3)
        for box in [image["box"]["box"], *(d["bbox"] for d in image["detection"]["detections"])]:
            x, y, width, height = box
            assert x >= 0
            assert y >= 0
            assert x + width <= size[0] + 0.02
            assert y + height <= size[1] + 0.02


def test_names_that_are_not_utf8_are_predicted_and_named(
    trained: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Latin-1 names, as old archives have them; one of the files is broken."""
    photos, out = tmp_path / "photos", tmp_path / "out"
    plain = save(photos / "z.png")
    try:
        for name in (b"caf\xe9.png", b"caf\xe8.png", b"caf\xea.png"):
            (photos / os.fsdecode(name)).write_bytes(plain.read_bytes())
    except OSError:
        pytest.skip("this file system takes UTF-8 names alone")
    (photos / os.fsdecode(b"caf\xea.png")).write_bytes(b"")

    assert run([f"run={trained}", f"input={photos}", f"out={out}"]) == 0

    text = capsys.readouterr().out
    text.encode()
    assert "skipped" in text
    assert "caf\ufffd.png: is empty" in text
    content = read_json(out / "predictions.json")
    assert [Path(image["file"]).name for image in content["images"]] == [
        "caf\ufffd.png", "caf\ufffd.png", "z.png",
    ]  # fmt: skip
    # Whatever it names lies there.
    named = {image["picture"] for image in content["images"]}
    assert named == {"caf\ufffd.png", "caf\ufffd_2.png", "z.png"}
    masks = {image["segmentation"]["mask"] for image in content["images"]}
    own = {"predictions.json", "predictions.jsonl", "settings.json"}
    assert {path.name for path in out.iterdir()} == named | masks | own


def test_one_picture_of_a_name_that_is_not_utf8(trained: Path, tmp_path: Path) -> None:
    photo = tmp_path / os.fsdecode(b"caf\xe9.png")
    try:
        save(photo)
    except OSError:
        pytest.skip("this file system takes UTF-8 names alone")
    assert run([f"run={trained}", f"input={photo}", f"out={tmp_path / 'out'}"]) == 0
    assert (tmp_path / "out" / "caf\ufffd.png").is_file()


def test_how_large_pictures_may_be_is_said_on_the_command_line(
    trained: Path, tmp_path: Path
) -> None:
    photo = save(tmp_path / "photo.png", 100, 200)
    command = [f"run={trained}", f"input={photo}", f"out={tmp_path / 'out'}"]
    with pytest.raises(BadFile, match=r"has 0\.02 megapixels, and data\.max_megapixels=0\.01 "):
        run([*command, "data.max_megapixels=0.01"])
    assert run(command) == 0


def test_by_default_predictions_lie_in_the_runs_folder(trained: Path, tmp_path: Path) -> None:
    photo = save(tmp_path / "photo.png")
    assert run([f"run={trained}", f"input={photo}", "device=cpu"]) == 0
    assert (trained / "predictions" / "predictions.json").is_file()
    assert (trained / "predictions" / "photo.png").is_file()


def test_where_nothing_can_be_read_nothing_is_written(trained: Path, tmp_path: Path) -> None:
    for name in ("a.png", "b.png"):
        (tmp_path / name).write_bytes(b"not an image")
    out = tmp_path / "out"
    with pytest.raises(UserError, match=r"none of the 2 images can be read; the first: .*a\.png"):
        run([f"run={trained}", f"input={tmp_path}", f"out={out}"])
    with pytest.raises(BadFile, match=r"a\.png: is not an image"):
        run([f"run={trained}", f"input={tmp_path / 'a.png'}", f"out={out}"])
    assert not out.exists()


def test_inputs_are_never_overwritten(predictor: Predictor, tmp_path: Path) -> None:
    photo = save(tmp_path / "photo.png")
    before = photo.read_bytes()
    with pytest.raises(UserError, match="holds the input images"):
        start([photo], tmp_path / "x" / "..", "pictures", decider=predictor)
    assert photo.read_bytes() == before


@pytest.mark.parametrize(
    ("argument", "message"),
    [
        ("input=", "input= is needed: write input=photo.jpg"),
        ("input=nowhere.png", "input=nowhere.png: no such file or folder"),
        ("input=nowhere/*.png", r"input=nowhere/\*.png: no file matches"),
        ("checkpoint=first", "checkpoint=first: no checkpoint .first.*There are: best, last"),
        ("device=gpu", "device=gpu: choose one of auto, cpu, cuda"),
        ("tiles=0", "tiles=0: give a whole number, 1 or more"),
        ("overlap=0.5", "overlap=0.5: goes with tiles=SIDE"),
        ("overwrite=yes", "overwrite=yes: choose one of true, false"),
        ("format=csv", r"unknown key .format.; did you mean formats=\?"),
        ("chekpoint=last", r"unknown key .chekpoint.; did you mean checkpoint=\?"),
        ("batchsize=2", "unknown key 'batchsize'; did you mean batch_size=32"),
        ("checkpoint=last", "last.ckpt does not hold the names of its classes"),
        ("heads.classification.hidden=8", "best.ckpt doesn't fit this configuration"),
    ],
)
def test_wrong_arguments(trained: Path, tmp_path: Path, argument: str, message: str) -> None:
    photo = save(tmp_path / "photo.png")
    given = {"run": f"run={trained}", "input": f"input={photo}", "out": f"out={tmp_path / 'out'}"}
    arguments = list((given | {argument.partition("=")[0]: argument}).values())
    with pytest.raises(UserError, match=message):
        run(arguments)


def test_a_run_is_needed(tmp_path: Path) -> None:
    photo = save(tmp_path / "photo.png")
    with pytest.raises(UserError, match="run= is needed"):
        run([f"input={photo}"])
    with pytest.raises(UserError, match="no such folder"):
        run([f"input={photo}", f"run={tmp_path / 'none'}"])


def test_four_tiles_say_what_four_pictures_say(tmp_path: Path) -> None:
    """A large image without overlap against its quarters by themselves."""
    (tmp_path / "run").mkdir()
    run_folder = make_run(tmp_path / "run", "[classification,multilabel,detection,segmentation]")
    predictor = Predictor.open(run_folder)
    image = noise(96, 96)
    photos = tmp_path / "photos"
    photos.mkdir()
    Image.fromarray(image).save(tmp_path / "large.png")
    for top in (0, 48):
        for left in (0, 48):
            quarter = image[top : top + 48, left : left + 48]
            Image.fromarray(quarter).save(photos / f"{top:02d}_{left:02d}.png")
    start([tmp_path / "large.png"], tmp_path / "out", decider=predictor, tiling=Tiling(48, 0))
    start(sorted(photos.iterdir()), tmp_path / "each", decider=predictor)
    [whole] = entries(tmp_path / "out")
    parts = entries(tmp_path / "each")

    expected = []
    for part in parts:
        top, left = map(int, part["name"].split("_"))
        for found in part["detection"]["detections"]:
            x, y, *size = found["bbox"]
            expected.append(((x + left, y + top, *size), found["category"], found["score"]))
    found = [
        (tuple(one["bbox"]), one["category"], one["score"])
        for one in whole["detection"]["detections"]
    ]
    assert len(found) > 50
    assert [score for *_, score in found] == sorted((s for *_, s in expected), reverse=True)
    for one, other in zip(sorted(found), sorted(expected), strict=True):
        assert one[0] == pytest.approx(other[0], abs=1e-3)
        assert one[1:] == other[1:]
    masks = [read_mask(tmp_path / "each" / part["segmentation"]["mask"]) for part in parts]
    stitched = np.block([masks[:2], masks[2:]])
    own = read_mask(tmp_path / "out" / whole["segmentation"]["mask"])
    np.testing.assert_array_equal(own, stitched)
    for task, together in (("classification", np.mean), ("multilabel", np.max)):
        values = [list(part[task]["probabilities"].values()) for part in parts]
        ours = list(whole[task]["probabilities"].values())
        np.testing.assert_allclose(ours, together(values, axis=0), rtol=1e-5)


def test_one_box_per_image_is_not_told_on_tiles(trained: Path, tmp_path: Path) -> None:
    photo = save(tmp_path / "photo.png")
    with pytest.raises(UserError, match=r"what box says of tiles can't be put together \(that of "):
        run([f"run={trained}", f"input={photo}", "tiles=32"])


def test_masks_keep_their_indices_and_have_colours(tmp_path: Path) -> None:
    mask = np.array([[0, 1, 2], [20, 254, 255]], np.uint8)
    write_indices(tmp_path / "mask.png", mask, 255)
    np.testing.assert_array_equal(read_mask(tmp_path / "mask.png"), mask)
    shown, _ = read_image(tmp_path / "mask.png")
    assert shown[0].tolist() == [[0, 0, 0], list(color(0)), list(color(1))]
    assert shown[1, 2].tolist() == [255, 255, 255]


def test_json_is_written_whole_or_not_at_all(tmp_path: Path) -> None:
    path = tmp_path / "predictions.json"
    write_json(path, {"a": 1})
    with pytest.raises(TypeError):
        write_json(path, {("a", 1): 1})
    assert read_json(path) == {"a": 1}
    assert [file.name for file in tmp_path.iterdir()] == ["predictions.json"]
