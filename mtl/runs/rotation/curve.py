"""Metrics and feature error over the angle by which a split's images are turned."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, cast

import torch

from mtl.data.augmentation.batch import BatchAugmenter
from mtl.data.augmentation.spec import Augmentation
from mtl.data.batch import Batch
from mtl.data.loading.module import MultiTaskData
from mtl.data.sample import Target
from mtl.model.backbone.base import Features
from mtl.model.head.base import HeadMetrics
from mtl.model.network import Network
from mtl.model.views.placement import Placement
from mtl.model.views.turn_back import back


@dataclass
class Curve:
    """What was measured.

    Args:
        angles: degrees, counter-clockwise.
        metrics: full name less the split (``box/iou``) to one value per angle.
        errors: task to one equivariance error per angle: how far the features of the turned image,
            turned back, are from those of the image, relative to these (Lenc & Vedaldi, 2015).
    """

    angles: list[float]
    metrics: dict[str, list[float]] = field(default_factory=dict)
    errors: dict[str, list[float]] = field(default_factory=dict)


def turner(angle: float, settings: Augmentation, targets: Mapping[str, Target]) -> BatchAugmenter:
    """What turns a batch of uint8 images with their targets by one angle.

    Args:
        angle: degrees.
        settings: for ``fill``, ``rotated_boxes`` and ``min_visibility``, so that turned targets
            are made as those of training.
        targets: what the targets of the batches mean.
    """
    kept = {key: getattr(settings, key) for key in ("fill", "rotated_boxes", "min_visibility")}
    return BatchAugmenter(Augmentation(angles=(angle,), **kept), targets)


@torch.no_grad()
def rotation_curve(
    network: Network,
    data: MultiTaskData,
    batches: Iterable[Batch],
    angles: Sequence[float],
    device: torch.device,
) -> Curve:
    """Turn every image by every angle, and evaluate.

    Args:
        network: with its trained weights, in evaluation mode, on ``device``.
        data: normalises the batches.
        batches: of uint8 images, all of a split; gone through once.
        angles: degrees, counter-clockwise.
        device: where to compute.

    Returns:
        Metrics of each angle over the whole split, and the mean error of the features at the
        network's coarsest stride.
    """
    turners = [turner(angle, data.augmentation, data.targets) for angle in angles]
    metrics: list[dict[str, HeadMetrics]] = [
        {task: network.head(task).make_metrics().to(device) for task in network.tasks}
        for _ in angles
    ]
    sums = {task: [[0.0, 0.0] for _ in angles] for task in network.tasks}
    for batch in batches:
        data.note_broken(batch.broken)
        if len(batch) == 0:
            continue
        moved = replace(batch.to(device), copy=torch.zeros(len(batch), dtype=torch.int64))
        still = network.features(data.finish(moved, training=False).image)
        for place, (angle, turn) in enumerate(zip(angles, turners, strict=True)):
            turned = data.finish(cast(Batch, turn(moved)), training=False)
            features, outputs = _run(network, turned)
            for task, (decision, labels) in outputs.items():
                metrics[place][task].update(decision, labels)
            for task, found in features.items():
                error, size = feature_error(found, still[task], angle)
                sums[task][place][0] += error
                sums[task][place][1] += size
    curve = Curve(list(angles))
    for task in network.tasks:
        if all(size > 0 for _, size in sums[task]):
            curve.errors[task] = [(error / size) ** 0.5 for error, size in sums[task]]
        for place in range(len(angles)):
            for name, value in metrics[place][task].compute().items():
                curve.metrics.setdefault(f"{task}/{name}", []).append(float(value))
    return curve


def _run(network: Network, batch: Batch) -> tuple[dict[str, Features], dict[str, Any]]:
    """Features of one pass, and of each labelled task the decisions and labels."""
    seen: list[dict[str, Features]] = []
    hook = network.fusion.register_forward_hook(lambda *call: seen.append(call[2]))
    try:
        outputs = network.labelled_outputs(batch)
    finally:
        hook.remove()
    decisions = network.decisions(batch, outputs)
    return seen[0], {task: (decisions[task], labels) for task, (_, labels) in outputs.items()}


def feature_error(turned: Features, still: Features, angle: float) -> tuple[float, float]:
    """Squared distance between features of a turned image, turned back, and those of the image.

    Args:
        turned: stride to (B, C, h, w) of the turned image; the coarsest stride counts.
        still: of the image.
        angle: degrees.

    Returns:
        The sum over the cells that can be seen in both, and the squared size of ``still`` there.
    """
    stride = max(still)
    reference = still[stride].float()
    size = (reference.shape[-2], reference.shape[-1])
    placement = Placement.turned(angle)
    there, shown = back(turned[stride].float(), [placement], size)
    # On a map of a few cells none may be seen whole; then those count that are seen best.
    whole = (shown[0] > shown[0].max() - 1e-4).float()
    there = there / shown[0].clamp(min=1e-6)
    distance = ((there[0] - reference) * whole).square().sum()
    return float(distance), float((reference * whole).square().sum())
