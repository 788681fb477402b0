"""From ``batch_size=auto`` to a number, in the configuration of the run and in its folder."""

from omegaconf import DictConfig
from pytorch_lightning.utilities.seed import isolate_rng

from mtl.config.total_batch import per_process
from mtl.data.loading.module import MultiTaskData
from mtl.learning.build import MakeModule
from mtl.learning.trainer import build_trainer
from mtl.runs.auto_batch.memory import budget
from mtl.runs.auto_batch.search import MOST, largest, sizes_up_to
from mtl.runs.auto_batch.step import step_peak
from mtl.runs.folder import RunFolder
from mtl.runs.meeting import all_say
from mtl.runs.peak_memory import reset_peak_memory
from mtl.terminal import say


def settle_batch_size(
    cfg: DictConfig, run: RunFolder, data: MultiTaskData, make_module: MakeModule
) -> None:
    """Find the largest batch that fits into each process, and begin the run with it.

    What is measured is a step of another network on the run's own samples; random numbers are as
    they were.

    Args:
        cfg: the run's configuration; gets the number.
        run: its folder, whose ``config.yaml`` gets it, too.
        data: prepared; gets it as well.
        make_module: see ``build_module``.

    Raises:
        RunError: not even one sample fits.
        UserError: memory can't be measured here, or the data is at fault.
    """
    with isolate_rng():
        found, most = _found(cfg, run, data, make_module)
    size = min(int(said) for said in all_say("batch_size", str(found)))
    cfg.batch_size = data.batch_size = size
    run.note(cfg)
    reset_peak_memory()
    say(f"batch_size=auto: {size} fit{', more are not tried' if size == most else ''}")


def _found(
    cfg: DictConfig, run: RunFolder, data: MultiTaskData, make_module: MakeModule
) -> tuple[int, int]:
    """The size for this process, and the largest that was to be considered."""
    trainer = build_trainer(cfg, run.path, [], [])
    processes, device = trainer.world_size, trainer.strategy.root_device
    total = cfg.trainer.get("total_batch")
    share = None if total is None else per_process(total, processes)
    samples = len(data.loading("train", augment=True)) // processes
    sizes = sizes_up_to(max(1, min(MOST, samples)), share)
    image = 4 * data.images.channels * cfg.image_size**2

    def peak(size: int) -> int | None:
        tried = cfg.copy()
        tried.batch_size = size
        batches = cfg.trainer.accumulate_grad_batches if share is None else share // size
        used = step_peak(tried, run.path, data, device, min(2, batches), make_module)
        # All images of a step wait on the device together.
        return None if used is None else used + max(0, batches - 2) * size * image

    room = budget(device, trainer.num_devices)
    return largest(peak, sizes, room, tries=device.type == "cuda"), sizes[-1]
