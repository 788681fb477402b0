"""``mtl compress steps=[weight_only]``: a smaller file that computes as before."""

from typing import TYPE_CHECKING

from mtl.runs.compression.base import Step, Workpiece
from mtl.runs.compression.onnx_result import check_packages, deliver, exported_model

if TYPE_CHECKING:
    from mtl.runs.compression.stored import Stored


class WeightOnly(Step):
    """An ONNX file whose weights are stored in 8 or 16 bits, and computed in float32.

    Args:
        stored: ``int8``, with one factor per output channel, or ``float16``.
    """

    makes_file = True

    def __init__(self, stored: "Stored") -> None:
        self.stored: Stored = stored

    def check(self, work: Workpiece) -> None:
        """See ``Step``: packages are there."""
        check_packages("weight_only")

    def apply(self, work: Workpiece) -> None:
        """See ``Step``; the network stays as it is, and ``weights_<stored>.onnx`` is the result."""
        model = exported_model(work)

        from mtl.runs.compression.stored import stored_small

        said = {"step": "weight_only", "weights": self.stored}
        deliver(work, stored_small(model, self.stored), f"weights_{self.stored}", said)
