"""What the package's heads keep, by the kind of what they decide."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn import functional as F

from mtl.data.batch import BoxBatch, Labelled
from mtl.data.sample import IGNORE_PIXEL
from mtl.model.curves.coco import OVERLAPS
from mtl.model.curves.matching import same_class
from mtl.model.curves.overlap import Overlap, objects_of, of_boxes
from mtl.model.head.box_errors import FOUND, box_errors
from mtl.model.head.detection_metrics import countable
from mtl.model.head.detections import Detections
from mtl.model.head.keypoint_errors import keypoint_errors
from mtl.model.samples.base import Columns


def class_columns(prediction: Tensor, labels: Labelled) -> Columns:
    """The likeliest class with its probability, and the truth with its own.

    Args:
        prediction: (n, C) probabilities.
        labels: (n,) classes.
    """
    truth, scores = _tensor(labels).cpu(), prediction.float().cpu()
    best = scores.max(1)
    return {
        "predicted": best.indices.int().numpy(),
        "probability": best.values.numpy(),
        "truth": truth.int().numpy(),
        "of_truth": scores.gather(1, truth[:, None]).squeeze(1).numpy(),
    }


def one_hot_columns(prediction: Tensor, labels: Labelled) -> Columns:
    """All probabilities (n, C), and 1 for the class (n,) that is true."""
    truth = F.one_hot(_tensor(labels), prediction.shape[1])
    return score_columns(prediction, Labelled(labels.index, truth))


def score_columns(prediction: Tensor, labels: Labelled) -> Columns:
    """All probabilities (n, C), and what is true: 1, 0, or -1 for unknown."""
    truth = _tensor(labels).to(torch.int8)
    return {"scores": prediction.float().cpu().numpy(), "truth": truth.cpu().numpy()}


def number_columns(prediction: Tensor, labels: Labelled) -> Columns:
    """Numbers (n, K) of (n, K, ...), and the true ones, NaN for unknown."""
    truth = _tensor(labels)
    return {
        "said": prediction[..., 0].float().cpu().numpy(),
        "truth": truth.float().cpu().numpy(),
    }


def box_columns(prediction: Tensor, labels: Labelled, metric: str, side: int) -> Columns:
    """The metric of each box, its IoU, whether that is 0.5 or more, and the two boxes.

    Args:
        prediction: (n, 4) xyxy pixels.
        labels: likewise.
        metric: of ``iou``, ``mae``, ``mse``, ``recall50``.
        side: of the picture, pixels.
    """
    truth = _tensor(labels)
    each = box_errors(prediction, truth)
    iou = each["iou"].cpu().numpy()
    return {
        "value": each[metric].cpu().numpy(),
        "quality": iou,
        "right": iou >= FOUND,
        "said_box": _in_shares(prediction.float().cpu().numpy(), side),
        "true_box": _in_shares(truth.cpu().numpy(), side),
    }


def keypoint_columns(prediction: Tensor, labels: Labelled, metric: str, side: int) -> Columns:
    """The metric of each object, and which share of its known keypoints was found.

    Args:
        prediction: (n, K, 3) x, y in pixels, and score.
        labels: (n, K, 3) x, y in pixels, and visibility.
        metric: of ``pck``, ``nme``.
        side: of the picture, pixels.
    """
    each = keypoint_errors(prediction, _tensor(labels), side)
    return {"value": each[metric].cpu().numpy(), "quality": each["pck"].cpu().numpy()}


def overlap_columns(prediction: Tensor, labels: Labelled) -> Columns:
    """Pixels of each class that are hit, said and true; ignored ones don't count.

    Args:
        prediction: (n, K, H, W) probabilities.
        labels: (n, H, W) classes.
    """
    said, truth = prediction.max(1).indices, _tensor(labels).long()
    known = truth != IGNORE_PIXEL
    masks = {"hits": known & (said == truth), "predicted": known, "truth": known}
    of = {"hits": truth, "predicted": said, "truth": truth}
    classes = range(prediction.shape[1])
    return {
        name: torch.stack([(mask & (of[name] == index)).sum((1, 2)) for index in classes], dim=1)
        .int()
        .cpu()
        .numpy()
        for name, mask in masks.items()
    }


def detection_columns(
    prediction: Sequence[Detections],
    labels: Labelled,
    classes: int,
    side: int,
    overlap: Overlap = of_boxes,
) -> Columns:
    """Detections that count, with a bit for each IoU threshold at which they are of an object.

    Args:
        prediction: n images' detections.
        labels: their objects.
        classes: how many.
        side: of the picture, pixels.
        overlap: of what the IoU is.
    """
    truth = labels.on_cpu.value
    assert isinstance(truth, BoxBatch)
    names = ("label", "score", "matched", "said_boxes", "true_boxes")
    rows: dict[str, list[np.ndarray]] = {name: [] for name in names}
    found, objects = [], []
    for row, own in enumerate(countable([one.cpu() for one in prediction], truth)):
        boxes, there = objects_of(truth, row)
        label, said = own.labels.numpy(), own.boxes.float().numpy()
        places = same_class(overlap(own, truth, row), label, there, OVERLAPS)
        counts = places[:, 0] > -2
        bits = ((places >= 0) << np.arange(len(OVERLAPS))).sum(1)
        rows["label"].append(label[counts].astype(np.int32))
        rows["score"].append(own.scores.float().numpy()[counts])
        rows["matched"].append(bits[counts].astype(np.int16))
        rows["said_boxes"].append(_in_shares(said[counts], side))
        by_class = np.argsort(there, kind="stable")
        rows["true_boxes"].append(_in_shares(boxes[by_class], side))
        found.append(int(counts.sum()))
        objects.append(np.bincount(there, minlength=classes))
    return {
        **{name: np.concatenate(parts) for name, parts in rows.items()},
        "found": np.array(found, np.int32),
        "objects": np.array(objects, np.int32),
    }


def _in_shares(boxes: npt.NDArray[np.float32], side: int) -> npt.NDArray[np.float16]:
    """Half precision is a twentieth of a pixel in a picture of a hundred, enough to be drawn."""
    return (boxes / side).astype(np.float16)


def _tensor(labels: Labelled) -> Tensor:
    assert isinstance(labels.value, Tensor)
    return labels.value
