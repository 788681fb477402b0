"""Pictures of a training: a file in the run folder, and the same in every tracker."""

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytorch_lightning as L

from mtl.drawing.write import encoded_png
from mtl.files import write_whole
from mtl.learning.fitting import in_training
from mtl.learning.logger.done_without import do_without
from mtl.learning.logger.tracker import Tracker, WrittenPicture

TIMES = 10
"""Of a picture that is drawn all the time trackers get so many; TensorBoard shows no more."""


def log_picture(
    trainer: L.Trainer, file: str, tag: str, picture: npt.NDArray[np.uint8], tracked: bool = True
) -> None:
    """Write a picture to ``figures/`` and to every tracker of a run.

    Args:
        trainer: of the run.
        file: name of the file, ending with ``.png``.
        tag: in the trackers.
        picture: (H, W, 3) uint8 RGB.
        tracked: whether trackers get it too.
    """
    height, width = picture.shape[:2]
    path = Path(trainer.default_root_dir) / "figures" / file
    written = WrittenPicture(path, encoded_png(picture), height, width)
    try:
        write_whole(path, written.png)
    except OSError as error:
        do_without(path.parents[1], "pictures", error)
        return
    for logger in trainer.loggers if tracked else ():
        if isinstance(logger, Tracker):
            logger.add_picture(tag, written, trainer.global_step)


def is_due(trainer: L.Trainer) -> bool:
    """Whether trackers get what this validation draws: ``TIMES`` of a training, evenly spread.

    The last one of its epochs is among them; outside of a training all are.

    Args:
        trainer: in an epoch.
    """
    each = trainer.check_val_every_n_epoch or 1
    number, total = (trainer.current_epoch + 1) // each, (trainer.max_epochs or 0) // each
    if not in_training(trainer) or total < 1:
        return True
    return number * TIMES // total > (number - 1) * TIMES // total
