"""From a checked configuration to the data set alone."""

from omegaconf import DictConfig

from mtl.config.data_keys import DATA_FRAMEWORK_KEYS
from mtl.config.instantiate import make, without
from mtl.data.sources.base import DataSet


def build_data_set(cfg: DictConfig) -> DataSet:
    """The data set; nothing is read from disk yet, and neither Lightning nor loaders are needed."""
    node = without(cfg.data, DATA_FRAMEWORK_KEYS)
    data_set: DataSet = make(node, DataSet, image_size=cfg.image_size)
    return data_set
