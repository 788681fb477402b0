"""Prediction, evaluation and training see the same pixels, and so say the same."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from omegaconf import DictConfig, OmegaConf
from PIL import Image
from torchmetrics.detection import MeanAveragePrecision
from voc_factory import CLASSES, make_voc

from mtl.cli.predict import run as predict
from mtl.config.groups import members
from mtl.config.instantiate import container, make
from mtl.config.load import load
from mtl.config.saved import open_run
from mtl.data.build import build_data
from mtl.data.loading.cache import CachedSource
from mtl.data.preprocess.base import Preprocess
from mtl.data.preprocess.picture import picture
from mtl.data.preprocess.standard import Standard
from mtl.data.sources.one_image import OneImage
from mtl.data.sources.voc_annotation import parse_annotation
from mtl.files import read_json
from mtl.model.build import build_network
from mtl.runs.evaluate import evaluate

pytestmark = pytest.mark.slow

SIZE = 32
LARGER = 5
"""Odd, so that the middle of a network's pixel is the middle of a pixel of the image."""
TASKS = "[classification,multilabel,detection,segmentation]"
SHAPES = {"stretch": (160, 160), "letterbox": (160, 80)}
EVERY = [f"preprocess={name}" for name in members("preprocess", None)]


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Large JPEGs for either fit."""
    return {
        fit: make_voc(tmp_path_factory.mktemp(fit), n_train=2, n_val=0, n_test=8, size=size, seed=3)
        for fit, size in SHAPES.items()
    }


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory, folders: dict[str, Path]) -> Path:
    """A run's folder as training leaves it."""
    folder = tmp_path_factory.mktemp("run")
    cfg = load(
        [
            "data=voc_folder",
            f"data.root={folders['stretch']}",
            f"data.classes=[{','.join(CLASSES)}]",
            "data.workers=0",
            f"tasks={TASKS}",
            f"image_size={SIZE}",
            "batch_size=8",
            "heads.detection.channels=32",
            "heads.detection.score_threshold=0",
            "trainer=cpu",
        ]
    )
    data = build_data(cfg)
    data.prepare_data()
    torch.manual_seed(1)
    network = build_network(cfg, data.targets)
    # Learned by heart, so that there is something to measure.
    [batch] = [data.finish(batch, training=False) for batch in data.loader("test")]
    optimiser = torch.optim.Adam(network.parameters(), 3e-3)
    for _ in range(60):
        found = network.labelled_outputs(batch)
        optimiser.zero_grad()
        sum(network.loss(task, *found[task]) for task in found).backward()
        optimiser.step()
    OmegaConf.save(cfg, folder / "config.yaml")
    (folder / "checkpoints").mkdir()
    targets = {
        n: {"kind": t.kind.name, "classes": list(t.classes)} for n, t in data.targets.items()
    }
    state = {f"network.{k}": v for k, v in network.state_dict().items()}
    checkpoint = {"state_dict": state, "mtl": {"targets": targets}}
    torch.save(checkpoint, folder / "checkpoints" / "best.ckpt")
    return folder


def average_precision(scores: Sequence[float], truth: Sequence[bool]) -> float:
    """Area under the steps of precision over recall."""
    order = np.argsort(-np.array(scores), kind="stable")
    hits = np.array(truth)[order]
    precision = np.cumsum(hits) / np.arange(1, len(hits) + 1)
    return float(precision[hits].mean())


def masks(cfg: DictConfig) -> dict[str, np.ndarray]:
    """Each file's mask as the network's picture shows it, less what pads it."""
    data = build_data(cfg)
    source = data.data_set.split("test")
    steps = make(container(cfg.preprocess), Preprocess, image_size=SIZE)
    found = {}
    for index in range(len(source)):
        sample, frame = picture(source, index, steps, data.targets)
        left, top = int(frame.offset_x), int(frame.offset_y)
        mask = sample.targets["mask"]
        found[sample.id] = mask[top : SIZE - top, left : SIZE - left]
    return found


