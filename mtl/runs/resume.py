"""Where a training goes on, and with what a new one begins."""

from pathlib import Path
from typing import Any

from omegaconf import DictConfig

from mtl.config.instantiate import container, make
from mtl.config.kinds import named_kinds
from mtl.data.loading.module import MultiTaskData
from mtl.errors import UserError
from mtl.learning.checkpoints import read_checkpoint, refuse_misfit, trained_targets
from mtl.learning.first_look import look_at_labels
from mtl.learning.init.base import Init
from mtl.learning.module import MultiTaskModule
from mtl.terminal import say
from mtl.words import some


def taken_up(
    cfg: DictConfig, data: MultiTaskData, module: MultiTaskModule, last: Path | None, tells: bool
) -> int | None:
    """The step that a run goes on from; None of a new one.

    The heads of a new one look at the labels first, and then it gets its first weights.

    Args:
        cfg: the whole configuration.
        data: prepared; it will begin where the run was left.
        module: with fresh weights.
        last: the checkpoint to go on from, if there is one.
        tells: whether this process speaks.

    Raises:
        UserError: the data's classes or the network aren't those of the checkpoint, or see
            ``Init.begin``.
    """
    if last is None:
        look_at_labels(module.network, data)
        init: Init = make(container(cfg.init), Init)
        for line in init.begin(module.network):
            if tells:
                say(line)
        return None
    saved = _left(cfg, data, module, last)
    # Of an epoch that it left half way, it has seen so many batches; older versions never did.
    seen = int(saved["mtl"].get("batches", 0))
    data.first_epoch, data.first_batch = int(saved["epoch"]) + (seen == 0), seen
    return int(saved["global_step"])


def _left(
    cfg: DictConfig, data: MultiTaskData, module: MultiTaskModule, last: Path
) -> dict[str, Any]:
    """The checkpoint that a run goes on from.

    Raises:
        UserError: the classes that it began with have changed, or the network has.
    """
    saved = read_checkpoint(last)
    for name, target in trained_targets(last, named_kinds(cfg), saved).items():
        now = data.targets.get(name)
        if now is not None and now != target:
            raise UserError(
                f"{last} was trained on other classes of {name}: {some(target.titles)}; the "
                f"data now has {some(now.titles)}; begin a new run"
            )
    refuse_misfit(last, saved, module)
    return saved
