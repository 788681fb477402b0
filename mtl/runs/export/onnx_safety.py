"""What an ONNX file of unknown origin must not hold, looked for before anything runs it.

ONNX has no code of its own. What is left are other files that it may name, operators that would
have to be loaded, and small files that fill the memory.
"""

import math
from collections.abc import Iterator
from pathlib import Path

import onnx
from onnx import AttributeProto, GraphProto, ModelProto, NodeProto, TensorProto, numpy_helper

from mtl.errors import BadFile

MOST_VALUES = 2**29
"""Of a tensor that a graph makes out of nothing: 2 GB of float32."""
SHAPED = {"ConstantOfShape": 0, "Expand": 1, "Tile": 1}
"""Operators whose result is as large as a small input says, and the place of that input."""
HELD = ("float_data", "int32_data", "int64_data", "double_data", "uint64_data", "string_data")


def refuse_hostile(model: ModelProto, path: Path) -> None:
    """Look through all graphs of a model, those inside of others too.

    Args:
        model: parsed, and nothing else.
        path: for messages.

    Raises:
        BadFile: it holds what no export of ours holds.
    """
    own = {(function.domain, function.name) for function in model.functions}
    nodes = [*_nodes(model.graph)]
    nodes += [inner for function in model.functions for n in function.node for inner in _within(n)]
    constants: dict[str, TensorProto] = {}
    for tensor in _tensors(model.graph, nodes):
        _refuse_tensor(tensor, path)
        constants[tensor.name] = tensor
    for node in nodes:
        if node.domain not in ("", "ai.onnx") and (node.domain, node.op_type) not in own:
            raise BadFile(
                path, f"needs {node.domain}::{node.op_type}, which is no operator of ONNX"
            )
        if node.op_type == "Constant":
            for attribute in node.attribute:
                if attribute.HasField("t"):
                    constants[node.output[0]] = attribute.t
        _refuse_large(node, constants, path)


def _nodes(graph: GraphProto) -> Iterator[NodeProto]:
    for node in graph.node:
        yield from _within(node)


def _within(node: NodeProto) -> Iterator[NodeProto]:
    """A node and those of the graphs in its attributes."""
    yield node
    for attribute in node.attribute:
        for graph in _graphs(attribute):
            yield from _nodes(graph)


def _graphs(attribute: AttributeProto) -> list[GraphProto]:
    return [*attribute.graphs, *([attribute.g] if attribute.HasField("g") else [])]


def _tensors(graph: GraphProto, nodes: list[NodeProto]) -> Iterator[TensorProto]:
    graphs = [graph, *(g for node in nodes for a in node.attribute for g in _graphs(a))]
    for one in graphs:
        yield from one.initializer
        for sparse in one.sparse_initializer:
            yield from (sparse.values, sparse.indices)
    for node in nodes:
        for attribute in node.attribute:
            yield from attribute.tensors
            if attribute.HasField("t"):
                yield attribute.t


def _refuse_tensor(tensor: TensorProto, path: Path) -> None:
    if tensor.data_location == TensorProto.EXTERNAL or tensor.external_data:
        raise BadFile(
            path, f"its tensor {tensor.name} lies in another file, where mtl export puts none"
        )
    items = math.prod(tensor.dims)
    held = max(len(getattr(tensor, field)) for field in HELD)
    if tensor.HasField("raw_data"):
        try:
            kind = onnx.helper.tensor_dtype_to_np_dtype(tensor.data_type)
        except KeyError as error:
            raise BadFile(path, f"its tensor {tensor.name} is of no known type") from error
        held = len(tensor.raw_data) // kind.itemsize
    if min(tensor.dims, default=0) < 0 or items > held:
        raise BadFile(
            path, f"its tensor {tensor.name} has {items} values by name, and {held} in fact"
        )


def _refuse_large(node: NodeProto, constants: dict[str, TensorProto], path: Path) -> None:
    """Of what an operator makes out of constants alone, before anything goes in."""
    place = SHAPED.get(node.op_type)
    if place is None or place >= len(node.input) or node.input[place] not in constants:
        return
    sides = numpy_helper.to_array(constants[node.input[place]]).ravel().tolist()
    if math.prod(max(1, int(side)) for side in sides) > MOST_VALUES:
        raise BadFile(path, f"its {node.op_type} makes a tensor of {sides}, which is too large")