def recomputed(
    root: Path, content: dict[str, Any], out: Path, truth: dict[str, np.ndarray]
) -> dict[str, float]:
    """Metrics from predictions.json, the files of the data set, and the masks."""
    right, scores, present = [], [], []
    confusion = np.zeros((4, 4), int)
    found, objects = [], []
    for entry in content["images"]:
        annotation = parse_annotation(root / "Annotations" / f"{Path(entry['file']).stem}.xml")
        boxes = np.array([obj.box for obj in annotation.objects])
        names = [obj.name for obj in annotation.objects]
        areas = (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])
        right.append(entry["classification"]["label"] == names[int(areas.argmax())])
        scores.append([entry["multilabel"]["probabilities"][name] for name in CLASSES])
        present.append([name in names for name in CLASSES])
        detections = entry["detection"]["detections"]
        xywh = torch.tensor([d["bbox"] for d in detections]).reshape(-1, 4)
        found.append(
            {
                "boxes": torch.cat([xywh[:, :2], xywh[:, :2] + xywh[:, 2:]], 1),
                "scores": torch.tensor([d["score"] for d in detections]),
                "labels": torch.tensor([d["category_id"] for d in detections]),
            }
        )
        objects.append(
            {
                "boxes": torch.tensor(boxes).float(),
                "labels": torch.tensor([CLASSES.index(name) for name in names]),
            }
        )
        mask = np.array(Image.open(out / entry["segmentation"]["mask"]))
        middle = slice(LARGER // 2, None, LARGER)
        predicted = mask[middle, middle].ravel()
        real = truth[entry["file"]].ravel()
        np.add.at(confusion, (real[real < 255], predicted[real < 255]), 1)
    metric = MeanAveragePrecision(backend="faster_coco_eval")
    metric.warn_on_many_detections = False
    metric.update(found, objects)
    both = np.diag(confusion)
    union = confusion.sum(0) + confusion.sum(1) - both
    values = metric.compute()
    columns = zip(np.array(scores).T, np.array(present).T, strict=True)
    return {
        "classification/accuracy": float(np.mean(right)),
        "multilabel/map": float(np.mean([average_precision(s, t) for s, t in columns])),
        "detection/map": float(values["map"]),
        "detection/map50": float(values["map_50"]),
        "detection/recall": float(values["mar_100"]),
        "segmentation/miou": float((both[union > 0] / union[union > 0]).mean()),
    }


@pytest.mark.parametrize("fit", SHAPES)
@pytest.mark.parametrize("steps", EVERY)
def test_metrics_recomputed_from_predictions_are_those_of_eval(
    trained: Path, folders: dict[str, Path], tmp_path: Path, steps: str, fit: str
) -> None:
    root = folders[fit]
    changes = [steps, f"preprocess.fit={fit}"]
    cfg = open_run(trained, [f"data.root={root}", *changes])
    evaluated = evaluate(cfg, trained, "test")
    images = str(root / "JPEGImages" / "test*.jpg")
    assert predict([f"run={trained}", f"input={images}", f"out={tmp_path}", *changes]) == 0
    own = recomputed(root, read_json(tmp_path / "predictions.json"), tmp_path, masks(cfg))
    for name, value in own.items():
        assert evaluated[f"test/{name}"] == pytest.approx(value, abs=2e-5), name
    assert own["detection/recall"] > 0


def photograph(path: Path, width: int, height: int, **options: Any) -> Path:
    rng = np.random.default_rng(0)
    coarse = rng.integers(0, 256, (height // 4 + 1, width // 4 + 1, 3)).astype(np.uint8)
    pixels = coarse.repeat(4, 0).repeat(4, 1)[:height, :width]
    Image.fromarray(pixels + rng.integers(0, 9, pixels.shape).astype(np.uint8) // 2).save(
        path, **options
    )
    return path


def turned(orientation: int) -> Image.Exif:
    exif = Image.Exif()
    exif[0x0112] = orientation
    return exif


FILES: dict[str, tuple[int, int, dict[str, Any]]] = {
    "small.jpg": (20, 24, {}),
    "same.png": (SIZE, SIZE, {}),
    "larger.jpg": (70, 66, {"quality": 95}),
    "large.jpg": (530, 300, {"quality": 95}),
    "huge.jpg": (1200, 900, {}),
    "large.png": (530, 300, {}),
    "large.webp": (530, 300, {}),
    "turned.jpg": (530, 300, {"exif": turned(6)}),
    "mirrored.jpg": (300, 530, {"exif": turned(5)}),
    "turned.png": (300, 200, {"exif": turned(8)}),
}


@pytest.mark.parametrize("steps", EVERY)
def test_every_way_shows_the_network_the_same(tmp_path: Path, steps: str) -> None:
    (tmp_path / "data" / "a").mkdir(parents=True)
    paths = [
        photograph(tmp_path / "data" / "a" / name, width, height, **options)
        for name, (width, height, options) in sorted(FILES.items())
    ]
    cfg = load(
        [
            "data=image_folder",
            f"data.root={tmp_path / 'data'}",
            "data.val_fraction=0",
            f"data.cache_dir={tmp_path / 'cache'}",
            "augmentation=none",
            f"image_size={SIZE}",
            steps,
        ]
    )
    for fit in SHAPES:
        cfg.preprocess.fit = fit
        preprocess = make(container(cfg.preprocess), Preprocess, image_size=SIZE)
        for cache in (False, True):
            cfg.data.cache = cache
            data = build_data(cfg)
            data.prepare_data()
            assert isinstance(data.required("train"), CachedSource) == cache
            for training in (False, True):
                keys = [(0, index) for index in range(len(paths))]
                batch = data.loading("train", augment=training).__getitems__(keys)
                assert batch.ids == list(map(str, paths))
                for index, path in enumerate(paths):
                    predicted, _ = picture(OneImage(path), 0, preprocess, {})
                    pixels = batch.image[index].permute(1, 2, 0).numpy()
                    assert np.array_equal(pixels, predicted.image), (path.name, fit, cache)


@pytest.mark.parametrize("name", FILES)
def test_the_way_back_leads_to_the_image_at_full_size(tmp_path: Path, name: str) -> None:
    width, height, options = FILES[name]
    path = photograph(tmp_path / name, width, height, **options)
    upright = (height, width) if "exif" in options else (width, height)
    for fit in SHAPES:
        steps = Standard(SIZE, (0.5,) * 3, (0.5,) * 3, fit)  # type: ignore[arg-type]
        _, frame = picture(OneImage(path), 0, steps, {})
        assert (frame.width, frame.height) == upright
        whole = [frame.offset_x, frame.offset_y]
        whole += [whole[0] + upright[0] * frame.scale_x, whole[1] + upright[1] * frame.scale_y]
        assert max(whole) == pytest.approx(SIZE)
        back = frame.boxes_to_original(np.array([whole], np.float32))
        np.testing.assert_allclose(back[0], [0, 0, *upright], atol=1e-2)
