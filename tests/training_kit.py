"""A tiny data set with partial labels, a backbone without batch statistics, and their configs.

Everything is found by name, as a user's own members are: ``load(overrides, write_conf(folder))``.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytorch_lightning as L
import torch
from every_kind import EveryKind, write
from omegaconf import DictConfig
from pytorch_lightning.loggers import Logger
from torch import Tensor, nn

from mtl.config.instantiate import container
from mtl.data.build import build_data
from mtl.data.sample import IGNORE_LABEL, Sample, Target
from mtl.data.sources.base import ArraySource, DataSet, Source, Split
from mtl.errors import BadFile
from mtl.learning.build import build_module
from mtl.learning.first_look import look_at_labels
from mtl.learning.module import MultiTaskModule
from mtl.learning.quiet import quiet_lightning
from mtl.learning.trainer import build_trainer
from mtl.model.backbone.base import Backbone, Stage
from mtl.model.build import build_network
from mtl.model.head.base import HeadMetrics
from mtl.model.head.classification import Classification
from mtl.model.network import Network

SIZE = 16
READS: Counter[str] = Counter()
"""How often each sample of ``Counting`` has been read in this process."""


def label_of(index: int) -> tuple[int, int]:
    """Labels (a, b): every fifth sample has none, the others take turns."""
    if index % 5 == 4:
        return IGNORE_LABEL, IGNORE_LABEL
    return (index % 3, IGNORE_LABEL) if index % 2 == 0 else (IGNORE_LABEL, index // 2 % 2)


def picture(index: int, split: str) -> np.ndarray:
    """Noise whose brightness gives the labels away."""
    rng = np.random.default_rng([index, len(split)])
    image = rng.integers(0, 60, (SIZE, SIZE, 3))
    image[:, :, index % 3] += 120
    image[: SIZE // 2, :, 2] += 60 * (index // 2 % 2)
    return image.astype(np.uint8)


class Alternating(DataSet):
    """Samples labelled for a, for b, or for nothing."""

    def __init__(self, *, train: int, val: int, test: int, image_size: int) -> None:
        self.counts = {"train": train, "val": val, "test": test}

    @property
    def targets(self) -> Mapping[str, Target]:
        return {"a": Target("label", ("x", "y", "z")), "b": Target("label", ("no", "yes"))}

    def split(self, split: Split) -> Source | None:
        count = self.counts[split]
        if count == 0:
            return None
        labels = np.array([label_of(i) for i in range(count)])
        return ArraySource(
            np.stack([picture(i, split) for i in range(count)]),
            [f"{split}/{i}" for i in range(count)],
            {"a": labels[:, 0], "b": labels[:, 1]},
            self.targets,
        )


class Watched(Source):
    """Counts reads; sample by sample."""

    def __init__(self, source: Source) -> None:
        self.source = source

    def __len__(self) -> int:
        return len(self.source)

    def id(self, index: int) -> str:
        return self.source.id(index)

    def read(self, index: int, size: int | None = None) -> Sample:
        READS[self.id(index)] += 1
        return self.source.read(index, size)


class Counting(Alternating):
    """``Alternating`` that knows what was read."""

    def split(self, split: Split) -> Source | None:
        source = super().split(split)
        return None if source is None else Watched(source)


class OneBroken(Alternating):
    """``Alternating`` with a sample that can't be read."""

    def split(self, split: Split) -> Source | None:
        source = super().split(split)
        return None if source is None else Unreadable(source)


class Unreadable(Watched):
    """Sample 5 is broken."""

    def read(self, index: int, size: int | None = None) -> Sample:
        if index == 5:
            raise BadFile(self.id(index), "is broken")
        return super().read(index, size)


class PartlyLabelled(EveryKind):
    """Of six shapes, three have a label, four their boxes, and one nothing."""

    def split(self, split: Split) -> ArraySource:
        source = super().split(split)
        rows = np.arange(len(source)) % 6
        label = np.where(np.isin(rows, (1, 4, 5)), IGNORE_LABEL, source.targets["label"])
        boxes = [
            None if row in (2, 5) else b
            for row, b in zip(rows, source.targets["boxes"], strict=True)
        ]
        columns = {**source.targets, "label": label, "boxes": boxes}
        return ArraySource(source.images, source.ids, columns, self.targets)


class PlainBackbone(Backbone):
    """Two convolutions without normalisation: a batch's gradient is the mean of its samples'."""

    def __init__(self, weights: str | None = "none") -> None:
        stages: dict[str, nn.Module] = {
            "first": nn.Sequential(nn.Conv2d(3, 6, 3, 2, 1), nn.Tanh()),
            "second": nn.Sequential(nn.Conv2d(6, 8, 3, 2, 1), nn.Tanh()),
        }
        super().__init__(stages, (Stage("first", 6, 2), Stage("second", 8, 4)))


class NormedBackbone(PlainBackbone):
    """The same with batch statistics."""

    def __init__(self, weights: str | None = "none") -> None:
        super().__init__(weights)
        for stage, channels in ((self.stages["first"], 6), (self.stages["second"], 8)):
            stage.insert(1, nn.BatchNorm2d(channels))


class FailingHead(Classification):
    """Its loss is not a number from the given call on."""

    def __init__(self, *, fail_at: int, **options: Any) -> None:
        super().__init__(**options)
        self.fail_at = fail_at
        self.calls = 0

    def loss(self, raw: Tensor, labels: Any) -> Tensor:
        self.calls += self.training
        loss = super().loss(raw, labels)
        return loss * float("nan") if self.training and self.calls >= self.fail_at else loss


