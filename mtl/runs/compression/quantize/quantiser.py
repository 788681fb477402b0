"""A graph and all that is known of it before it is decided what gets 8 bits."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from onnx import ModelProto
from onnxruntime.quantization.calibrate import TensorsData

from mtl.runs.compression.quantize.calibration import Calibration, Pictures, tensor_ranges
from mtl.runs.compression.quantize.layers import GraphLayers, Layer
from mtl.runs.compression.quantize.prepared import prepared, trunk
from mtl.runs.compression.quantize.static import in_int8


@dataclass(frozen=True)
class Quantiser:
    """What a static quantisation takes.

    Args:
        model: prepared.
        trunk: its part up to the last layers.
        layers: of both.
        ranges: of their tensors.
        reduce_range: whether weights take 7 of the 8 bits.
        last_layers: whether the last layer of each head may get 8 bits, too.
    """

    model: ModelProto
    trunk: ModelProto
    layers: GraphLayers
    ranges: TensorsData
    reduce_range: bool = True
    last_layers: bool = False

    @classmethod
    def of(
        cls,
        model: ModelProto,
        batches: Sequence[Pictures],
        method: Calibration = "minmax",
        reduce_range: bool = True,
        last_layers: bool = False,
    ) -> Quantiser:
        """Prepare a graph and calibrate it.

        Args:
            model: as ``mtl export`` makes it; not changed.
            batches: real pictures to calibrate with.
            method: see ``tensor_ranges``.
            reduce_range: see the class.
            last_layers: see the class.
        """
        ready = prepared(model)
        layers = GraphLayers(ready)
        stem = trunk(ready, list(layers.ends))
        ranges = tensor_ranges(stem, batches, method)
        return cls(ready, stem, layers, ranges, reduce_range, last_layers)

    @property
    def candidates(self) -> list[Layer]:
        """The layers that may get 8 bits."""
        return [layer for layer in self.layers.all if self.last_layers or not layer.tasks]

    def int8(self, left_out: Collection[str] = ()) -> ModelProto:
        """The graph with all candidates but these in int8.

        Args:
            left_out: names of layers.
        """
        return self._of(self.model, [c for c in self.candidates if c.name not in left_out])

    def trunk_int8(self, chosen: Sequence[Layer]) -> ModelProto:
        """The trunk with these layers alone in int8."""
        return self._of(self.trunk, chosen)

    def _of(self, model: ModelProto, chosen: Sequence[Layer]) -> ModelProto:
        nodes = self.layers.with_neighbours(chosen)
        return in_int8(model, self.ranges, nodes, self.reduce_range)
