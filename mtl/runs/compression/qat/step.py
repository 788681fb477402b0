"""``mtl compress steps=[qat]``: training that gets used to int8, then static int8."""

from typing import Any

from mtl.runs.compression.base import Workpiece
from mtl.runs.compression.onnx_result import exported_model
from mtl.runs.compression.qat.fake import rounding
from mtl.runs.compression.quantize.step import Quantize
from mtl.words import counted


class QuantizationAware(Quantize):
    """Fine-tune with weights and activations rounded as in int8; then as ``Quantize``.

    Args:
        epochs: of fine-tuning.
        lr: largest learning rate.
        options: of ``Quantize``.
    """

    name = "qat"
    trains = True

    def __init__(self, epochs: int, lr: float, **options: Any) -> None:
        super().__init__(**options)
        self.epochs = epochs
        self.lr = lr

    def apply(self, work: Workpiece) -> None:
        """See ``Step``; the network has new weights, and ``int8.onnx`` is made of them."""
        model = exported_model(work)

        from mtl.runs.compression.quantize.layers import GraphLayers
        from mtl.runs.compression.quantize.prepared import prepared

        layers = GraphLayers(prepared(model)).all
        names = [layer.name for layer in layers if self.last_layers or not layer.tasks]
        with rounding(work.network, names, self.reduce_range) as found:
            work.say(f"  {counted(len(found), 'layer')} round in training")
            work.finetune(work.network, self.epochs, self.lr)
        super().apply(work)
