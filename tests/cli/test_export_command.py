"""``mtl export`` on the command line."""

import contextlib
import io
import json
import re
import runpy
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from export_kit import SIZE, made_up_run, nearly, photograph
from omegaconf import OmegaConf
from PIL import Image
from prediction_kit import entries

from mtl.cli.compressed_file import tell_of_file
from mtl.cli.main import main
from mtl.config.load import load
from mtl.data.image_file import read_mask
from mtl.runs.calibration.use import identity
from mtl.runs.export.read import read
from mtl.runs.prediction.saved_run import open_without_data

pytestmark = pytest.mark.slow
EXAMPLES = Path(__file__).parents[2] / "docs" / "examples"


@pytest.fixture
def configured(tmp_path: Path) -> Path:
    """A run's configuration and nothing else."""
    run = tmp_path / "run"
    run.mkdir()
    OmegaConf.save(load(["tasks=[classification,box]"]), run / "config.yaml")
    return run


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["format=onx"], "format=onx: choose one of onnx, torch_export, openvino"),
        (["out=model.pt2"], "out=model.pt2: give a name that ends in .onnx"),
        (["colours=bgr"], "colours=bgr goes with preprocess_in_graph=true"),
        (["any_size=true", "preprocess_in_graph=true"], "images have any size already"),
        (["any_size=yes"], "any_size=yes: choose one of true, false"),
        (["tasks=[boxes]"], "no task 'boxes'; did you mean 'box'? There are: box, classification"),
        (["checkpoint=beste"], "checkpoint=beste"),
        (["limit=0"], "limit=0: give a whole number, 1 or more"),
        (["images=photos"], "images=photos: no such file or folder"),
        (["out=results.onnx"], "out=results.onnx: results.json is something else, and would be "),
    ],
)
def test_mistakes(mtl, configured: Path, arguments: list[str], said: str) -> None:
    Path("results.json").write_text('{"metrics": {}}')
    result = mtl("export", f"run={configured}", *arguments)
    assert result.code == 2
    assert said in result.err


def test_a_missing_package_is_named(mtl, configured: Path, monkeypatch) -> None:
    monkeypatch.setattr("mtl.runs.export.formats.find_spec", lambda name: None)
    result = mtl("export", f"run={configured}", "format=openvino")
    assert "format=openvino needs onnx, onnxscript, onnxruntime, openvino" in result.err
    assert "pip install 'mtl[openvino]'" in result.err


