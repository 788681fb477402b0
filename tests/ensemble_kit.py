"""Networks with an ensemble, and decisions of two streams."""

import functools

import torch
from omegaconf import DictConfig, OmegaConf, open_dict

from mtl.config.load import load
from mtl.config.member_files import node_of
from mtl.data.batch import Labelled
from mtl.data.sample import Target
from mtl.model.backbone.base import Stage
from mtl.model.build import build_network
from mtl.model.head.classification import Classification
from mtl.model.network import Network

STAGES = (Stage("a", 8, 4), Stage("b", 8, 8))
TARGETS = {
    "label": Target("label", ("x", "y", "z")),
    "boxes": Target("boxes", ("x", "y")),
    "mask": Target("mask", ("ground", "x", "y")),
}
BASE = [
    "tasks=[classification,segmentation,box,detection]",
    "backbone.width=4",
    "image_size=32",
    "heads.segmentation.channels=8",
    "heads.detection.channels=32",
    "heads.detection.convs=0",
    "heads.detection.score_threshold=0",
    "heads.detection.candidates=50",
    "heads.detection.detections=20",
]


def classification(**options) -> Classification:
    return Classification(
        target=TARGETS["label"], stages=STAGES, image_size=16, label_smoothing=0.0, **options
    )


def labelled(*classes: int) -> Labelled:
    return Labelled(torch.arange(len(classes)), torch.tensor(classes))


@functools.cache
def base(encoder: str) -> DictConfig:
    return load([*BASE, f"encoder={encoder}"])


def configured(ensemble: str = "none", encoder: str = "shared", **options: object) -> DictConfig:
    """As the command line would have it, but without composing everything again."""
    cfg = base(encoder).copy()
    node = node_of("ensemble", ensemble)
    with open_dict(cfg):
        cfg.ensemble = OmegaConf.merge(node, options)
    return cfg


def network(ensemble: str = "none", encoder: str = "shared", **options: object) -> Network:
    torch.manual_seed(0)
    return build_network(configured(ensemble, encoder, **options), TARGETS).eval()


LOGITS = torch.randn(6, 3, generator=torch.Generator().manual_seed(1))
LABELS = labelled(0, 2, 1)
