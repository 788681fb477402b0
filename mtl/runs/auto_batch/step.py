"""One step of a run, taken by a network of its own, to see what memory it takes."""

import gc
from pathlib import Path

import torch
from omegaconf import DictConfig

from mtl.config.backbones import without_first_weights
from mtl.data.loading.module import MultiTaskData
from mtl.learning.build import MakeModule, build_module
from mtl.learning.trainer import build_trainer
from mtl.model.build import build_network
from mtl.runs.auto_batch.memory import begin, peak
from mtl.runs.faults.memory import out_of_memory

ALONE = {
    "devices": 1,
    "num_nodes": 1,
    "compile": False,
    "profiler": None,
    "max_steps": -1,
    "min_epochs": None,
    "min_steps": None,
    "max_time": None,
    "check_val_every_n_epoch": 1,
    "val_check_interval": None,
    "limit_val_batches": 0,
    "total_batch": None,
    "sync_batchnorm": False,
}
"""What of the trainer's node is otherwise than in the run: one process, one step, and no more."""


def step_peak(
    cfg: DictConfig,
    folder: Path,
    data: MultiTaskData,
    device: torch.device,
    batches: int,
    make_module: MakeModule,
) -> int | None:
    """Bytes at the peak of a training's first step; None where they aren't there.

    Everything trains in it, whatever ``unfreezing`` says, as it may later on.

    Args:
        cfg: with the number of samples as ``batch_size``.
        folder: of the run, in which nothing is written.
        data: prepared; its loaders give so many samples as long as this takes.
        device: that trains.
        batches: that are accumulated.
        make_module: see ``build_module``.

    Raises:
        UserError: the data is at fault.
    """
    tried = cfg.copy()
    tried.epochs, tried.callbacks = 1, {}
    place = {"_target_": "pytorch_lightning.strategies.SingleDeviceStrategy", "device": str(device)}
    own = {"strategy": place, "limit_train_batches": batches, "accumulate_grad_batches": batches}
    for key, value in {**ALONE, **own}.items():
        tried.trainer[key] = value
    without_first_weights(tried)
    before = data.batch_size, data.workers, data.whole_steps
    data.batch_size, data.workers, data.whole_steps = cfg.batch_size, 0, False
    begin(device)
    try:
        module = build_module(tried, build_network(tried, data.targets), make_module)
        build_trainer(tried, folder, [], []).fit(module, datamodule=data)
        return peak(device)
    except Exception as error:
        if out_of_memory(error, cfg) is None:
            raise
        return None
    finally:
        data.batch_size, data.workers, data.whole_steps = before
        data.trainer = None
        gc.collect()
