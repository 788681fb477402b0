"""Pictures of a training: a file in the run folder, and the same in TensorBoard."""

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytorch_lightning as L

from mtl.drawing.write import encoded_png
from mtl.files import write_whole
from mtl.learning.logger.tensorboard import RunTensorBoard


def log_picture(trainer: L.Trainer, file: str, tag: str, picture: npt.NDArray[np.uint8]) -> None:
    """Write a picture to ``figures/`` and to every TensorBoard of a run.

    Args:
        trainer: of the run.
        file: name of the file, ending with ``.png``.
        tag: in TensorBoard.
        picture: (H, W, 3) uint8 RGB.
    """
    png = encoded_png(picture)
    write_whole(Path(trainer.default_root_dir) / "figures" / file, png)
    for logger in trainer.loggers:
        if isinstance(logger, RunTensorBoard):
            logger.log_png(tag, png, picture.shape[:2], trainer.global_step)