def test_the_file_of_a_compression_is_told_of(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Where the last step made one that is there."""
    (tmp_path / "int8.onnx").touch()
    for stands in ([], [{"file": "int8.onnx"}, {"file": None}], [{"file": "gone.onnx"}], 3):
        (tmp_path / "table.json").write_text(json.dumps({"stands": stands}))
        tell_of_file(tmp_path, "{} is elsewhere")
    assert capsys.readouterr().out == ""
    (tmp_path / "table.json").write_text('{"stands": [{}, {"file": "int8.onnx"}]}')
    tell_of_file(tmp_path, "mtl predict run={} takes the file")
    file = tmp_path / "int8.onnx"
    assert capsys.readouterr().out == (
        f"{file} is what mtl compress made; what follows is of the network before that "
        f"(mtl predict run={file} takes the file)\n"
    )


@dataclass(frozen=True)
class Made:
    """A run, the file that was made of it, and what was said."""

    run: Path
    file: Path
    said: str


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    """Three heads on images as they are, calibrated; ``make test-all`` exports more."""
    folder = tmp_path_factory.mktemp("run")
    small = ("heads.detection.strides=[8]", "heads.detection.convs=0")
    run = made_up_run(folder, *small, tasks="[multilabel,detection,segmentation]")
    tasks = {
        "multilabel": {"temperature": 1.5, "thresholds": {"ring": 0.25}},
        "detection": {"temperature": 1.0, "thresholds": {"star": 0.125}},
        "segmentation": {"temperature": 2.0, "thresholds": {}},
    }
    network = identity(open_without_data(run), run / "checkpoints/best.ckpt")
    content = {"mtl_calibration": 1, "network": network, "tasks": tasks}
    (run / "calibration.json").write_text(json.dumps(content))
    file = folder / "here/model.onnx"
    options = ("preprocess_in_graph=true", "colours=bgr", "limit=3")
    with contextlib.redirect_stdout(io.StringIO()) as out:
        assert main(["export", f"run={run}", f"out={file}", *options]) == 0
    return Made(run, file, out.getvalue())


def test_every_task_is_compared(made: Made) -> None:
    assert "against torch on 3 images of the val split" in made.said
    assert "differs" not in made.said
    compared = [line.split()[0] for line in made.said.splitlines()]
    assert {"preprocess", "multilabel", "detection", "segmentation"} <= {*compared}
    assert "picture, grey levels" in made.said


def test_what_a_file_says_of_itself(made: Made) -> None:
    assert sorted(path.name for path in made.file.parent.iterdir()) == ["model.json", "model.onnx"]
    exported = read(made.file)
    beside = json.loads(made.file.with_suffix(".json").read_text())
    assert beside == exported.description
    assert list(beside["tasks"]) == ["multilabel", "detection", "segmentation"]
    assert beside["input"]["shape"] == ["batch", "height", "width", 3]
    assert beside["input"]["colours"] == "bgr"
    multilabel, detection = beside["tasks"]["multilabel"], beside["tasks"]["detection"]
    assert "calibrated: temperature of multilabel, segmentation; thresholds of" in made.said
    assert multilabel["thresholds"] == {"probability": 0.5}
    assert (multilabel["temperature"], detection["temperature"]) == (1.5, 1.0)
    assert multilabel["class_thresholds"] == [0.5, 0.25, 0.5]
    assert detection["class_thresholds"] == [0.5, 0.5, 0.125]
    assert multilabel["classes"] == ["dot", "ring", "star"]
    assert detection["thresholds"] == {"score": 0.05, "overlap": 0.6, "most": 20, "draw": 0.5}
    assert detection["outputs"]["detection.boxes"] == {
        "type": "float32",
        "axes": ["image", "object", "x1, y1, x2, y2"],
        "meaning": "pixels, 0 where there is no object",
    }
    two = np.stack([photograph(40, 70, seed) for seed in (0, 1)])
    outputs = exported.run(two)
    assert {name: value.shape for name, value in outputs.items()} == {
        "multilabel.probabilities": (2, 3),
        "detection.boxes": (2, 20, 4),
        "detection.scores": (2, 20),
        "detection.labels": (2, 20),
        "detection.count": (2,),
        "segmentation.mask": (2, 40, 70),
        "segmentation.probabilities": (2, 4, SIZE, SIZE),
    }
    assert outputs["detection.count"].min() > 0  # else nothing was compared


def test_the_example_in_python(made: Made, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shown = example(made.file, tmp_path, monkeypatch)
    named = [line.partition(":")[0] for line in shown.splitlines()]
    assert named == ["multilabel", "detection", "segmentation"]
    with Image.open(tmp_path / "drawn.png") as drawn:
        assert drawn.size == (70, 40)


def test_a_file_predicts_as_its_run_does(mtl, made: Made, tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    for seed in (0, 1, 2):
        # Four times the picture's side, so that resizing in the graph is exact.
        pixels = photograph(4 * SIZE, 4 * SIZE, seed)
        Image.fromarray(pixels).save(tmp_path / f"photos/{seed}.png")
    for run in (made.run, made.file):
        result = mtl("predict", f"run={run}", "input=photos", f"out={run.stem}", "batch_size=2")
        assert result.code == 0, result.err
    one, other = (entries(tmp_path / run.stem) for run in (made.run, made.file))
    for entry, same in zip(one, other, strict=True):
        # Whose scores are equal but for the last digit may come in another order.
        found, again = (each["detection"].pop("detections") for each in (entry, same))
        assert len(found) == len(again) > 0
        assert all(any(there == nearly(here) for there in again) for here in found)
        assert same == nearly(entry)
        name = entry["segmentation"]["mask"]
        masks = [read_mask(tmp_path / run.stem / name) for run in (made.run, made.file)]
        np.testing.assert_array_equal(*masks)
    again = mtl("predict", f"run={made.file}", "input=photos", "out=model")
    assert "0 pictures predicted (3 files finished before)" in again.out


def test_preprocessing_around_a_file_is_that_of_the_network(made: Made, tmp_path: Path) -> None:
    """With the calibration that the file has, whatever its run has by then."""
    pictures, images = made.run / "pictures.onnx", tmp_path / "images.onnx"
    options = ("preprocess_in_graph=true", "colours=bgr", "limit=2")
    assert main(["export", f"run={made.run}", f"out={pictures}", "limit=2"]) == 0
    calibration = made.run / "calibration.json"
    calibration.rename(tmp_path / calibration.name)
    with contextlib.redirect_stdout(io.StringIO()) as out:
        assert main(["export", f"run={pictures}", f"out={images}", *options]) == 0
    (tmp_path / calibration.name).rename(calibration)
    assert f"against {pictures} on 2 images of the val split" in out.getvalue()
    assert "differs" not in out.getvalue()
    whole, around = read(made.file), read(images)
    assert around.description == whole.description
    assert json.loads(images.with_suffix(".json").read_text()) == around.description
    for shape in ((SIZE, SIZE), (40, 70), (4 * SIZE, 4 * SIZE)):
        two = np.stack([photograph(*shape, seed) for seed in (0, 1)])
        wanted, found = whole.run(two), around.run(two)
        assert list(found) == list(wanted)
        for name, values in wanted.items():
            assert found[name].dtype == values.dtype
            np.testing.assert_allclose(found[name], values, atol=2e-3, err_msg=name)
    result = main(["export", f"run={images}", f"out={tmp_path / 'again.onnx'}", *options])
    assert result == 2  # it lies in no run's folder


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "int8.onnx: is exported already; preprocess_in_graph=true lets images in"),
        (["format=openvino"], "int8.onnx: preprocessing is put around ONNX files alone"),
        (["preprocess_in_graph=true", "tasks=[box]"], "tasks=[box]: is for the folder of a run"),
        (["preprocess_in_graph=true", "image_size=64"], "image_size=64: is for the folder of a"),
    ],
)
def test_mistakes_around_a_file(mtl, configured: Path, arguments: list[str], said: str) -> None:
    (configured / "int8.onnx").touch()
    result = mtl("export", f"run={configured / 'int8.onnx'}", *arguments)
    assert result.code == 2
    assert said in result.err


def test_only_files_of_a_run_get_preprocessing(mtl, tmp_path: Path) -> None:
    result = mtl("export", "run=int8.onnx", "preprocess_in_graph=true")
    assert (result.code, result.err) == (2, "mtl: run=int8.onnx: no such file\n")
    (tmp_path / "int8.onnx").touch()
    result = mtl("export", "run=int8.onnx", "preprocess_in_graph=true")
    assert "run=int8.onnx: lies in no folder that mtl compress made; export the run" in result.err


@pytest.mark.parametrize(
    ("argument", "said"),
    [
        ("checkpoint=last", "checkpoint=last: is for the folder of a run"),
        ("device=cuda", "device=cuda: is for the folder of a run"),
        ("image_size=64", "image_size=64: an exported file stays as it is"),
        ("batch_size=0", "batch_size=0: give a whole number, 1 or more"),
        ("formats=[json]", "model.onnx: no such file"),
    ],
)
def test_mistakes_with_a_file(mtl, tmp_path: Path, argument: str, said: str) -> None:
    Image.fromarray(photograph(8, 8)).save(tmp_path / "photo.png")
    result = mtl("predict", "run=model.onnx", "input=photo.png", argument)
    assert result.code == 2
    assert said in result.err


def example(model: Path, folder: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """What docs/examples/onnx_python.py says of a photograph."""
    Image.fromarray(photograph(40, 70)).save(folder / "photo.png")
    arguments = [str(model), str(folder / "photo.png"), str(folder / "drawn.png")]
    monkeypatch.setattr(sys, "argv", [str(EXAMPLES / "onnx_python.py"), *arguments])
    with contextlib.redirect_stdout(io.StringIO()) as out:
        runpy.run_path(sys.argv[0])
    return out.getvalue()


def test_examples_are_short_and_need_little() -> None:
    for file in EXAMPLES.iterdir():
        assert len(file.read_text().splitlines()) < 60
    text = (EXAMPLES / "onnx_python.py").read_text()
    imported = re.findall(r"^(?:import|from) (\w+)", text, re.MULTILINE)
    assert set(imported) <= {*sys.stdlib_module_names, "numpy", "onnxruntime", "PIL"}
