"""An average of the weights, used for validation and kept in checkpoints."""

from pytorch_lightning.callbacks import EMAWeightAveraging


class ExponentialAverage(EMAWeightAveraging):
    """Exponential moving average of all weights and buffers.

    Args:
        decay: of the average, per step, 0..1.
    """

    def __init__(self, decay: float) -> None:
        super().__init__(decay=decay)
