"""Weights that are stored in less than they are computed in."""

from typing import Literal

import numpy as np
import numpy.typing as npt
from onnx import GraphProto, ModelProto, NodeProto, TensorProto, helper, numpy_helper

Stored = Literal["int8", "float16"]
Parts = tuple[list[TensorProto], list[NodeProto]]
"""What takes the place of a tensor: those that are stored, and the nodes that make it of them."""
LEAST = 256
"""Values of a weight that is worth it."""
STEPS = 127
OUTPUT_AXES = {"Conv": 0, "ConvTranspose": 1, "MatMul": -1}
"""Operator to the axis of its weight's output channels; of Gemm ``transB`` tells."""


def stored_small(model: ModelProto, form: Stored) -> ModelProto:
    """The graph with its large weights in 8 or 16 bits, computed in float32 as before.

    Each weight comes out of a Cast, and for int8 of a product with one factor per output channel.
    ONNX Runtime does that once, when it opens a file; DequantizeLinear it would do for every image.

    Args:
        model: not changed.
        form: ``int8``, symmetric with 127 steps to either side, or ``float16``, for weights that
            have no value beyond its range.
    """
    copy = ModelProto()
    copy.CopyFrom(model)
    graph = copy.graph
    axes = _axes(graph)
    made: list[NodeProto] = []
    for tensor in [t for t in graph.initializer if t.name in axes]:
        values = numpy_helper.to_array(tensor)
        if form == "int8":
            parts = _in_steps(tensor.name, values, axes[tensor.name])
        elif np.abs(values).max() <= np.finfo(np.float16).max:
            parts = _cast(tensor.name, values.astype(np.float16), tensor.name)
        else:
            continue
        graph.initializer.remove(tensor)
        graph.initializer.extend(parts[0])
        made += parts[1]
    nodes = [*made, *graph.node]
    del graph.node[:]
    graph.node.extend(nodes)
    return copy


def _axes(graph: GraphProto) -> dict[str, int]:
    """Name of each large weight to the axis of its output channels."""
    large = {
        tensor.name
        for tensor in graph.initializer
        if tensor.data_type == TensorProto.FLOAT and np.prod(tensor.dims) >= LEAST
    }
    found: dict[str, int] = {}
    for node in graph.node:
        if len(node.input) < 2 or node.input[1] not in large:
            continue
        axis = OUTPUT_AXES.get(node.op_type)
        if node.op_type == "Gemm":
            turned = any(a.name == "transB" and a.i for a in node.attribute)
            axis = 0 if turned else 1
        if axis is not None:
            found.setdefault(node.input[1], axis)
    return found


def _cast(name: str, values: npt.NDArray[np.generic], result: str) -> Parts:
    stored = numpy_helper.from_array(values, f"{name}_stored")
    node = helper.make_node("Cast", [stored.name], [result], f"{name}_cast", to=TensorProto.FLOAT)
    return [stored], [node]


def _in_steps(name: str, values: npt.NDArray[np.float32], axis: int) -> Parts:
    others = tuple(a for a in range(values.ndim) if a != axis % values.ndim)
    step = np.abs(values).max(axis=others, keepdims=True) / STEPS
    # A channel of zeros has any step.
    step = np.where(step > 0, step, 1).astype(np.float32)
    whole = np.round(values / step).clip(-STEPS, STEPS).astype(np.int8)
    tensors, nodes = _cast(name, whole, f"{name}_steps")
    size = numpy_helper.from_array(step, f"{name}_step")
    product = helper.make_node("Mul", [f"{name}_steps", size.name], [name], f"{name}_product")
    return [*tensors, size], [*nodes, product]
