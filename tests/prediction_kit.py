"""A run's folder without a training, and a decider that is no network at all."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from omegaconf import OmegaConf
from PIL import Image
from rich.console import Console

from mtl.config.load import load
from mtl.data.image_file import read_image
from mtl.data.image_format import ImageFormat
from mtl.data.sample import Target
from mtl.model.build import build_network
from mtl.runs.prediction.decider import Prepared
from mtl.runs.prediction.loop import Wish, predict
from mtl.runs.prediction.work import Outcome

CLASSES = ("dot", "ring", "star")
TASKS = "[classification,multilabel,box,detection,segmentation]"
TARGETS = {
    "label": Target("label", CLASSES),
    "labels": Target("labels", CLASSES),
    "boxes": Target("boxes", CLASSES),
    "mask": Target("mask", ("ground", *CLASSES)),
}


def make_run(folder: Path, tasks: str = TASKS) -> Path:
    """As training leaves it; its data and its first weights are gone since."""
    cfg = load(
        [
            f"tasks={tasks}",
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


def noise(height: int, width: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3)).astype(np.uint8)


def save(path: Path, height: int = 48, width: int = 64, seed: int = 0) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(noise(height, width, seed)).save(path)
    return path


def plain(path: Path, grey: int, width: int = 10, height: int = 20) -> Path:
    """A PNG of one colour."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (width, height), (grey, grey, grey)).save(path)
    return path


class Shade:
    """A task: how light a picture is, 0..1."""

    target = Target("label", ("dark", "light"))
    coco_key = None
    joins_tiles = True

    def captions(self, prediction: float) -> list[str]:
        return []

    def draw(self, canvas: np.ndarray, prediction: float) -> np.ndarray:
        drawn = canvas.copy()
        drawn[0, 0] = (255, 0, 0)
        return drawn

    def from_tiles(self, predictions: Sequence[float], tiles: Sequence[Any]) -> float:
        return float(np.mean(predictions))

    def record(self, prediction: float) -> Mapping[str, Any]:
        return {"probabilities": {"dark": 1 - prediction, "light": prediction}}


class Halves(Shade):
    """A task: an object in the left half of every picture that isn't black."""

    target = Target("boxes", ("spot", "half"))
    coco_key = "detections"
    joins_tiles = False

    def record(self, prediction: tuple[float, int, int]) -> Mapping[str, Any]:
        score, width, height = prediction
        found = {"bbox": [0, 0, width / 2, height], "category_id": 1, "category": "half"}
        return {"detections": [found | {"score": score}] if score else []}


class ShadeDecider:
    """Remembers what it decided on."""

    batch_size = 2
    images = ImageFormat()

    def __init__(self, *tasks: str) -> None:
        every = {"shade": Shade(), "halves": Halves()}
        self.tasks = {name: every[name] for name in tasks or every}
        self.batches: list[int] = []

    @property
    def decided(self) -> int:
        return sum(self.batches)

    def prepared(self, image: Path | np.ndarray) -> Prepared:
        pixels = read_image(image)[0] if isinstance(image, Path) else image
        height, width = pixels.shape[:2]
        return Prepared(float(pixels.mean()) / 255, width, height, pixels)

    def decide(self, batch: Sequence[Prepared]) -> list[float]:
        self.batches.append(len(batch))
        return [prepared.content for prepared in batch]

    def in_pixels(self, decided: float, prepared: Prepared) -> dict[str, Any]:
        found = {"shade": decided, "halves": (decided, prepared.width, prepared.height)}
        return {task: found[task] for task in self.tasks}


def start(
    paths: Sequence[Path], out: Path, *formats: str, decider: Any = None, **more: Any
) -> Outcome:
    """One start of ``predict`` that says nothing."""
    settings = {"run": "run", "checkpoint": "best", "overrides": [], "network": "one"}
    settings |= more.pop("settings", {})
    wish = Wish(formats or ("json",), settings=settings, **more)
    return predict(decider or ShadeDecider(), paths, out, wish, Console(quiet=True))


def read_json(path: Path) -> Any:
    return json.loads(path.read_text())


def entries(out: Path) -> list[dict[str, Any]]:
    """Of the journal."""
    return [json.loads(line) for line in (out / "predictions.jsonl").read_text().splitlines()]