class ScriptedMetrics(HeadMetrics):
    """``exact`` is 0.5; ``rmse`` is what the script says, one value after the other.

    A negative one stands for a metric that isn't there, as of a class that nothing shows.
    """

    def __init__(self, names: Sequence[str], script: Sequence[float]) -> None:
        super().__init__()
        self.names = tuple(names)
        self.script = list(script)

    def update(self, prediction: Any, labels: Any) -> None:
        pass

    def compute(self) -> dict[str, Tensor]:
        rmse = self.script.pop(0) if len(self.script) > 1 else self.script[0]
        values = {"exact": 0.5, "rmse": rmse}
        there = [name for name in self.names if not values[name] < 0]
        return {name: torch.tensor(float(values[name])) for name in there}

    def reset(self) -> None:
        pass


class ScriptedHead(Classification):
    """Classification whose metrics are told beforehand."""

    def __init__(self, *, script: Sequence[float], metrics: Sequence[str], **options: Any) -> None:
        super().__init__(metrics=["accuracy"], **options)
        self.metrics = tuple(metrics)
        self.script = script

    def make_metrics(self) -> Any:
        return ScriptedMetrics(self.metrics, self.script)


DATA = """\
# Partial labels.
defaults:
  - _common
  - /head@_global_.heads.a: classification
  - /head@_global_.heads.b: classification
  - _self_
_target_: training_kit.{name}
targets: {{a: label, b: label}}
suggested: {{name: partial, tasks: [a, b], image_size: 16}}
train: 20
val: 10
test: 10
"""
BACKBONE = """\
# {name}, two convolutions.
_target_: training_kit.{name}Backbone
weights: none
mean: [0.5, 0.5, 0.5]
std: [0.25, 0.25, 0.25]
stride: 4
"""
HEAD = """\
# Fails on request.
defaults: [classification, _self_]
_target_: training_kit.FailingHead
fail_at: 1
"""


SCRIPTED = """\
# Metrics told beforehand.
_target_: training_kit.ScriptedHead
kind: label
target: null
weight: 1.0
metrics: [exact, rmse]
larger_is_better:
  exact: [0, 1]
smaller_is_better:
  rmse: [0, null]
script: [0.5]
"""


PARTLY = """\
# Shapes with partial labels.
defaults: [every_kind, _self_]
_target_: training_kit.PartlyLabelled
"""


def write_conf(folder: Path) -> Path:
    """Write the configs above: ``data=alternating``, ``backbone=plain``, ``head=failing``, ..."""
    for name, content in {
        "data/alternating.yaml": DATA.format(name="Alternating"),
        "data/counting.yaml": DATA.format(name="Counting"),
        "data/broken.yaml": DATA.format(name="OneBroken"),
        "data/partly.yaml": PARTLY,
        "backbone/plain.yaml": BACKBONE.format(name="Plain"),
        "backbone/normed.yaml": BACKBONE.format(name="Normed"),
        "head/failing.yaml": HEAD,
        "head/speed.yaml": SCRIPTED,
    }.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    return write(folder)


class Recorder(L.Callback):
    """Remembers each batch's ids and labelled tasks, and the weights after it."""

    def __init__(self) -> None:
        self.ids: list[list[str]] = []
        self.tasks: list[set[str]] = []
        self.weights: list[dict[str, Tensor]] = []

    def on_train_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        self._keep(pl_module)

    def on_train_batch_end(
        self, trainer: L.Trainer, pl_module: L.LightningModule, outputs: Any, batch: Any, _: int
    ) -> None:
        self.ids.append(batch.ids)
        self.tasks.append(set(batch.targets))
        self._keep(pl_module)

    def _keep(self, module: L.LightningModule) -> None:
        state = module.state_dict()
        self.weights.append({k: v.clone() for k, v in state.items() if k.startswith("network")})


def fit(
    cfg: DictConfig, folder: Path, *callbacks: L.Callback, loggers: Sequence[Logger] = ()
) -> tuple[MultiTaskModule, L.Trainer]:
    """Only the training of a run, with callbacks and loggers of the test's own."""
    quiet_lightning()
    torch.manual_seed(cfg.seed)
    data = build_data(cfg)
    data.prepare_data()
    network = build_network(cfg, data.targets)
    look_at_labels(network, data)
    module = build_module(cfg, network)
    trainer = build_trainer(cfg, folder, list(callbacks), list(loggers))
    trainer.fit(module, datamodule=data)
    return module, trainer


def checkpoint(folder: Path, name: str) -> dict[str, Any]:
    """``best`` or ``last``, loaded without running any code of it."""
    found: dict[str, Any] = torch.load(folder / "checkpoints" / f"{name}.ckpt", weights_only=True)
    return found


def save_as_run(folder: Path, cfg: DictConfig, network: Network) -> Path:
    """A folder with the checkpoint that a run with these weights would have left; the folder."""
    state = {f"network.{name}": value for name, value in network.state_dict().items()}
    targets = {network.target_names[t]: network.head(t).target.plain for t in network.tasks}
    about = {"settings": container(cfg), "targets": targets, "epoch": 0, "metrics": {}}
    (folder / "checkpoints").mkdir(parents=True)
    torch.save({"state_dict": state, "mtl": about}, folder / "checkpoints" / "best.ckpt")
    return folder


def same_weights(left: Mapping[str, Tensor], right: Mapping[str, Tensor]) -> bool:
    """Equal to the last digit."""
    assert left.keys() == right.keys()
    return all(torch.equal(value, right[name]) for name, value in left.items())
