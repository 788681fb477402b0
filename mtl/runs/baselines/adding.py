"""The gain of a run that has ended already."""

from collections.abc import Mapping
from pathlib import Path

from omegaconf import DictConfig
from torch.utils.tensorboard import SummaryWriter

from mtl.files import read_json, write_json
from mtl.learning.checkpoints import read_checkpoint
from mtl.learning.logger.tags import tag_of
from mtl.processes import is_first_process
from mtl.runs.baselines.measured import Measured, measured, without_gain


def add_gain(cfg: DictConfig, folder: Path, baselines: Mapping[str, Path]) -> Measured:
    """Write the gain into a finished run's results.json, whole, and into its TensorBoard events.

    Of several processes the first one writes.

    Args:
        cfg: of the run.
        folder: of the run.
        baselines: task to the folder of its baseline.
    """
    results = read_json(folder / "results.json")
    metrics = without_gain(results["metrics"])
    found = measured(cfg, metrics, baselines)
    content = {**results, "metrics": {**metrics, **found.metrics}, "gain": found.entry}
    if is_first_process():
        write_json(folder / "results.json", content)
        if "tensorboard" in cfg.logger:
            _log(folder, found)
    return found


def _log(folder: Path, found: Measured) -> None:
    last = folder / "checkpoints" / "last.ckpt"
    step = int(read_checkpoint(last)["global_step"]) if last.exists() else 0
    with SummaryWriter(str(folder)) as writer:
        for name, value in found.metrics.items():
            writer.add_scalar(tag_of(name), value, step)
