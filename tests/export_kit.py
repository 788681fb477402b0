"""Small networks as exported files, and a run's folder without a training."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from omegaconf import OmegaConf
from prediction_kit import TARGETS, TASKS

from mtl.config.load import load
from mtl.data.preprocess.base import Preprocess
from mtl.data.preprocess.standard import Standard
from mtl.data.sample import Target
from mtl.model.build import build_network
from mtl.model.head.exported import Deviation
from mtl.model.network import Network
from mtl.runs.export.formats import FORMATS
from mtl.runs.export.graph import Graph
from mtl.runs.export.parity import compared
from mtl.runs.export.runner import Runner
from mtl.runs.export.trace import traced

SIZE = 32
SMALL = (
    f"image_size={SIZE}",
    "backbone.width=8",
    "batch_size=2",
    "heads.detection.channels=32",
    "heads.detection.score_threshold=0.05",
    "heads.detection.detections=20",
    "heads.segmentation.channels=8",
)


@dataclass
class File:
    """A network in a file of some format, in memory.

    Args:
        graph: what torch computes.
        form: name of the format.
        any_size: see ``traced``.
    """

    graph: Graph
    form: str = "onnx"
    any_size: bool = False

    @cached_property
    def contents(self) -> dict[Path, bytes]:
        program = traced(self.graph, self.any_size)
        form = FORMATS[self.form]
        names = list(self.graph(self.graph.example))
        return form.load().contents(program, names, "{}", Path(f"model{form.suffix}"))

    @cached_property
    def runner(self) -> Runner:
        return FORMATS[self.form].load().opened(self.contents)

    def differences(self, images: torch.Tensor) -> list[tuple[str, Deviation]]:
        return [(row.task, row.difference) for row in compared(self.graph, self.runner, images)]


def graph_of(
    network: Network, tasks: Sequence[str] = (), preprocess: Preprocess | None = None
) -> Graph:
    """The graph of a network with random weights and statistics."""
    generator = torch.Generator().manual_seed(0)
    for norm in network.modules():
        if isinstance(norm, torch.nn.BatchNorm2d) and norm.running_mean is not None:
            norm.running_mean.copy_(torch.rand(norm.num_features, generator=generator) / 10)
            norm.running_var.copy_(0.5 + torch.rand(norm.num_features, generator=generator))
    return Graph(network.eval(), tasks or network.tasks, preprocess).eval()


def eager(graph: Graph) -> Runner:
    """Torch in the place of a file."""

    def run(image: np.ndarray) -> dict[str, np.ndarray]:
        with torch.no_grad():
            return {name: value.numpy() for name, value in graph(torch.from_numpy(image)).items()}

    return run


def in_graph(fit: str = "letterbox") -> Standard:
    return Standard(SIZE, (0.5,) * 3, (0.25,) * 3, fit)  # type: ignore[arg-type]


def noise(*shape: int, seed: int = 0) -> torch.Tensor:
    """Normalised pictures."""
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def photograph(height: int, width: int, seed: int = 0) -> np.ndarray:
    """(H, W, 3) uint8."""
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3)).astype(np.uint8)


def made_up_run(
    folder: Path,
    *overrides: str,
    tasks: str = TASKS,
    targets: Mapping[str, Target] = TARGETS,
) -> Path:
    """A run's folder as training leaves it."""
    cfg = load([*SMALL, f"tasks={tasks}", "data.train=4", "data.val=5", "data.test=2", *overrides])
    torch.manual_seed(0)
    network = build_network(cfg, targets)
    OmegaConf.save(cfg, folder / "config.yaml")
    (folder / "checkpoints").mkdir()
    said = {n: {"kind": t.kind.name, "classes": list(t.classes)} for n, t in targets.items()}
    state = {f"network.{name}": value for name, value in network.state_dict().items()}
    torch.save({"state_dict": state, "mtl": {"targets": said}}, folder / "checkpoints/best.ckpt")
    return folder


def nearly(value: Any) -> Any:
    """Plain values whose numbers may differ in their last digits."""
    if isinstance(value, dict):
        return {key: nearly(part) for key, part in value.items()}
    if isinstance(value, list):
        return [nearly(part) for part in value]
    return pytest.approx(value, abs=2e-3) if isinstance(value, float) else value
