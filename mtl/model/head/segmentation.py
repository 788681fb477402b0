"""A class for every pixel."""

from collections.abc import Mapping, Sequence
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torchmetrics.classification import MulticlassConfusionMatrix

from mtl.data.batch import Labelled
from mtl.data.preprocess.base import Frame
from mtl.data.preprocess.fit import out_of_picture
from mtl.data.preprocess.in_graph import TensorFrame
from mtl.data.sample import IGNORE_PIXEL, Target
from mtl.drawing.marks import draw_mask
from mtl.errors import UserError
from mtl.model.backbone.base import Stage
from mtl.model.calibration.classes import PixelCalibrator
from mtl.model.calibration.tempered import softmax_at
from mtl.model.curves.segmentation import SegmentationCurves
from mtl.model.head.agreement import plurality
from mtl.model.head.base import HeadMetrics
from mtl.model.head.dense import Decoder, Dense
from mtl.model.head.exported import Arrays, Deviation, ExportedTensor, share
from mtl.model.head.losses import cross_entropy, full_precision, soft_dice
from mtl.model.head.options import check_per_class, check_range, per_class_tensor
from mtl.model.head.pyramid_decoder import upsample
from mtl.model.head.scores import present, quietly, ratio
from mtl.model.head.soft_losses import softened_divergence
from mtl.model.samples.base import HeadSamples
from mtl.model.samples.columns import overlap_columns
from mtl.model.views.placement import Placement
from mtl.model.views.turn_back import back

METRICS = ("miou", "pixel_accuracy")

Mask = npt.NDArray[np.uint8]
"""(H, W) class indices."""
Probabilities = npt.NDArray[np.float32]
"""(K, H, W)."""


class SegmentationMetrics(HeadMetrics):
    """Mean intersection over union and pixel accuracy, from all pixels of the split together.

    The mean is over the classes that occur in a target or a prediction; ignored pixels count for
    neither.
    """

    def __init__(self, classes: Sequence[str], names: Sequence[str], per_class: bool) -> None:
        super().__init__()
        self.classes = tuple(classes)
        self.names = tuple(names)
        self.per_class = per_class
        self.confusion = MulticlassConfusionMatrix(
            len(classes), ignore_index=IGNORE_PIXEL, validate_args=False
        )

    def update(self, prediction: Tensor, labels: Labelled) -> None:
        """Count (n, K, H, W) probabilities."""
        assert isinstance(labels.value, Tensor)
        # Not argmax, which takes five times as long over a middle dimension on CPUs.
        self.confusion.update(prediction.max(1).indices, labels.value.long())

    def compute(self) -> dict[str, Tensor]:
        """Metric name to scalar."""
        confusion = quietly(self.confusion)
        hits = confusion.diag()
        iou = ratio(hits, confusion.sum(0) + confusion.sum(1) - hits)
        values = {
            "miou": iou.nanmean(),
            "pixel_accuracy": ratio(hits.sum(), confusion.sum()),
        }
        return present(
            {name: values[name] for name in self.names},
            {"iou": iou} if self.per_class else {},
            self.classes,
        )

    def reset(self) -> None:
        """Forget everything."""
        self.confusion.reset()


