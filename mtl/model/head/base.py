"""What every task brings: a head with its loss, its metrics and its drawing."""

from abc import ABC, abstractmethod
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from mtl.data.batch import Batch, Labelled
from mtl.data.preprocess.base import Frame
from mtl.data.preprocess.in_graph import TensorFrame
from mtl.data.sample import Target
from mtl.data.tile import Tile
from mtl.errors import UserError
from mtl.model.backbone.base import Features, Stage
from mtl.model.calibration.base import HeadCalibrator
from mtl.model.calibration.values import TaskCalibration
from mtl.model.curves.base import HeadCurves
from mtl.model.head.agreement import median, weighted_mean
from mtl.model.head.exported import Arrays, Deviation, ExportedTensor, differences
from mtl.model.head.pooled import Pooled
from mtl.model.samples.base import HeadSamples
from mtl.model.views.placement import Placement


class HeadMetrics(nn.Module, ABC):
    """The running metrics of one task over one split, of torchmetrics, which sync over ranks."""

    @abstractmethod
    def update(self, prediction: Any, labels: Labelled) -> None:
        """Count one batch.

        Args:
            prediction: what ``Head.predict`` returned for the labelled samples.
            labels: their targets; ``labels.index`` is to be ignored here.
        """

    @abstractmethod
    def compute(self) -> dict[str, Tensor]:
        """Metric name to scalar, in the order asked for; empty when nothing was counted."""

    @abstractmethod
    def reset(self) -> None:
        """Forget everything."""


