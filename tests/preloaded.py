"""What the server of ``fresh.py`` imports before it forks: all that a training needs."""

import albumentations
import matplotlib.figure
import pytorch_lightning
import torch
import torch.utils.tensorboard
import torchmetrics.detection
import torchvision

import mtl.model.backbone.timm_model
import mtl.runs.train

__all__ = [
    "albumentations",
    "matplotlib",
    "mtl",
    "pytorch_lightning",
    "torchmetrics",
    "torchvision",
]
torch.set_num_threads(1)
