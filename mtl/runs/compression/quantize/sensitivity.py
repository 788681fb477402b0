"""Which task pays for which layer: each alone in int8, and what that does to every task."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import onnxruntime
from onnx import ModelProto

from mtl.runs.compression.quantize.calibration import Pictures
from mtl.runs.compression.quantize.layers import Layer
from mtl.runs.compression.quantize.quantiser import Quantiser

Values = npt.NDArray[np.float32]
Outputs = Mapping[str, Values]
"""Tensor name to its values on some pictures."""


@dataclass(frozen=True)
class Sensitivity:
    """What each layer in int8 does to each task.

    Args:
        units: names of U layers, or of blocks of them.
        tasks: T names.
        noise: (U, T), by how much raw outputs of a task change, as a share of their spread: the
            root mean square of the change over the standard deviation. 0 where the layer is none
            of the task's.
    """

    units: tuple[str, ...]
    tasks: tuple[str, ...]
    noise: npt.NDArray[np.float64]


def sensitivity(
    quantiser: Quantiser, units: Mapping[str, Sequence[Layer]], batches: Sequence[Pictures]
) -> Sensitivity:
    """Measure, on the outputs of the tasks' last layers.

    Args:
        quantiser: of the graph.
        units: name to the layers that are quantised together, while all others are not.
        batches: pictures to look at.
    """
    ends = quantiser.layers.ends
    tasks = tuple(dict.fromkeys(task for found in ends.values() for task in found))
    exact = _outputs(quantiser.trunk, batches)
    rows = []
    for members in units.values():
        changed = _outputs(quantiser.trunk_int8(members), batches)
        shares = {name: noise_share(exact[name], changed[name]) for name in ends}
        rows.append(
            [np.sqrt(np.mean([shares[n] for n in ends if task in ends[n]])) for task in tasks]
        )
    return Sensitivity(tuple(units), tasks, np.array(rows).reshape(len(units), len(tasks)))


def noise_share(exact: Values, changed: Values) -> float:
    """Mean square of the change over the variance; of constants, over their square or 1."""
    wide = exact.astype(np.float64)
    change = float(np.square(changed - wide).mean())
    return change / (float(wide.var()) or float(np.square(wide).mean()) or 1.0)


def _outputs(model: ModelProto, batches: Sequence[Pictures]) -> Outputs:
    content = model.SerializeToString()
    session = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]
    found = [session.run(names, {"image": batch}) for batch in batches]
    parts = zip(names, zip(*found, strict=True), strict=True)
    return {name: np.concatenate(values) for name, values in parts}
