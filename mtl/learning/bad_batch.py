"""What is kept of a step whose loss is not finite, so that it can be gone through again."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from mtl.config.paths import NOT_FINITE
from mtl.files import write_json
from mtl.learning.checkpoint_file import write_checkpoint
from mtl.learning.interval import NotFinite

if TYPE_CHECKING:
    from mtl.learning.module import MultiTaskModule


def keep(bad: NotFinite, module: "MultiTaskModule") -> Path | None:
    """Write the step's batches and the network's weights of this moment.

    On the CPU these are the weights of the step. On a GPU, where losses are looked at now and then,
    they are of some steps later, as ``batch.json`` says.

    Args:
        bad: the step.
        module: in training.

    Returns:
        The folder; None in a process that doesn't write.
    """
    trainer = module.trainer
    if not trainer.is_global_zero:
        return None
    folder = Path(trainer.default_root_dir) / NOT_FINITE
    network = module.network
    write_json(
        folder / "batch.json",
        {
            "task": bad.task,
            "epoch": module.current_epoch + 1,
            "step": bad.step,
            "later": bad.later,
            "samples": bad.ids,
            "batches": bad.keys,
            "eval": [name for name, part in network.named_modules() if not part.training],
            "retired": sorted(network.retired),
        },
    )
    content: dict[str, Any] = {"state_dict": module.state_dict()}
    module.on_save_checkpoint(content)
    write_checkpoint(folder / "weights.ckpt", content)
    return folder
