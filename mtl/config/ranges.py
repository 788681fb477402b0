"""The values that keys may have, by dotted pattern; the first pattern that fits holds.

A rule of a member holds for the package's own classes alone.
"""

from collections.abc import Mapping
from fnmatch import fnmatchcase
from functools import cache
from typing import Any

from mtl.config.nearest import in_words
from mtl.config.rules import Rule, anything, choice, each, either, number, text
from mtl.config.trainer_keys import PRECISIONS
from mtl.errors import UserError

PROBABILITY = number(0, 1)
FRACTION = number(0, 1, below=True)
COUNT = number(1, whole=True)
NATURAL = number(0, whole=True)
POSITIVE = number(0, above=True)
NOT_NEGATIVE = number(0)

FRAMEWORK: dict[str, Rule] = {
    # First, since a metric may be called like an option.
    "heads.*.larger_is_better.*": each(number(words=(None,)), length=2),
    "heads.*.smaller_is_better.*": each(number(words=(None,)), length=2),
    "seed": number(0, 2**32 - 1, whole=True),
    "epochs": COUNT,
    "batch_size": COUNT,
    "image_size": number(8, whole=True),
    "lr": POSITIVE,
    "data.limit": number(1, whole=True, words=(None,)),
    "data.workers": number(0, whole=True, words=("auto",)),
    "data.cache_size": POSITIVE,
    "data.max_megapixels": POSITIVE,
    "data.on_error": choice("raise", "skip"),
    "backbone.mean": each(PROBABILITY, length=3),
    "backbone.std": each(POSITIVE, length=3),
    "backbone.stride": COUNT,
    "backbone.rotation": choice("none", "filters"),
    "backbone.rotation_pool": choice("max", "mean"),
    "heads.*.weight": NOT_NEGATIVE,
    "optimizer.stage_decay": number(0, 1, above=True),
    "optimizer.backbone_factor": number(0, words=("auto",)),
}
"""Of keys that the framework reads itself, whatever member was chosen."""