class Segmentation(Dense):
    """A class for every pixel by cross-entropy, and Dice where asked for.

    ``forward`` gives logits at the finest stride in use; ``predict`` gives (n, K, H, W)
    probabilities at the size of the network's picture. K counts the background.

    Args:
        target: a ``mask``.
        stages: see Head.
        image_size: see Head.
        metrics: of ``miou``, ``pixel_accuracy``.
        strides: see Dense.
        channels: see Dense.
        decoder: see Dense.
        label_smoothing: 0..1.
        class_weights: one factor per class.
        focal_gamma: exponent of the focal loss; 0 for plain cross-entropy.
        dice: weight of the Dice loss that is added; 0 for none.
        per_class: adds ``iou_<class>`` to the metrics.
    """

    class_weights: Tensor | None

    def __init__(
        self,
        *,
        target: Target,
        stages: Sequence[Stage],
        image_size: int,
        metrics: Sequence[str] = METRICS,
        strides: Sequence[int] = (4, 8, 16, 32),
        channels: int = 64,
        decoder: Decoder = "light",
        label_smoothing: float = 0.0,
        class_weights: Sequence[float] | None = None,
        focal_gamma: float = 0.0,
        dice: float = 0.0,
        per_class: bool = False,
    ) -> None:
        super().__init__(
            target=target,
            stages=stages,
            image_size=image_size,
            metrics=metrics,
            allowed=METRICS,
            outputs=len(target.classes),
            strides=strides,
            channels=channels,
            decoder=decoder,
        )
        check_range("segmentation", "label_smoothing", label_smoothing, 0, 1)
        check_range("segmentation", "focal_gamma", focal_gamma, 0)
        check_range("segmentation", "dice", dice, 0)
        check_per_class("segmentation", "class_weights", class_weights, target.classes)
        if len(target.classes) > IGNORE_PIXEL:
            raise UserError(
                f"segmentation: {len(target.classes)} classes; a mask can tell {IGNORE_PIXEL} apart"
            )
        self.label_smoothing = label_smoothing
        self.focal_gamma = focal_gamma
        self.dice = dice
        self.per_class = per_class
        weights = per_class_tensor(class_weights)
        self.register_buffer("class_weights", weights, persistent=False)

    def loss(self, raw: Tensor, labels: Labelled) -> Tensor:
        """Cross-entropy, the mean over the pixels that aren't ignored, plus Dice.

        0 with gradient where all pixels are ignored.
        """
        assert isinstance(labels.value, Tensor)
        mask = labels.value.long()
        logits = upsample(full_precision(raw), mask.shape[-2:])
        loss = cross_entropy(
            logits,
            mask,
            weight=self.class_weights,
            smoothing=self.label_smoothing,
            gamma=self.focal_gamma,
            ignore=IGNORE_PIXEL,
        )
        if self.dice:
            loss = loss + self.dice * soft_dice(logits, mask, IGNORE_PIXEL)
        return loss

    def distillation(self, raw: Tensor, taught: Tensor, temperature: float) -> Tensor:
        """Kullback-Leibler divergence in each pixel of the picture, the mean over all of them."""
        own, wanted = self.enlarged(raw), self.enlarged(taught)
        return softened_divergence(own, wanted, temperature).mean()

    def predict(self, raw: Tensor) -> Tensor:
        """Probabilities (n, K, image_size, image_size)."""
        return self.enlarged(raw).softmax(1)

    def vote(self, decisions: Sequence[Tensor]) -> Tensor:
        """Share of the votes in each pixel; ties go by the mean probability."""
        return plurality(decisions)

    def carry_back(self, decision: Tensor, placement: Placement) -> Tensor:
        """Turned back; a pixel that the copy doesn't show has the same probability for all classes.

        So it changes no order of classes in a mean, and abstains from a vote. A pixel shown in
        part is a mixture of both.
        """
        maps, shown = back(decision, [placement], (decision.shape[-2], decision.shape[-1]))
        return maps[0] + (1 - shown) / decision.shape[1]

    @property
    def exports(self) -> Mapping[str, ExportedTensor]:
        """The likeliest class of every pixel, and what it was chosen by."""
        return {
            "mask": ExportedTensor(("row", "column"), "index of the likeliest class", None),
            "probabilities": ExportedTensor(
                ("class", "row", "column"), "probability in 0..1, in the network's picture"
            ),
        }

    def exported(self, prediction: Tensor, frame: TensorFrame | None) -> dict[str, Tensor]:
        """See ``exports``; the mask is as large as the images."""
        if frame is None:
            mask = prediction.argmax(1)
        else:
            # Class by class, as in ``to_original``.
            best = frame.plane_to_original(prediction[:, 0])
            mask = torch.zeros_like(best, dtype=torch.int64)
            for index in range(1, prediction.shape[1]):
                plane = frame.plane_to_original(prediction[:, index])
                mask = torch.where(plane > best, index, mask)
                best = torch.maximum(plane, best)
        tempered = softmax_at(prediction, self.calibration.temperature)
        return {"mask": mask.to(torch.uint8), "probabilities": tempered}

    def from_exported(self, tensors: Mapping[str, Tensor], frame: Frame | None = None) -> Tensor:
        """The probabilities that ``predict`` gave, which are in the network's picture anyway."""
        return softmax_at(tensors["probabilities"], 1 / self.calibration.temperature)

    def differences(self, eager: Arrays, file: Arrays) -> Sequence[Deviation]:
        """Of the probabilities, and the share of pixels with another class."""
        pixels = share("mask, share of pixels", eager["mask"], file["mask"], 1e-4)
        return [*super().differences(eager, file), pixels]

    def make_calibrator(self) -> PixelCalibrator:
        """A temperature. Only curves and exported probabilities have it: no mask changes."""
        return PixelCalibrator(len(self.target.classes))

    def make_metrics(self) -> SegmentationMetrics:
        """Fresh metrics for one split."""
        return SegmentationMetrics(self.target.classes, self.metrics, self.per_class)

    def make_curves(self) -> SegmentationCurves:
        """Fresh ones for one split."""
        return SegmentationCurves(self.target.classes, self.calibration.temperature)

    def make_samples(self) -> HeadSamples:
        """Pixels of each class."""
        return HeadSamples("overlaps", overlap_columns)

    def unbatch(self, prediction: Tensor) -> list[Probabilities]:
        """N arrays of (K, H, W) probabilities."""
        return list(prediction.float().cpu().numpy())

    def to_original(self, prediction: Probabilities, frame: Frame) -> Mask:
        """The mask at the original's size, from probabilities resized bilinearly."""
        best = out_of_picture(prediction[0], frame, cv2.INTER_LINEAR)
        mask = np.zeros(best.shape, np.uint8)
        # Class by class: all of a large photograph's probabilities at once would fill the memory.
        # And into the same arrays: to get fresh ones would take as long as to fill them.
        plane, better = np.empty_like(best), np.empty_like(mask)
        for index, smaller in enumerate(prediction[1:], 1):
            out_of_picture(smaller, frame, cv2.INTER_LINEAR, plane)
            cv2.compare(plane, best, cv2.CMP_GT, better)
            np.maximum(mask, np.bitwise_and(better, index, out=better), out=mask)
            np.maximum(best, plane, out=best)
        return mask

    def draw(self, canvas: npt.NDArray[np.uint8], prediction: Probabilities | Mask) -> Mask:
        """Tint the pixels by class; takes (K, H, W) probabilities or an (H, W) mask."""
        return draw_mask(canvas, as_mask(prediction), IGNORE_PIXEL)

    def record(self, prediction: Probabilities | Mask) -> Mapping[str, Any]:
        """``mask``, an (H, W) uint8 array, and the names of its ``classes``."""
        return {"mask": as_mask(prediction), "classes": list(self.target.classes)}


def as_mask(prediction: Probabilities | Mask) -> Mask:
    """(K, H, W) probabilities to the (H, W) indices of the likeliest; a mask stays as it is."""
    if prediction.ndim == 2:
        return prediction.astype(np.uint8)
    mask: Mask = prediction.argmax(0).astype(np.uint8)
    return mask
