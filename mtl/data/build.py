"""From a checked configuration to the data module."""

from omegaconf import DictConfig

from mtl.config.instantiate import container, make, without
from mtl.data.augmentation.spec import Augmentation
from mtl.data.loading.module import MultiTaskData
from mtl.data.preprocess.base import Preprocess
from mtl.data.sources.base import DataSet

LOADING_KEYS = ("limit", "workers", "on_error", "cache", "cache_dir")
DATA_FRAMEWORK_KEYS = ("targets", "suggested", *LOADING_KEYS)


def build_data(cfg: DictConfig) -> MultiTaskData:
    """The data module; nothing is read from disk yet.

    Args:
        cfg: the whole configuration.
    """
    data_set = make(without(cfg.data, DATA_FRAMEWORK_KEYS), DataSet, image_size=cfg.image_size)
    return MultiTaskData(
        data_set=data_set,
        preprocess=make(container(cfg.preprocess), Preprocess, image_size=cfg.image_size),
        augmentation=make(container(cfg.augmentation), Augmentation),
        batch_size=cfg.batch_size,
        seed=cfg.seed,
        **{key: cfg.data[key] for key in LOADING_KEYS},
    )