MEMBERS: dict[str, Rule] = {
    "data.orientation": choice("upright", "free"),
    "data.train": COUNT,
    "data.val": COUNT,
    "data.test": COUNT,
    "data.seed": NATURAL,
    "data.min_objects": number(1, 8, whole=True),
    "data.max_objects": number(1, 8, whole=True),
    "data.val_fraction": FRACTION,
    "data.test_fraction": FRACTION,
    "data.split_seed": NATURAL,
    "data.year": number(2007, 2012, whole=True),
    "data.others": choice("error", "drop"),
    "data.masks": choice("indices", "binary"),
    "preprocess.fit": choice("stretch", "letterbox"),
    "preprocess.mean": each(PROBABILITY, length=3),
    "preprocess.std": each(POSITIVE, length=3),
    "preprocess.kernel": number(3, whole=True),
    "preprocess.clip_limit": POSITIVE,
    "preprocess.sharpen": PROBABILITY,
    "augmentation.engine": choice("auto", "sample", "batch"),
    "augmentation.hflip": PROBABILITY,
    "augmentation.vflip": PROBABILITY,
    "augmentation.rotate": number(0, 180),
    "augmentation.shift": PROBABILITY,
    "augmentation.zoom": FRACTION,
    "augmentation.shear": PROBABILITY,
    "augmentation.brightness": PROBABILITY,
    "augmentation.contrast": PROBABILITY,
    "augmentation.angles": each(number(-360, 360)),
    "augmentation.min_visibility": PROBABILITY,
    "augmentation.rotated_boxes": choice("largest_box", "ellipse"),
    "augmentation.fill": number(0, 255, whole=True),
    "backbone.width": COUNT,
    "backbone.depth": COUNT,
    "backbone.stem": choice("imagenet", "cifar"),
    "backbone.stem_stride": choice(1, 2),
    "views.angles": each(number(), least=1),
    "views.factors": each(POSITIVE, least=1),
    "views.grid": number(2, whole=True),
    "views.overlap": FRACTION,
    "views.names": each(choice("rgb", "gray", "edges", "hsv", "contrast"), least=1),
    "views.adapter": choice("repeat", "learned"),
    "views.mean": each(PROBABILITY, length=3),
    "views.std": each(POSITIVE, length=3),
    "fusion.exchange": choice("none", "concat", "attention"),
    "fusion.hidden": COUNT,
    "encoder.stages": each(text(), least=1, null=True),
    "encoder.own": PROBABILITY,
    "encoder.at": text(null=True),
    "encoder.reduction": COUNT,
    "encoder.experts": COUNT,
    "encoder.shared_experts": COUNT,
    "encoder.task_experts": COUNT,
    "encoder.count": number(2, whole=True),
    "encoder.networks": COUNT,
    "encoder.distance": choice("l1", "l2", "none"),
    "encoder.tied_stages": each(either(text(), number(whole=True))),
    "encoder.backbones": each(anything),
    "heads.*.dimension": COUNT,
    "heads.*.margin": POSITIVE,
    "heads.*.loss": choice("contrastive", "triplet", "triplet_all"),
    "heads.*.label_smoothing": FRACTION,
    "heads.*.dropout": FRACTION,
    "heads.*.pool": choice("avg", "max"),
    "heads.*.positive_weights": each(NOT_NEGATIVE, null=True),
    "heads.*.dice": NOT_NEGATIVE,
    "heads.*.channels": COUNT,
    "heads.*.grid": COUNT,
    "heads.*.hidden": NATURAL,
    "heads.*.delta": POSITIVE,
    "heads.*.delta_unit": choice("share", "pixel"),
    "heads.*.strides": each(COUNT, least=1),
    "heads.*.convs": NATURAL,
    "heads.*.focal_alpha": PROBABILITY,
    "heads.*.focal_gamma": NOT_NEGATIVE,
    "heads.*.class_weights": each(NOT_NEGATIVE, null=True),
    "heads.*.score_threshold": PROBABILITY,
    "heads.*.draw_threshold": PROBABILITY,
    "heads.*.candidates": COUNT,
    "heads.*.detections": COUNT,
    "heads.*.nms": PROBABILITY,
    "optimizer.betas": each(FRACTION, length=2),
    "optimizer.momentum": FRACTION,
    "optimizer.weight_decay": NOT_NEGATIVE,
    "ensemble.weights": each(NOT_NEGATIVE, least=2),
    "unfreezing.stages": each(text(), least=1, null=True),
    "unfreezing.every": number(1, whole=True, words=(None,)),
    "unfreezing.patience": COUNT,
    "unfreezing.min_delta": NOT_NEGATIVE,
    "weighting.every": COUNT,
    "weighting.at": either(text(), each(text(), least=1)),
    "weighting.normalise": choice("none", "l2", "loss", "loss_plus"),
    "weighting.c": NOT_NEGATIVE,
    "weighting.max_norm": NOT_NEGATIVE,
    "weighting.gamma": NOT_NEGATIVE,
    "weighting.rho": NOT_NEGATIVE,
    "weighting.beta": PROBABILITY,
    "weighting.leak": PROBABILITY,
    "weighting.warmup": COUNT,
    "weighting.temperature": POSITIVE,
    "weighting.mu": POSITIVE,
    "weighting.rate": POSITIVE,
    "weighting.alpha": NOT_NEGATIVE,
    "weighting.warmup_epochs": NATURAL,
    "weighting.decay": NOT_NEGATIVE,
    "weighting.power": NOT_NEGATIVE,
    "scheduler.warmup": PROBABILITY,
    "scheduler.floor": PROBABILITY,
    "scheduler.rise": number(0, 1, above=True, below=True),
    "scheduler.start": number(0, 1, above=True),
    "scheduler.factor": number(0, 1, above=True, below=True),
    "scheduler.patience": NATURAL,
    "scheduler.min_lr": NOT_NEGATIVE,
    "trainer.accelerator": choice("auto", "cpu", "gpu", "cuda", "mps"),
    "trainer.devices": number(-1, whole=True, words=("auto",)),
    "trainer.gradient_clip_val": number(0, above=True, words=(None,)),
    "trainer.accumulate_grad_batches": COUNT,
    "trainer.log_every_n_steps": COUNT,
    "trainer.check_val_every_n_epoch": COUNT,
    "trainer.limit_epochs": number(1, whole=True, words=(None,)),
    "trainer.limit_train_batches": number(0, above=True, words=(None,)),
    "trainer.deterministic": choice(True, False, "warn"),
    "trainer.precision": choice(*PRECISIONS),
    "trainer.matmul_precision": choice("highest", "high", "medium"),
    "trainer.gradient_clip_algorithm": choice("norm", "value"),
    "trainer.compile": either(choice(True, False), text()),
    "trainer.benchmark": choice(True, False, None),
    "trainer.num_nodes": COUNT,
    "trainer.max_steps": number(-1, whole=True),
    "trainer.min_steps": number(1, whole=True, words=(None,)),
    "trainer.min_epochs": number(1, whole=True, words=(None,)),
    "trainer.limit_predict_batches": number(0, words=(None,)),
    "callbacks.checkpoint.monitors": either(choice("tasks"), each(text())),
    "callbacks.*.patience": COUNT,
    "callbacks.*.min_delta": NOT_NEGATIVE,
    "callbacks.*.decay": number(0, 1, above=True, below=True),
    "callbacks.*.samples": NATURAL,
    "callbacks.*.worst": NATURAL,
    "callbacks.*.every": COUNT,
    "callbacks.curves.every": NATURAL,
    "logger.*.offline": choice("auto", True, False),
}
"""Of the options of this package's members; a user's own class of the same option has its own."""
PACKAGED = ("mtl.", "torch.", "pytorch_lightning.")
"""Where the classes lie that packaged members name."""


def rule_for(key: str, target: object = None) -> Rule | None:
    """The rule of a key.

    Args:
        key: dotted.
        target: ``_target_`` of the node that it lies in, None where there is none.
    """
    return _rule_for(key, packaged=target is None or str(target).startswith(PACKAGED))


@cache
def _rule_for(key: str, packaged: bool) -> Rule | None:
    for rules in (FRAMEWORK, MEMBERS) if packaged else (FRAMEWORK,):
        if key in rules:
            return rules[key]
        for pattern, rule in rules.items():
            if fnmatchcase(key, pattern):
                return rule
    return None


def check_ranges(node: Mapping[str, Any], prefix: str = "", target: object = None) -> None:
    """Hold every value to its rule.

    Args:
        node: values by key.
        prefix: what stands before the keys.
        target: see ``rule_for``.

    Raises:
        UserError: such as ``lr=-1: must be greater than 0``.
    """
    target = node.get("_target_", target)
    for key, value in node.items():
        dotted = f"{prefix}{key}"
        rule = rule_for(dotted, target)
        if rule is not None and (wrong := rule(value)):
            raise UserError(f"{dotted}={in_words(value)}: {wrong}")
        if isinstance(value, dict):
            check_ranges(value, f"{dotted}.", target)
