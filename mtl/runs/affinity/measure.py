"""A training of its own in which affinity is measured."""

import tempfile
from pathlib import Path

import pytorch_lightning as L
from omegaconf import DictConfig, open_dict

from mtl.data.build import build_data
from mtl.learning.build import build_callbacks, build_module
from mtl.learning.first_look import look_at_labels
from mtl.learning.quiet import quiet_lightning
from mtl.learning.refusals import refusals
from mtl.learning.trainer import build_trainer
from mtl.model.build import build_network
from mtl.runs.affinity.probe import Affinity, AffinityProbe


def measure(cfg: DictConfig, every: int, rate: float) -> Affinity:
    """Train as the run did, in one process, without validation and without leaving anything.

    Args:
        cfg: the run's configuration; ``epochs`` says how long.
        every: batches from one look to the next.
        rate: learning rate of the step that is looked at.

    Raises:
        UserError: there is one task, or tasks share nothing.
    """
    quiet_lightning()
    cfg = cfg.copy()
    with open_dict(cfg):
        cfg.trainer.limit_val_batches = 0
    cfg.trainer.devices, cfg.trainer.strategy = 1, "auto"
    for name, callback in cfg.callbacks.items():
        callback.enabled = callback.enabled and name == "progress"
    L.seed_everything(cfg.seed, verbose=False)
    data = build_data(cfg)
    data.prepare_data()
    data.required("train")
    network = build_network(cfg, data.targets)
    look_at_labels(network, data)
    module = build_module(cfg, network)
    probe = AffinityProbe(every, rate)
    with tempfile.TemporaryDirectory() as folder:
        trainer = build_trainer(cfg, Path(folder), [*build_callbacks(cfg), probe], [])
        with refusals():
            trainer.fit(module, datamodule=data)
    return probe.result(network.tasks)
