"""Pictures of a training: a file in the run folder, and the same in every tracker."""

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytorch_lightning as L

from mtl.drawing.write import encoded_png
from mtl.files import write_whole
from mtl.learning.logger.tracker import Tracker, WrittenPicture


def log_picture(trainer: L.Trainer, file: str, tag: str, picture: npt.NDArray[np.uint8]) -> None:
    """Write a picture to ``figures/`` and to every tracker of a run.

    Args:
        trainer: of the run.
        file: name of the file, ending with ``.png``.
        tag: in the trackers.
        picture: (H, W, 3) uint8 RGB.
    """
    height, width = picture.shape[:2]
    path = Path(trainer.default_root_dir) / "figures" / file
    written = WrittenPicture(path, encoded_png(picture), height, width)
    write_whole(path, written.png)
    for logger in trainer.loggers:
        if isinstance(logger, Tracker):
            logger.add_picture(tag, written, trainer.global_step)
