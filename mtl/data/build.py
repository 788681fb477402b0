"""From a checked configuration to the data module."""

from omegaconf import DictConfig

from mtl.config.data_keys import LOADING_KEYS
from mtl.config.instantiate import container, make
from mtl.config.mixture import augmentations_of
from mtl.config.total_batch import AUTO
from mtl.data.augmentation.spec import Augmentation
from mtl.data.data_set import build_data_set
from mtl.data.image_format import format_of
from mtl.data.loading.module import MultiTaskData
from mtl.data.preprocess.base import Preprocess
from mtl.errors import UserError


def build_data(cfg: DictConfig) -> MultiTaskData:
    """The data module; nothing is read from disk yet.

    Args:
        cfg: the whole configuration.

    Raises:
        UserError: ``batch_size`` is no number, which only a training finds.
    """
    if cfg.batch_size == AUTO:
        raise UserError("batch_size=auto: is found by mtl train alone; write batch_size=N")
    nodes = augmentations_of(container(cfg.data), container(cfg.augmentation))
    return MultiTaskData(
        data_set=build_data_set(cfg),
        preprocess=make(container(cfg.preprocess), Preprocess, image_size=cfg.image_size),
        augmentation=make(container(cfg.augmentation), Augmentation),
        augmentations={name: make(node, Augmentation) for name, node in nodes.items()},
        batch_size=cfg.batch_size,
        seed=cfg.seed,
        whole_steps=cfg.trainer.get("total_batch") is not None,
        images=format_of(cfg.data),
        # Runs of older versions have fewer of them.
        **{key: cfg.data[key] for key in LOADING_KEYS if key in cfg.data},
    )
