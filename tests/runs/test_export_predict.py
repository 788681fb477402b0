"""Predicting with an exported file says what predicting with its run does.

Torch stands in for what runs files, which say the same (see test_export).
"""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from export_kit import SIZE, SMALL, eager, graph_of, nearly
from omegaconf import DictConfig
from PIL import Image
from prediction_kit import TARGETS, TASKS, entries, noise, start

from mtl.config.instantiate import container, make
from mtl.config.load import load
from mtl.config.trust import Trust
from mtl.data.image_file import read_mask
from mtl.data.preprocess.base import Preprocess
from mtl.data.tile import Tiling
from mtl.errors import BadFile, UserError
from mtl.model.build import build_network
from mtl.model.network import Network
from mtl.runs.export.decider import FileDecider
from mtl.runs.export.description import describe
from mtl.runs.export.graph import Graph
from mtl.runs.export.read import Exported
from mtl.runs.export.speakers import speakers_of
from mtl.runs.prediction.predictor import Predictor

ALL = "[classification,multilabel,box,detection,segmentation,similarity]"


def configured(tasks: str = ALL, *overrides: str) -> DictConfig:
    return load([*SMALL, f"tasks={tasks}", "heads.detection.score_threshold=0.01", *overrides])


def network_of(cfg: DictConfig) -> Network:
    torch.manual_seed(0)
    return build_network(cfg, TARGETS)


def preprocess_of(cfg: DictConfig) -> Preprocess:
    return make(container(cfg.preprocess), Preprocess, image_size=SIZE)


def exported(cfg: DictConfig, network: Network, in_graph: bool, colours: Any = "rgb") -> Exported:
    """As if it had been written and read."""
    preprocess = preprocess_of(cfg)
    graph = Graph(
        graph_of(network).network, network.tasks, preprocess if in_graph else None, colours
    )
    with torch.no_grad():
        example = graph(graph.example)
    about = describe(graph.eval(), example, cfg, preprocess, "onnx", False)

    return Exported(Path("model.onnx"), json.loads(json.dumps(about)), eager(graph))


def decider(file: Exported, batch_size: int = 2) -> FileDecider:
    return FileDecider(file, speakers_of(file, Trust()), batch_size)


@pytest.fixture
def photos(tmp_path: Path) -> list[Path]:
    """Whose sides are the picture's times powers of 2, so that resizing in the graph is exact."""
    sizes = {"same.png": (32, 32), "larger.png": (64, 128), "again.png": (64, 128)}
    found = []
    for seed, (name, (height, width)) in enumerate(sizes.items()):
        Image.fromarray(noise(height, width, seed)).save(tmp_path / name)
        found.append(tmp_path / name)
    # Decoded at an eighth of its size.
    smooth = Image.fromarray(noise(32, 32)).resize((1024, 512), Image.Resampling.BICUBIC)
    smooth.save(tmp_path / "photograph.jpg", quality=95)
    return [*found, tmp_path / "photograph.jpg"]


def same(one: Path, other: Path) -> None:
    assert entries(other) == nearly(entries(one))
    for entry in entries(one):
        names = [folder / entry["segmentation"]["mask"] for folder in (one, other)]
        first, second = map(read_mask, names)
        assert first.shape == (entry["height"], entry["width"])
        assert (first != second).mean() < 1e-3


@pytest.mark.parametrize(
    ("in_graph", "colours", "fit"),
    [
        (False, "rgb", "stretch"),
        (True, "rgb", "letterbox"),
        (True, "bgr", "stretch"),
    ],
)
def test_a_file_predicts_what_its_run_predicts(
    tmp_path: Path, photos: list[Path], in_graph: bool, colours: str, fit: str
) -> None:
    cfg = configured(ALL, f"preprocess.fit={fit}")
    network = network_of(cfg)
    file = decider(exported(cfg, network, in_graph, colours))
    start(photos, tmp_path / "run", decider=Predictor(network, preprocess_of(cfg), 2))
    start(photos, tmp_path / "file", decider=file)
    same(tmp_path / "run", tmp_path / "file")
    found = [entry["detection"]["detections"] for entry in entries(tmp_path / "file")]
    assert all(found)


def test_tiles_and_pictures(tmp_path: Path, photos: list[Path]) -> None:
    cfg = configured(TASKS.replace("box,", ""))
    network = network_of(cfg)
    file = decider(exported(cfg, network, False))
    wish = {"tiling": Tiling(64, 0.25)}
    run = Predictor(network, preprocess_of(cfg), 2)
    start(photos[1:2], tmp_path / "run", "json", "pictures", "csv", "coco", decider=run, **wish)
    start(photos[1:2], tmp_path / "file", "json", "pictures", "csv", "coco", decider=file, **wish)
    same(tmp_path / "run", tmp_path / "file")
    assert {p.name for p in (tmp_path / "run").iterdir()} == {
        p.name for p in (tmp_path / "file").iterdir()
    }


def test_a_file_that_says_something_else_than_it_tells() -> None:
    cfg = configured("[detection]")
    file = exported(cfg, network_of(cfg), False)
    image = [noise(SIZE, SIZE)]

    def changed(**outputs: Any) -> FileDecider:
        changes = {f"detection.{name}": change for name, change in outputs.items()}

        def run(pixels: np.ndarray) -> dict[str, np.ndarray]:
            known = dict(file.run(pixels))
            return known | {name: change(known[name]) for name, change in changes.items()}

        return decider(replace(file, run=run))

    assert changed()(image)
    with pytest.raises(BadFile, match=r"doesn't say what its description tells.*labels without"):
        changed(labels=lambda labels: labels + 3)(image)
    with pytest.raises(BadFile, match="2 rows for 1 images"):
        changed(
            **{n: lambda x: np.concatenate([x, x]) for n in ("boxes", "scores", "labels", "count")}
        )(image)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"_target_": "os.system"}, r"_target_=os.system: is not of this package"),
        ({"_target_": "mtl.model.head.box.Box"}, r"and its yaml differ"),
        ({"nms": 2}, r"heads.detection.nms=2: must be"),
        ({"kind": "antigravity.Kind"}, r"heads.detection.kind=antigravity.Kind: is not of this"),
        ({"classes": 3}, r"its description isn't one of mtl export's"),
        ({"stages": [{"stride": 8}]}, r"its description isn't one of mtl export's"),
    ],
)
def test_descriptions_of_strangers(change: dict[str, Any], said: str) -> None:
    cfg = configured("[detection]")
    about = json.loads(json.dumps(dict(exported(cfg, network_of(cfg), False).description)))
    task = about["tasks"]["detection"]
    for key, value in change.items():
        (task if key in task else task["config"])[key] = value
    with pytest.raises(UserError, match=said):
        speakers_of(Exported(Path("m.onnx"), about, dict), Trust())
    about["tasks"]["a.b"] = task | {"kind": "antigravity.Kind"}
    with pytest.raises(UserError):
        speakers_of(Exported(Path("m.onnx"), about, dict), Trust())


def test_heads_without_weights_take_no_memory() -> None:
    cfg = configured()
    heads = speakers_of(exported(cfg, network_of(cfg), False), Trust()).heads
    tensors = [t for head in heads.values() for t in (*head.parameters(), *head.buffers())]
    assert {tensor.device.type for tensor in tensors} == {"meta"}
