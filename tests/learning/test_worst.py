"""The samples that each task does worst on, and their picture beside the truth."""

import pickle
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.nn import functional as F
from training_kit import write_conf

from mtl.config.load import load
from mtl.data.batch import Batch, Labelled, collate
from mtl.data.build import build_data
from mtl.data.loading.sampler import EpochSampler
from mtl.data.sample import Boxes, Sample
from mtl.drawing.grid import GAP
from mtl.drawing.title import HEIGHT, titled
from mtl.learning.worst import WorstSamples, sample_losses
from mtl.model.build import build_network
from mtl.model.figures.beside_truth import draw_beside_truth, file_name, shown
from mtl.model.network import Network


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> Network:
    conf = write_conf(tmp_path_factory.mktemp("conf"))
    cfg = load(["data=alternating", "backbone=plain", "heads.a.label_smoothing=0"], conf)
    return build_network(cfg, build_data(cfg).targets).eval()


def batch_of(first: int, a: list[int], rows: list[int]) -> Batch:
    """Images named by number, of which some have the label a."""
    image = torch.randn(4, 3, 16, 16, generator=torch.Generator().manual_seed(first))
    names = [f"/data/{first + i}.png" for i in range(4)]
    return Batch(image, names, {"a": Labelled(torch.tensor(rows), torch.tensor(a))})


def certain(*classes: int) -> torch.Tensor:
    """Logits by which a class is nearly certain: the loss is 0, or about 9 where it is wrong."""
    return 9.0 * F.one_hot(torch.tensor(classes), 3).float()


@pytest.mark.slow
def test_each_tasks_worst_over_all_batches(network: Network) -> None:
    found = WorstSamples(network, 2)
    one, other = batch_of(0, [0, 1, 2], [0, 2, 3]), batch_of(4, [1, 1], [1, 2])
    raw = certain(0, 0, 2)
    found.count(one, {}, {"a": (raw, one.targets["a"])})
    assert found.of("a")[0].sample.name == "2.png"
    doubtful = torch.stack([certain(2)[0] * 2, torch.full((3,), torch.nan)])
    found.count(other, {}, {"a": (doubtful, other.targets["a"])})
    assert [bad.sample.name for bad in found.of("a")] == ["5.png", "2.png"]
    losses = [bad.loss for bad in found.of("a")]
    assert losses == pytest.approx([18, 9 + np.log(1 + 2 * np.exp(-9))], abs=1e-3)
    assert found.of("a")[0].sample.truth == {"a": 1}
    assert found.of("b") == []
    assert torch.equal(found.of("a")[1].sample.image, one.image[2])


def test_where_no_sample_has_a_loss_there_is_no_worst(network: Network) -> None:
    found = WorstSamples(network, 2)
    batch = batch_of(0, [0, 1], [0, 1])
    raw = 1000 * certain(0, 1)
    found.count(batch, {}, {"a": (raw, batch.targets["a"])})
    assert found.found == {}


def test_processes_put_their_worst_together(
    network: Network, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Evaluation gives each sample to one process, so that none is found twice."""
    batch = batch_of(0, [0, 1, 2, 0], [0, 1, 2, 3])
    raw = certain(0, 0, 1, 2) * torch.tensor([[1.0], [1.0], [2.0], [0.5]])
    alone = WorstSamples(network, 2)
    alone.count(batch, {}, {"a": (raw, batch.targets["a"])})
    parts = []
    for rank in (0, 1):
        rows = [position for _, position in EpochSampler(4, 0, shuffle=False, rank=rank, ranks=2)]
        labels = Labelled(torch.arange(2), batch.targets["a"].value[torch.tensor(rows)])
        own = Batch(batch.image[rows], [batch.ids[row] for row in rows], {"a": labels})
        part = WorstSamples(network, 2)
        part.count(own, {}, {"a": (raw[rows], labels)})
        parts.append(part)
    sent = [pickle.dumps(part.found) for part in parts]

    def all_gather(everywhere: list[object], _: object) -> None:
        everywhere[:] = map(pickle.loads, sent)

    monkeypatch.setattr(torch.distributed, "all_gather_object", all_gather)
    for part in parts:
        part.gather(2)
        assert [(bad.loss, bad.sample.name) for bad in part.of("a")] == [
            (bad.loss, bad.sample.name) for bad in alone.of("a")
        ]
    assert [bad.sample.name for bad in alone.of("a")] == ["2.png", "1.png"]


@pytest.mark.slow
def test_losses_of_samples_have_the_loss_of_the_batch_as_their_mean(tmp_path: Path) -> None:
    tasks = "tasks=[classification,box,segmentation,multilabel]"
    small = ["image_size=32", "backbone.width=4", "data.train=4", "data.val=6", "data.test=1"]
    cfg = load([tasks, *small, "views=rotations", "ensemble=mean"])
    data = build_data(cfg)
    data.prepare_data()
    network = build_network(cfg, data.targets).eval()
    batch = data.finish(next(iter(data.loader("val", training=False))), training=False)
    with torch.no_grad():
        for task, (raw, labels) in network.labelled_outputs(batch).items():
            losses = sample_losses(network, task, raw, labels)
            assert losses.shape == (6,)
            assert losses.mean() == pytest.approx(float(network.loss(task, raw, labels)), rel=1e-4)
    canvas = draw_beside_truth(network, shown(network, batch, [0, 3, 5]), (0.0,) * 3, (1.0,) * 3)
    tile = (HEIGHT + 320, 2 * 320 + GAP)
    assert canvas.shape == (2 * (tile[0] + GAP) + GAP, 2 * (tile[1] + GAP) + GAP, 3)


@pytest.mark.parametrize(
    ("sample", "name"), [("/photos/a b.jpg", "a b.jpg"), ("test/17", "test/17"), ("x.png", "x.png")]
)
def test_tiles_carry_the_name_of_the_file(sample: str, name: str) -> None:
    assert file_name(sample) == name


def test_a_long_title_keeps_its_end() -> None:
    canvas = np.zeros((10, 100, 3), np.uint8)
    assert titled(canvas, "").shape == (10 + HEIGHT, 100, 3)
    assert (titled(canvas, "")[:HEIGHT] == 255).all()
    short, long = titled(canvas, "...000012.jpg"), titled(canvas, "x" * 200 + "000012.jpg")
    assert (long[HEIGHT:] == 0).all()
    assert (long[:HEIGHT, -4:] == 255).all()
    assert (short[:HEIGHT] == 255).mean() == pytest.approx((long[:HEIGHT] == 255).mean(), abs=0.05)


@pytest.mark.parametrize(("tasks", "kept"), [("box", [1]), ("box,detection", [0, 1, 2])])
def test_the_truth_beside_a_task_is_what_it_was_asked_for(tasks: str, kept: list[int]) -> None:
    small = ["image_size=32", "backbone.width=4", "data.train=1", "data.val=1", "data.test=1"]
    cfg = load([f"tasks=[{tasks}]", *small])
    targets = build_data(cfg).targets
    network = build_network(cfg, targets).eval()
    rows = np.array([[0, 0, 9, 9], [10, 10, 30, 30], [0, 0, 32, 32]], np.float32)
    boxes = Boxes(rows, np.array([0, 1, 2]), np.array([False, False, True]))
    samples = [Sample(np.zeros((32, 32, 3), np.uint8), "", {"boxes": boxes}, meaning=targets)]
    batch = collate(samples, {"boxes": targets["boxes"]})
    truth = shown(network, batch, [0])[0].truth["boxes"]
    assert isinstance(truth, Boxes)
    assert np.array_equal(truth.xyxy, rows[kept])
