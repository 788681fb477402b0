"""Networks in files that run without this package."""

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from export_kit import SIZE, SMALL, File, eager, graph_of, in_graph, noise, photograph
from PIL import Image
from prediction_kit import TARGETS, TASKS

from mtl.config.load import load
from mtl.data.sources.one_image import OneImage
from mtl.errors import BadFile, RunError, UserError
from mtl.model.build import build_network
from mtl.model.calibration.values import TaskCalibration
from mtl.model.head.base import Head
from mtl.model.head.exported import Deviation
from mtl.model.network import Network
from mtl.runs.export.export import Made
from mtl.runs.export.formats import FORMATS
from mtl.runs.export.graph import Graph
from mtl.runs.export.parity import Row, compared, parity
from mtl.runs.export.pictures import Images, batches

pytestmark = pytest.mark.slow
in_test_all = pytest.mark.skipif(
    "not config.getoption('--all-combinations', False)", reason="make test-all exports more"
)


HOT = ("classification", "multilabel", "segmentation")


def network(*overrides: str) -> Network:
    torch.manual_seed(0)
    return build_network(load([*SMALL, *overrides]), TARGETS)


@pytest.fixture(scope="module")
def pictures() -> File:
    """All heads on what the framework prepared, calibrated where they can be."""
    made = network(f"tasks={TASKS}")
    for task in HOT:
        made.head(task).calibration = TaskCalibration(2.0)
    return File(graph_of(made))


def fine(file: File, images: torch.Tensor) -> bool:
    return all(difference.fine for _, difference in file.differences(images))


@in_test_all
def test_any_number_of_pictures_goes_in(pictures: File) -> None:
    for count in (1, 5):
        batch = noise(count, 3, SIZE, SIZE, seed=count)
        assert fine(pictures, batch)
        outputs = pictures.runner(batch.numpy())
        assert all(len(value) == count for value in outputs.values())
        assert outputs["detection.count"].min() > 0  # else nothing was compared


def test_its_probabilities_are_calibrated() -> None:
    """At temperature 2 odds are square roots; no mask changes."""
    batch = noise(2, 3, SIZE, SIZE)
    graph = graph_of(network("tasks=[classification,multilabel,segmentation]"))
    plain = graph(batch)
    for task in HOT:
        graph.network.head(task).calibration = TaskCalibration(2.0)
    outputs = graph(batch)
    for task in HOT:
        before, after = plain[f"{task}.probabilities"], outputs[f"{task}.probabilities"]
        rest = 1 - before if task == "multilabel" else before.roll(1, 1)
        others = 1 - after if task == "multilabel" else after.roll(1, 1)
        torch.testing.assert_close(after / others, (before / rest).sqrt(), rtol=1e-3, atol=1e-4)
    torch.testing.assert_close(outputs["segmentation.mask"], plain["segmentation.mask"])


def test_another_network_differs() -> None:
    """In every task."""
    one, other = network(f"tasks={TASKS}"), network(f"tasks={TASKS}")
    for parameter in other.parameters():
        parameter.data *= 1.05
    images = noise(2, 3, SIZE, SIZE)
    rows = compared(graph_of(other), eager(graph_of(one)), images, ["a", "b"])
    assert {row.task for row in rows if not row.difference.fine} == set(other.tasks)
    assert {row.image for row in rows} == {"a", "b"}
    assert all(row.difference.fine for row in compared(graph_of(one), eager(graph_of(one)), images))


def test_the_image_that_differs_most_is_named() -> None:
    one = Row("box", Deviation("box", 0.2, 0.1), "a.jpg")
    other = Row("box", Deviation("box", 0.3, 0.1), "b.jpg")
    assert one.together(other) == other.together(one) == other
    broken = Row("box", Deviation("box", float("nan"), 0.1), "c.jpg")
    assert one.together(broken).image == broken.together(one).image == "c.jpg"
    shares = [Row("mask", Deviation("share", x, 0.1, mean=True), f"{x}") for x in (0.1, 0.3)]
    assert shares[0].together(shares[1]).image == ""


def test_what_differs_is_not_written(tmp_path: Path) -> None:
    rows = [
        Row("box", Deviation("box", 0.2, 0.1), "a/b.jpg"),
        Row("mask", Deviation("probabilities", float("nan"), 1e-4)),
        Row("label", Deviation("probabilities", 1e-6, 1e-4)),
    ]
    path = tmp_path / "made/model.onnx"
    with pytest.raises(RunError, match=r"from torch: box on a/b\.jpg, mask; nothing was written"):
        Made({path: b"graph"}, rows, {}).write()
    assert not path.parent.exists()
    Made({path: b"graph"}, rows[2:], {}).write()
    assert path.read_bytes() == b"graph"
    with pytest.raises(UserError, match=r"model\.onnx/below: can't be written \("):
        Made({path / "below": b"graph"}, rows[2:], {}).write()


