"""From kept samples each main metric is had over any choice of them, as if it were measured so."""

import io
from collections.abc import Callable, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from mtl.data.batch import Batch, BoxBatch, Labelled
from mtl.data.sample import Boxes, Target
from mtl.errors import BadFile, UserError
from mtl.learning.callbacks.samples import KeepSamples
from mtl.model.backbone.base import Stage
from mtl.model.head.base import Head
from mtl.model.head.box import Box
from mtl.model.head.classification import Classification
from mtl.model.head.depth import Depth
from mtl.model.head.detection import Detection
from mtl.model.head.detections import Detections
from mtl.model.head.multilabel import Multilabel
from mtl.model.head.normals import Normals
from mtl.model.head.segmentation import Segmentation
from mtl.model.head.similarity import Similarity
from mtl.runs.samples import KeptSamples

COUNT = 12
CLASSES = ("a", "b", "c")
STAGES = (Stage("only", 32, 8),)
DRAW = np.random.default_rng(5)


def probabilities(*shape: int) -> Tensor:
    return torch.tensor(DRAW.random((COUNT, 3, *shape)), dtype=torch.float32)


def boxes(count: int) -> np.ndarray:
    corner = DRAW.uniform(0, 40, (count, 2))
    return np.concatenate([corner, corner + DRAW.uniform(6, 24, (count, 2))], 1).astype(np.float32)


def of_classes() -> tuple[Tensor, Tensor]:
    return probabilities().softmax(1), torch.tensor(DRAW.integers(0, 3, COUNT))


def of_labels() -> tuple[Tensor, Tensor]:
    return probabilities(), torch.tensor(DRAW.integers(-1, 2, (COUNT, 3)), dtype=torch.int8)


def of_boxes() -> tuple[Tensor, Tensor]:
    truth = boxes(COUNT)
    return torch.tensor(truth + DRAW.normal(0, 4, truth.shape).astype(np.float32)), torch.tensor(
        truth
    )


def of_pixels() -> tuple[Tensor, Tensor]:
    truth = DRAW.integers(0, 3, (COUNT, 8, 8))
    truth[DRAW.random(truth.shape) < 0.1] = 255
    truth[3] = 255
    return probabilities(8, 8).softmax(1), torch.tensor(truth, dtype=torch.uint8)


def of_depths() -> tuple[Tensor, Tensor]:
    truth = DRAW.uniform(1, 3, (COUNT, 8, 8)).astype(np.float32)
    said = torch.tensor(truth[:, None] * DRAW.uniform(0.7, 1.4, (COUNT, 1, 8, 8)))
    truth[DRAW.random(truth.shape) < 0.2] = np.nan
    truth[3] = np.nan
    return said.float(), torch.tensor(truth)


def of_normals() -> tuple[Tensor, Tensor]:
    truth = F.normalize(torch.tensor(DRAW.normal(0, 1, (COUNT, 8, 8, 3))), dim=-1).float()
    noise = torch.tensor(DRAW.normal(0, 0.2, (COUNT, 8, 8, 3))).float()
    said = F.normalize(truth + noise, dim=-1).movedim(-1, 1)
    truth[torch.tensor(DRAW.random((COUNT, 8, 8)) < 0.2)] = torch.nan
    truth[3] = torch.nan
    return said, truth


def of_objects() -> tuple[list[Detections], BoxBatch]:
    """Some images have nothing, in some nothing is found, and some objects are difficult."""
    detected, truth = [], []
    for number in range(COUNT):
        there = boxes(0 if number == 2 else int(DRAW.integers(1, 5)))
        labels = DRAW.integers(0, 3, len(there))
        truth.append(Boxes(there, labels, DRAW.random(len(there)) < 0.15))
        near = np.concatenate([there, there, boxes(2)])[: 0 if number == 4 else None]
        near = near + DRAW.normal(0, 1.5, near.shape).astype(np.float32)
        said = np.concatenate([labels, labels, [0, 1]])[: len(near)].astype(np.int64)
        scores = np.sort(DRAW.random(len(near)).astype(np.float32))[::-1].copy()
        order = DRAW.permutation(len(near))
        detected.append(
            Detections(
                torch.tensor(near[order], dtype=torch.float32),
                torch.tensor(scores),
                torch.tensor(said[order]),
            )
        )
    return detected, BoxBatch.collate(truth)


