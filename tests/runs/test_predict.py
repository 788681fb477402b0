"""``mtl predict``: a run on images of one's own, without the data that it was trained on."""

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from omegaconf import OmegaConf
from PIL import Image
from rich.console import Console

from mtl.cli.predict import run
from mtl.config.load import load
from mtl.data.image_file import read_image, read_mask
from mtl.data.preprocess.standard import Standard
from mtl.data.sample import Sample, Target
from mtl.drawing.palette import color
from mtl.drawing.write import write_indices
from mtl.errors import BadFile, UserError
from mtl.files import write_json
from mtl.model.build import build_network
from mtl.runs.prediction.files import Names
from mtl.runs.prediction.inputs import find_images, in_batches
from mtl.runs.prediction.predict import predict
from mtl.runs.prediction.predictor import Predictor

pytestmark = pytest.mark.slow

CLASSES = ("dot", "ring", "star")
TASKS = "[classification,multilabel,box,detection,segmentation]"
TARGETS = {
    "label": Target("label", CLASSES),
    "labels": Target("labels", CLASSES),
    "boxes": Target("boxes", CLASSES),
    "mask": Target("mask", ("ground", *CLASSES)),
}


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run's folder as training leaves it; its data and its first weights are gone since."""
    folder = tmp_path_factory.mktemp("run")
    cfg = load(
        [
            f"tasks={TASKS}",
            "image_size=32",
            "backbone.width=8",
            "batch_size=2",
            "heads.detection.channels=32",
            "heads.detection.score_threshold=0",
        ]
    )
    torch.manual_seed(0)
    network = build_network(cfg, TARGETS)
    cfg.backbone.weights = "gone/weights.pt"
    OmegaConf.save(cfg, folder / "config.yaml")
    (folder / "checkpoints").mkdir()
    checkpoint = {
        "state_dict": {f"network.{k}": v for k, v in network.state_dict().items()},
        "mtl": {
            "targets": {
                name: {"kind": target.kind.name, "classes": list(target.classes)}
                for name, target in TARGETS.items()
            }
        },
    }
    torch.save(checkpoint, folder / "checkpoints" / "best.ckpt")
    del checkpoint["mtl"]
    torch.save(checkpoint, folder / "checkpoints" / "last.ckpt")
    return folder


@pytest.fixture(scope="module")
def predictor(trained: Path) -> Predictor:
    return Predictor.open(trained)


def _noise(height: int, width: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3)).astype(np.uint8)


def _save(path: Path, height: int = 48, width: int = 64, seed: int = 0) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(_noise(height, width, seed)).save(path)
    return path