def test_differences_of_batches() -> None:
    """The largest; of shares the mean over all that there is."""
    one, other = Deviation("x", 1.0, 2.0), Deviation("x", 3.0, 2.0)
    assert (one.together(other).found, one.together(other).fine) == (3.0, False)
    assert np.isnan(one.together(Deviation("x", float("nan"), 2.0)).found)
    few = Deviation("x", 0.5, 0.2, mean=True, weight=1)
    many = Deviation("x", 0.1, 0.2, mean=True, weight=3)
    assert few.together(many).found == pytest.approx(0.2)


def test_steps_and_heads_that_are_no_part_of_a_graph() -> None:
    from mtl.data.preprocess.denoise import Denoise

    small = network("tasks=[classification]")
    with pytest.raises(UserError, match=r"preprocess_in_graph=true: the steps of Denoise"):
        Graph(small, ["classification"], Denoise(SIZE, (0.5,) * 3, (0.5,) * 3))
    with pytest.raises(UserError, match="Classification doesn't say as which tensors"):
        Head.exported(small.head("classification"), [], None)


@in_test_all
@pytest.mark.parametrize(("height", "width"), [(SIZE, SIZE), (97, 53), (20, 75)])
def test_images_of_any_size_go_in_as_they_are(images: File, height: int, width: int) -> None:
    batch = torch.from_numpy(photograph(height, width))[None]
    assert fine(images, batch)
    outputs = images.runner(batch.numpy())
    assert outputs["segmentation.mask"].shape == (1, height, width)
    assert outputs["segmentation.mask"].dtype == np.uint8
    assert (outputs["detection.boxes"][..., 2:] <= [width, height]).all()


@pytest.fixture(scope="module")
def images() -> File:
    """All heads on images as they are."""
    return File(graph_of(network(f"tasks={TASKS}"), preprocess=in_graph()))


@in_test_all
@pytest.mark.parametrize("form", FORMATS)
def test_only_what_is_asked_for_is_in_the_file(form: str) -> None:
    """Even with a backbone for each task."""
    for package in FORMATS[form].packages:
        pytest.importorskip(package)
    whole = network("tasks=[classification,box]", "encoder=per_task", "backbone.width=32")
    both, one = File(graph_of(whole), form), File(graph_of(whole, ["box"]), form)
    sizes = [sum(map(len, file.contents.values())) for file in (both, one)]
    assert 0.4 < sizes[1] / sizes[0] < 0.6
    assert fine(one, noise(3, 3, SIZE, SIZE))
    assert list(one.runner(noise(1, 3, SIZE, SIZE).numpy())) == ["box.box"]


@in_test_all
@pytest.mark.parametrize("form", [name for name in FORMATS if name != "onnx"])
def test_other_formats(form: str) -> None:
    for package in FORMATS[form].packages:
        pytest.importorskip(package)
    file = File(graph_of(network(f"tasks={TASKS}")), form)
    for count in (1, 3):
        assert fine(file, noise(count, 3, SIZE, SIZE, seed=count))


@in_test_all
def test_pooled_heads_take_any_size() -> None:
    file = File(graph_of(network("tasks=[classification,multilabel]")), any_size=True)
    assert fine(file, noise(2, 3, 48, 40))
    assert fine(file, noise(1, 3, SIZE, SIZE))


def test_broken_images_are_left_out_where_training_left_them_out(tmp_path: Path) -> None:
    """The first by itself, then eight at a time; without any that can be read nothing is said."""
    for number in range(11):
        Image.fromarray(photograph(4, 4, number)).save(tmp_path / f"{number}.png")
    (tmp_path / "3.png").write_bytes(b"broken")
    places = [(OneImage(tmp_path / f"{number}.png"), 0) for number in range(11)]
    graph, steps = SimpleNamespace(resize=None, colours="rgb"), in_graph()
    found = [*batches(Images("x", places, skips=True), graph, steps)]  # type: ignore[arg-type]
    assert [[Path(name).stem for name in names] for names, _ in found] == [
        ["0"], ["1", "2", "4", "5", "6", "7", "8", "9"], ["10"],
    ]  # fmt: skip
    assert [tuple(batch.shape) for _, batch in found] == [(n, 3, SIZE, SIZE) for n in (1, 8, 1)]
    with pytest.raises(BadFile, match=r"3\.png: is not an image"):
        [*batches(Images("x", places), graph, steps)]  # type: ignore[arg-type]
    with pytest.raises(UserError, match="no image of x can be read; name others: images=FOLDER"):
        parity(graph, eager, Images("x", places[3:4], skips=True), steps)  # type: ignore[arg-type]