Made = tuple[Any, Any]
CASES: list[tuple[type[Head], str, tuple[str, ...], Callable[[], Made]]] = [
    (Classification, "label", ("accuracy", "balanced_accuracy", "auroc"), of_classes),
    (Multilabel, "labels", ("map", "f1"), of_labels),
    (Box, "boxes", ("iou", "mae", "mse", "recall50"), of_boxes),
    (Detection, "boxes", ("map", "map50", "recall"), of_objects),
    (Segmentation, "mask", ("miou", "pixel_accuracy"), of_pixels),
    (Depth, "depth", ("delta1", "abs_err", "rel_err"), of_depths),
    (Normals, "normals", ("within_11", "within_22", "within_30", "mean_angle"), of_normals),
]


def head_of(kind: type[Head], target: str, metric: str) -> Head:
    return kind(target=Target(target, CLASSES), stages=STAGES, image_size=64, metrics=[metric])  # type: ignore[call-arg]


def chosen(decision: Any, rows: Sequence[int]) -> Any:
    return decision[list(rows)] if isinstance(decision, Tensor) else [decision[row] for row in rows]


def measured(head: Head, decision: Any, truth: Any, rows: Sequence[int]) -> float:
    metrics = head.make_metrics()
    labels = Labelled(torch.arange(len(rows)), truth[torch.tensor(list(rows))])
    metrics.update(chosen(decision, rows), labels)
    return float(metrics.compute()[head.metrics[0]])


def kept(heads: dict[str, Head], made: dict[str, Made], folder: Path) -> KeptSamples | None:
    """Through the callback and the file, in two batches of which one has samples without labels."""
    observers: list[Any] = []
    module: Any = SimpleNamespace(
        network=SimpleNamespace(tasks=tuple(heads), head=heads.__getitem__),
        evaluation=lambda split: SimpleNamespace(observers=observers),
    )
    trainer: Any = SimpleNamespace(world_size=1, is_global_zero=True, default_root_dir=str(folder))
    callback = KeepSamples()
    callback.on_test_start(trainer, module)
    for rows in (range(5), range(5, COUNT)):
        ids = [f"f{row}\udcff.png" for row in rows] + ["unlabelled"]
        outputs = {
            task: (None, Labelled(torch.arange(len(rows)), truth[torch.tensor(list(rows))]))
            for task, (_, truth) in made.items()
        }
        decisions = {task: chosen(decision, rows) for task, (decision, _) in made.items()}
        observers[0](Batch(torch.zeros(0), ids, {}), decisions, outputs)
    callback.on_test_end(trainer, module)
    assert observers == []
    return KeptSamples.load(folder)


@pytest.mark.parametrize(
    ("kind", "target", "metrics", "make"), CASES, ids=[kind.__name__ for kind, *_ in CASES]
)
def test_the_main_metric_is_had_from_the_samples(
    kind: type[Head], target: str, metrics: Sequence[str], make: Callable[[], Made], tmp_path: Path
) -> None:
    decision, truth = make()
    heads = {metric: head_of(kind, target, metric) for metric in metrics}
    found = kept(heads, dict.fromkeys(metrics, (decision, truth)), tmp_path)
    assert found is not None
    assert found.tasks == tuple(metrics)
    twice = [0, 0, 0, 1, 3, 5, 5, 7, 8, 8, 11]
    for metric, head in heads.items():
        assert found.metric(metric) == metric
        assert found.ids(metric) == tuple(f"f{row}\udcff.png" for row in range(COUNT))
        whole = measured(head, decision, truth, range(COUNT))
        assert found.score(metric) == pytest.approx(whole, rel=1e-6, abs=1e-6)
        assert found.score(metric, range(COUNT)) == found.score(metric)
        again = measured(head, decision, truth, twice)
        assert found.score(metric, twice) == pytest.approx(again, rel=1e-6, abs=1e-6)
        quality = found.quality(metric)
        assert quality.shape == (COUNT,)
        assert ((quality >= 0) & (quality <= 1)).all()
        right = found.right(metric)
        assert right is None or (right.dtype == np.bool_ and right.shape == (COUNT,))