def _read_json(path: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(path.read_text())
    return content


def test_predictions_are_the_networks_own_in_the_pixels_of_each_image(predictor: Predictor) -> None:
    image = _noise(96, 128)
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
    images = [_noise(40 + seed, 50, seed) for seed in range(3)]
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
    _save(photos / "a.jpg")
    _save(photos / "a.png", 30, 20)
    _save(photos / "b.png", 33, 77)
    (photos / "c.png").write_bytes(b"")
    (photos / "notes.txt").write_text("no image")
    out = tmp_path / "deep" / "out"

    assert run([f"run={trained}", f"input={photos}", f"out={out}", "batch_size=3"]) == 0

    text = capsys.readouterr().out
    assert f"skipped {photos / 'c.png'}: is empty" in text
    assert f"3 pictures and predictions.json in {out} (1 skipped)" in text
    pictures = {"a.jpg", "a_2.png", "b.png"}
    masks = {"a_segmentation.png", "a_2_segmentation.png", "b_segmentation.png"}
    assert {path.name for path in out.iterdir()} == {*pictures, *masks, "predictions.json"}
    content = _read_json(out / "predictions.json")
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
    plain = _save(photos / "z.png")
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
    content = _read_json(out / "predictions.json")
    assert [Path(image["file"]).name for image in content["images"]] == [
        "caf\ufffd.png", "caf\ufffd.png", "z.png",
    ]  # fmt: skip
    # Whatever it names lies there.
    named = {image["picture"] for image in content["images"]}
    assert named == {"caf\ufffd.png", "caf\ufffd_2.png", "z.png"}
    masks = {image["segmentation"]["mask"] for image in content["images"]}
    assert {path.name for path in out.iterdir()} == {*named, *masks, "predictions.json"}


def test_one_picture_of_a_name_that_is_not_utf8(trained: Path, tmp_path: Path) -> None:
    photo = tmp_path / os.fsdecode(b"caf\xe9.png")
    try:
        _save(photo)
    except OSError:
        pytest.skip("this file system takes UTF-8 names alone")
    assert run([f"run={trained}", f"input={photo}", f"out={tmp_path / 'out'}"]) == 0
    assert (tmp_path / "out" / "caf\ufffd.png").is_file()


def test_how_large_pictures_may_be_is_said_on_the_command_line(
    trained: Path, tmp_path: Path
) -> None:
    photo = _save(tmp_path / "photo.png", 100, 200)
    command = [f"run={trained}", f"input={photo}", f"out={tmp_path / 'out'}"]
    with pytest.raises(BadFile, match=r"has 0\.02 megapixels, and data\.max_megapixels=0\.01 "):
        run([*command, "data.max_megapixels=0.01"])
    assert run(command) == 0


def test_by_default_predictions_lie_in_the_runs_folder(trained: Path, tmp_path: Path) -> None:
    photo = _save(tmp_path / "photo.png")
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
    photo = _save(tmp_path / "photo.png")
    before = photo.read_bytes()
    with pytest.raises(UserError, match="holds the input images"):
        predict(predictor, [photo], tmp_path / "x" / "..", "run", Console(quiet=True))
    assert photo.read_bytes() == before


@pytest.mark.parametrize(
    ("argument", "message"),
    [
        ("input=", "input= is needed: write input=photo.jpg"),
        ("input=nowhere.png", "input=nowhere.png: no such file or folder"),
        ("input=nowhere/*.png", r"input=nowhere/\*.png: no file matches"),
        ("checkpoint=first", "checkpoint=first: no checkpoint .first.*There are: best, last"),
        ("device=gpu", "device=gpu: choose one of auto, cpu, cuda"),
        ("batchsize=2", "unknown key 'batchsize'; did you mean batch_size=32"),
        ("checkpoint=last", "last.ckpt does not hold the names of its classes"),
        ("heads.classification.hidden=8", "best.ckpt doesn't fit this configuration"),
    ],
)
def test_wrong_arguments(trained: Path, tmp_path: Path, argument: str, message: str) -> None:
    photo = _save(tmp_path / "photo.png")
    given = {"run": f"run={trained}", "input": f"input={photo}", "out": f"out={tmp_path / 'out'}"}
    arguments = list((given | {argument.partition("=")[0]: argument}).values())
    with pytest.raises(UserError, match=message):
        run(arguments)


def test_a_run_is_needed(tmp_path: Path) -> None:
    photo = _save(tmp_path / "photo.png")
    with pytest.raises(UserError, match="run= is needed"):
        run([f"input={photo}"])
    with pytest.raises(UserError, match="no such folder"):
        run([f"input={photo}", f"run={tmp_path / 'none'}"])


def test_files_folders_and_globs(tmp_path: Path) -> None:
    top = [_save(tmp_path / name) for name in ("a.png", "b[1].jpg")]
    deep = _save(tmp_path / "deep" / "c.png")
    (tmp_path / ".hidden.png").write_bytes(b"")
    (tmp_path / "notes.txt").write_text("")
    assert find_images(str(tmp_path)) == top
    assert find_images(str(top[1])) == [top[1]]
    assert find_images(f"{tmp_path}/**/*.png") == [top[0], deep]
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserError, match="no image lies in this folder"):
        find_images(str(tmp_path / "empty"))


def test_batches_are_bounded_in_number_and_in_pixels() -> None:
    items = [("a", 1), ("b", 1), ("c", 1), ("d", 9), ("e", 2), ("f", 3)]
    assert list(in_batches(items, most=2, most_weight=5)) == [
        ["a", "b"],
        ["c"],
        ["d"],
        ["e", "f"],
    ]
    assert list(in_batches([], 2, 5)) == []


def test_names_never_meet() -> None:
    names = Names(["segmentation"])
    given = ["a.jpg", "x/A.png", "a_segmentation.png", "a.png", "b.png"]
    stems = [names.stem(Path(name)) for name in given]
    assert stems == ["a", "A_2", "a_segmentation_2", "a_3", "b"]


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
    assert _read_json(path) == {"a": 1}
    assert [file.name for file in tmp_path.iterdir()] == ["predictions.json"]