class Head(nn.Module, ABC):
    """One task.

    A head gets the features of the labelled samples only, so that neither its loss nor its batch
    statistics see samples of other tasks.

    Subclasses take these arguments and add their own options, one per key of their yaml.

    Args:
        target: what the data labels for this task.
        stages: the features on offer, from fine to coarse, with channels and strides.
        image_size: side in pixels of the square picture that the network sees.
        metrics: names of the metrics to compute; the first is the task's main metric.
    """

    whole_objects: ClassVar[bool] = False
    """Whether objects have to be seen in one piece, as they aren't on tiles."""

    between_networks: ClassVar[bool] = True
    """Whether decisions of separately trained networks mean the same and can be combined."""

    stacks: ClassVar[bool] = False
    """Whether many heads of this very class may run as one, by ``torch.vmap`` over their weights.

    ``forward`` and ``loss`` then do the same whatever the values are, change no buffer, and look at
    neither ``target`` nor ``metrics``. A subclass has to say it anew."""

    coco_key: ClassVar[str | None] = None
    """Of ``record``, under which lie COCO's results: bbox, category_id and score each."""

    def __init__(
        self, target: Target, stages: Sequence[Stage], image_size: int, metrics: Sequence[str]
    ) -> None:
        super().__init__()
        self.target = target
        self.stages = tuple(stages)
        self.image_size = image_size
        self.metrics = tuple(metrics)
        self.calibration = TaskCalibration()

    def labels(self, batch: Batch, target_name: str) -> Labelled | None:
        """This task's labels in the batch, or None where no sample has one.

        Heads that use only part of a target (one box out of many) override this.
        """
        return batch.targets.get(target_name)

    def wanted(self, truth: Any) -> Any:
        """What of one sample's truth the task is asked for, as pictures show it; here all of it.

        Args:
            truth: a value of the target's kind; not changed.
        """
        return truth

    may_leave_out: ClassVar[bool] = False
    """Whether there can be objects that ``left_out`` counts."""

    def left_out(self, labels: Labelled) -> tuple[int, int]:
        """How many objects the head can't be taught, and how many there are.

        Args:
            labels: as ``labels`` returns them, in the network's picture.
        """
        return 0, 0

    def look_at(self, values: Iterable[Any]) -> None:
        """Look at the training split before the first step; here nothing is looked at.

        Heads override this that learn in terms of the split's statistics. These belong into
        buffers, so that a checkpoint has them.

        Args:
            values: of the target, of the kind's own type, in a spread order, as they are asked for.
        """

    @property
    def reads(self) -> Collection[int]:
        """Strides of the features that ``forward`` looks at; here those of all stages."""
        return [stage.stride for stage in self.stages]

    def make_equivariant(self) -> None:
        """See that the output turns with the features by quarter turns, where it has a place."""

    def narrow(self, kept: Mapping[int, Tensor]) -> None:
        """Read fewer channels from now on; here by every ``Pooled`` that the head has.

        Heads that read features by other layers override this.

        Args:
            kept: stride to (k,) int64, the channels that ``forward`` will get, ascending; all of
                ``reads`` are there.

        Raises:
            UserError: the head doesn't say how.
        """
        pooled = [module for module in self.modules() if isinstance(module, Pooled)]
        if not pooled:
            raise UserError(
                f"{type(self).__name__} doesn't say how it reads fewer channels: it needs narrow "
                "(see mtl.Head)"
            )
        for module in pooled:
            module.narrow(kept)

    @abstractmethod
    def forward(self, features: Features) -> Any:
        """Raw output, the input of ``loss`` and ``predict``: a Tensor or a dict of Tensors."""

    @abstractmethod
    def loss(self, raw: Any, labels: Labelled) -> Tensor:
        """Scalar float loss, the mean over the samples; 0-dimensional, with gradient.

        Args:
            raw: output of ``forward`` for the n labelled samples, in the order of ``labels.value``.
            labels: their targets.
        """

    def label_numbers(self, labels: Labelled) -> Tensor:
        """What the labels say of whole images, as numbers: (n, M) float, NaN where unknown.

        Here as the target's kind does it.

        Args:
            labels: as ``labels`` returns them.
        """
        return self.target.kind.numbers(labels.value, self.target)

    same_answers: ClassVar[bool] = True
    """Whether ``distillation`` needs the teacher's raw output in the shape of the student's own."""

    def distillation(self, raw: Any, taught: Any, temperature: float) -> Tensor:
        """How far raw output is from a teacher's on the same images; here nothing is known of it.

        Heads that can learn from a teacher override this (see ``soft_losses``).

        Args:
            raw: output of ``forward`` for n samples, labelled or not.
            taught: the teacher's output for them, of a head of the same class; without gradient.
            temperature: greater than 0, by which logits are divided before they are compared.

        Returns:
            Scalar float, the mean over the samples, of the size of ``loss``; at least 0, and 0 with
            a gradient of 0 where both are the same.
        """
        raise NotImplementedError(f"{type(self).__name__} has no distillation loss")

    def check_teacher(self, teacher: "Head") -> None:
        """See that own options don't keep the head from learning from a teacher; here none do.

        Args:
            teacher: of the same class, for the same classes.

        Raises:
            UserError: what both say would not compare.
        """

    @abstractmethod
    def predict(self, raw: Any) -> Any:
        """Raw output to decisions in the network's picture; see each head for the type."""

    def average(self, decisions: Sequence[Any], weights: Tensor) -> Any:
        """Decisions on the same n samples to one: their weighted mean, or what comes closest.

        Heads whose decisions are no single tensor override this.

        Args:
            decisions: M of what ``predict`` returns.
            weights: (M,) float, at least 0, with sum 1.
        """
        return weighted_mean(decisions, weights)

    def vote(self, decisions: Sequence[Any]) -> Any:
        """Decisions on the same n samples to what most of them say; here their median.

        Args:
            decisions: M of what ``predict`` returns, at least 2.
        """
        return median(decisions)

    def carry_back(self, decision: Any, placement: Placement) -> Any:
        """A decision on a turned or mirrored copy of the images, in the images' own frame.

        Heads whose decisions have a place override this.

        Args:
            decision: what ``predict`` returns.
            placement: where the copy lies in the image.
        """
        return decision

    @property
    def output_count(self) -> int:
        """How many outputs ``put_together`` shares out."""
        return len(self.target.classes)

    def put_together(self, raws: Sequence[Any]) -> Any:
        """Raw outputs of M networks to one whose share number m of the outputs is network m's.

        The outputs of a network are the columns (dimension 1) of ``forward``'s tensor.

        Args:
            raws: M outputs of ``forward`` for the same n samples.
        """
        shares = [raw.tensor_split(len(raws), dim=1)[m] for m, raw in enumerate(raws)]
        return torch.cat(shares, dim=1)

    any_size: ClassVar[bool] = False
    """Whether decisions are the same kind of thing whatever the picture's size, which an exported
    file then may leave open."""

    @property
    def exports(self) -> Mapping[str, ExportedTensor]:
        """What an exported file holds of the task, by name; here the tensor of ``predict``."""
        return {"value": ExportedTensor((), "what the head decides, in the network's picture")}

    def exported(self, prediction: Any, frame: TensorFrame | None) -> dict[str, Tensor]:
        """A decision as the tensors that ``exports`` names, of shapes that don't depend on values.

        Heads whose decisions are no single tensor override this, and those whose decisions have a
        place.

        Args:
            prediction: what ``predict`` returns for B samples.
            frame: where the network's picture lies in the images, where these are what goes into
                the graph: what has a place is to be given in their pixels. None: in the picture's.

        Raises:
            UserError: there is no such tensor.
        """
        if not isinstance(prediction, Tensor):
            raise UserError(
                f"{type(self).__name__} doesn't say as which tensors its decisions are exported: "
                "it needs exports and exported (see mtl.Head)"
            )
        return {"value": prediction}

    def from_exported(self, tensors: Mapping[str, Tensor], frame: Frame | None = None) -> Any:
        """The decision that ``exported`` made tensors of, in the network's picture.

        Heads whose decisions are no single tensor override this, and those whose decisions have a
        place.

        Args:
            tensors: what ``exports`` names, for n samples.
            frame: where the network's picture lies in the images, all of one size, where the
                tensors are in their pixels. None: they are in the picture's.

        Raises:
            UserError: it isn't known what the tensors mean.
            ValueError: they hold what the head never says.
        """
        if len(tensors) != 1:
            raise UserError(
                f"{type(self).__name__} doesn't say what its exported tensors mean: it needs "
                "from_exported (see mtl.Head)"
            )
        (value,) = tensors.values()
        return value

    @property
    def thresholds(self) -> Mapping[str, float]:
        """The numbers by which decisions are made of scores, by name."""
        return {}

    @property
    def class_thresholds(self) -> Sequence[float]:
        """Of each class the score from which on it is there; none where no score decides that.

        Those of ``calibration``, which is not part of the weights, go before the head's own.
        """
        return ()

    def make_calibrator(self) -> HeadCalibrator | None:
        """What finds ``calibration`` on a split; None where the head has nothing to calibrate."""
        return None

    def tempered(self, prediction: Any) -> Any:
        """A decision at the temperature of ``calibration``, with the order of its scores kept.

        Here as it is: heads override this whose scores are to say how often they are right.

        Args:
            prediction: what ``predict`` returned, or several of these combined to one.
        """
        return prediction

    def differences(self, eager: Arrays, file: Arrays) -> Sequence[Deviation]:
        """How far an exported file is from torch on B samples.

        Args:
            eager: what ``exported`` gives, as torch computes it.
            file: the same as the exported file computes it.
        """
        return differences(self.exports, eager, file)

    @abstractmethod
    def make_metrics(self) -> HeadMetrics:
        """Fresh metrics for one split."""

    def make_curves(self) -> HeadCurves | None:
        """Fresh tables and curves for one split; here there are none."""
        return None

    def make_samples(self) -> HeadSamples | None:
        """What is kept of each sample where a run is asked for it; here nothing.

        The task's main metric has to be had from it.
        """
        return None

    @abstractmethod
    def unbatch(self, prediction: Any) -> list[Any]:
        """What ``predict`` returned, sample by sample, on the CPU."""

    def some(self, prediction: Any, rows: Sequence[int]) -> Any:
        """What ``predict`` would have returned for some of the samples.

        Here of tensors and lists that run over the samples, and mappings of these.

        Args:
            prediction: for n samples.
            rows: their numbers.
        """
        if isinstance(prediction, Mapping):
            return {key: self.some(value, rows) for key, value in prediction.items()}
        if isinstance(prediction, Tensor):
            return prediction[list(rows)]
        return [prediction[row] for row in rows]

    def to_original(self, prediction: Any, frame: Frame) -> Any:
        """One sample's prediction from the network's picture to the original image.

        Here as the target's kind does it; heads that decide in other terms override this.
        """
        return self.target.kind.to_original(prediction, frame)

    @property
    def joins_tiles(self) -> bool:
        """Whether predictions on tiles of an image can be put together; here, as the kind can."""
        return self.target.kind.joins_tiles

    def from_tiles(self, predictions: Sequence[Any], tiles: Sequence[Tile]) -> Any:
        """Predictions on overlapping tiles of an image to one on the image.

        Here as the target's kind does it; heads that decide in other terms override this.

        Args:
            predictions: what ``to_original`` gave for each tile, in the pixels of the tile.
            tiles: that together are the image.
        """
        return self.target.kind.from_tiles(predictions, tiles)

    def captions(self, prediction: Any) -> list[str]:
        """What there is to say in words about one sample's prediction, line by line."""
        return []

    def draw(self, canvas: npt.NDArray[np.uint8], prediction: Any) -> npt.NDArray[np.uint8]:
        """Draw what has a place in the image of one sample's prediction; captions come later.

        Args:
            canvas: (H, W, 3) uint8 RGB in whose frame the prediction is given; not changed.
            prediction: one item of ``unbatch``.
        """
        return canvas

    @abstractmethod
    def record(self, prediction: Any) -> Mapping[str, Any]:
        """One sample's prediction as plain JSON values; arrays (masks) stay numpy arrays."""