def test_right_and_quality_by_hand(tmp_path: Path) -> None:
    heads: dict[str, Head] = {
        "one": head_of(Classification, "label", "accuracy"),
        "many": head_of(Multilabel, "labels", "map"),
        "box": head_of(Box, "boxes", "mae"),
    }
    one = torch.tensor([[0.7, 0.2, 0.1]] * COUNT)
    many = torch.tensor([[0.9, 0.4, 0.2]] * COUNT)
    box = torch.tensor([[0.0, 0, 10, 5]] * COUNT)
    labels = torch.tensor([[1, 0, -1], [1, 1, 0]] * (COUNT // 2), dtype=torch.int8)
    made = {
        "one": (one, torch.tensor([0, 1] * (COUNT // 2))),
        "many": (many, labels),
        "box": (box, torch.tensor([[0.0, 0, 10, 10], [0.0, 0, 10, 20]] * (COUNT // 2))),
    }
    found = kept(heads, made, tmp_path)
    assert found is not None
    expected = {
        "one": ([True, False], [0.7, 0.2]),
        # Distances 0.1 and 0.4 of two known; 0.1, 0.6 and 0.2 of three.
        "many": ([True, False], [1 - 0.5 / 2, 1 - 0.9 / 3]),
        "box": ([True, False], [0.5, 0.25]),
    }
    for task, (right, quality) in expected.items():
        judged = found.right(task)
        assert judged is not None
        assert judged[:2].tolist() == right
        assert found.quality(task)[:2] == pytest.approx(quality, abs=1e-6)


def test_quality_of_pictures_by_hand(tmp_path: Path) -> None:
    """A box found and one missed, one seen in nothing; a picture half right."""
    truth = [Boxes(boxes(1), np.array([0]), np.array([False])) for _ in range(COUNT)]
    truth[1] = truth[2] = Boxes.empty()
    box = torch.tensor([[0.0, 0, 10, 10]])
    seen = Detections(box, torch.tensor([0.9]), torch.tensor([0]))
    detected = [seen] * COUNT
    detected[0] = Detections(torch.tensor(truth[0].xyxy), torch.tensor([0.9]), torch.tensor([0]))
    detected[2] = seen[:0]
    pixels = torch.zeros(COUNT, 3, 2, 2)
    pixels[:, 0] = 1
    mask = torch.tensor([[[0, 0], [0, 1]]] * COUNT, dtype=torch.uint8)
    heads: dict[str, Head] = {
        "detection": head_of(Detection, "boxes", "map"),
        "segmentation": head_of(Segmentation, "mask", "miou"),
    }
    made = {"detection": (detected, BoxBatch.collate(truth)), "segmentation": (pixels, mask)}
    found = kept(heads, made, tmp_path)
    assert found is not None
    assert found.quality("detection")[:3].tolist() == [1, 0, 1]
    # IoU 3 / 4 of class a, 0 of class b; class c is nowhere.
    assert found.quality("segmentation").tolist() == [0.375] * COUNT
    assert found.right("detection") is None


def test_similarity_keeps_nothing(tmp_path: Path) -> None:
    head = Similarity(target=Target("label", CLASSES), stages=STAGES, image_size=64)
    assert head.make_samples() is None
    embeddings = torch.zeros(COUNT, 64)
    found = kept({"s": head}, {"s": (embeddings, torch.zeros(COUNT).long())}, tmp_path)
    assert found is not None
    assert found.tasks == ()
    with pytest.raises(
        UserError, match=r"^no samples were kept of the task s; there are those of: none$"
    ):
        found.score("s")


def test_a_metric_of_ones_own_is_left_out() -> None:
    """A subclass with another main metric, and a file of a newer version."""

    class Own(Classification):
        def __init__(self, **options: Any) -> None:
            super().__init__(**options)
            self.metrics = ("kappa",)

    head = Own(target=Target("label", CLASSES), stages=STAGES, image_size=64)
    assert head.make_samples() is None
    columns = {name: np.zeros(1) for name in ("truth", "predicted", "of_truth")}
    text = {"kind": np.array("classes"), "metric": np.array("kappa")}
    ids = np.frombuffer(b"x", np.uint8)
    arrays = {f"t/{name}": array for name, array in {**columns, **text, "ids": ids}.items()}
    assert KeptSamples.of(arrays).tasks == ()


def test_no_file_and_a_broken_one(tmp_path: Path) -> None:
    assert KeptSamples.load(tmp_path) is None
    path = tmp_path / "samples" / "test.npz"
    path.parent.mkdir()
    whole = io.BytesIO()
    np.savez_compressed(whole, **{"t/kind": np.array("values")})
    for content in (b"", b"no archive", whole.getvalue()[:60], whole.getvalue()):
        path.write_bytes(content)
        with pytest.raises(BadFile, match=r"test\.npz: holds no kept samples"):
            KeptSamples.load(tmp_path)


@pytest.mark.slow
def test_reading_needs_no_torch() -> None:
    import subprocess
    import sys

    code = "import sys, mtl.runs.samples; print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
