"""The ranges of a graph's tensors on real images, by ONNX Runtime's calibrators."""

import contextlib
import io
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import onnx
from onnx import ModelProto
from onnxruntime.quantization import CalibrationDataReader, CalibrationMethod
from onnxruntime.quantization.calibrate import TensorsData, create_calibrator

from mtl.runs.compression.quantize.layers import BETWEEN, WEIGHTED

Calibration = Literal["minmax", "percentile", "entropy"]
METHODS: Mapping[Calibration, tuple[CalibrationMethod, dict[str, Any]]] = {
    "minmax": (CalibrationMethod.MinMax, {}),
    # By itself it would cut activations that are never negative at -max as well.
    "percentile": (CalibrationMethod.Percentile, {"percentile": 99.99, "symmetric": False}),
    # With ONNX Runtime's own number of bins there is but one threshold to choose.
    "entropy": (CalibrationMethod.Entropy, {"num_bins": 512}),
}
"""Name to ONNX Runtime's, with its options."""
Pictures = npt.NDArray[np.float32]
"""(B, 3, H, W), normalised, as they go into the graph."""


class OneBatch(CalibrationDataReader):  # type: ignore[misc]
    """Hands out a batch, once.

    Args:
        batch: see ``Pictures``.
    """

    def __init__(self, batch: Pictures) -> None:
        self._left: list[Pictures] = [batch]

    def get_next(self) -> dict[str, Pictures]:
        """The batch; then nothing."""
        return {"image": self._left.pop()} if self._left else {}


def tensor_ranges(
    model: ModelProto, batches: Iterable[Pictures], method: Calibration
) -> TensorsData:
    """Lower and upper end of what goes into and comes out of the nodes that may get 8 bits.

    Args:
        model: the trunk of a prepared graph.
        batches: real pictures.
        method: ``minmax`` takes all that occurs, ``percentile`` leaves out 0.01 % of the values,
            and ``entropy`` cuts where the distribution suffers least (Migacz, 8-bit inference with
            TensorRT, 2017).
    """
    kind, options = METHODS[method]
    with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stdout(io.StringIO()):
        path = Path(folder) / "trunk.onnx"
        onnx.save(model, path)
        calibrator = create_calibrator(
            path,
            [*WEIGHTED, *BETWEEN],
            str(Path(folder) / "augmented.onnx"),
            kind,
            extra_options=options,
        )
        # Batch by batch: it keeps every tensor of all images that it gets at a time.
        for batch in batches:
            calibrator.collect_data(OneBatch(batch))
        return calibrator.compute_data()
