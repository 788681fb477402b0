"""From a checked configuration to the data module."""

from omegaconf import DictConfig

from mtl.config.instantiate import container, make, without
from mtl.data.augmentation.spec import Augmentation
from mtl.data.loading.module import MultiTaskData
from mtl.data.preprocess.base import Preprocess
from mtl.data.sources.base import DataSet

LOADING_KEYS = (
    "limit",
    "workers",
    "on_error",
    "max_megapixels",
    "cache",
    "cache_dir",
    "cache_size",
)
DATA_FRAMEWORK_KEYS = ("targets", "suggested", *LOADING_KEYS)


def build_data_set(cfg: DictConfig) -> DataSet:
    """The data set alone; nothing is read from disk yet."""
    node = without(cfg.data, DATA_FRAMEWORK_KEYS)
    data_set: DataSet = make(node, DataSet, image_size=cfg.image_size)
    return data_set


def build_data(cfg: DictConfig) -> MultiTaskData:
    """The data module; nothing is read from disk yet.

    Args:
        cfg: the whole configuration.
    """
    return MultiTaskData(
        data_set=build_data_set(cfg),
        preprocess=make(container(cfg.preprocess), Preprocess, image_size=cfg.image_size),
        augmentation=make(container(cfg.augmentation), Augmentation),
        batch_size=cfg.batch_size,
        seed=cfg.seed,
        # Runs of older versions have fewer of them.
        **{key: cfg.data[key] for key in LOADING_KEYS if key in cfg.data},
    )
