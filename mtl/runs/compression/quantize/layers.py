"""What of an ONNX graph computes with weights, and what lies between."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from onnx import GraphProto, ModelProto, NodeProto, TensorProto, helper

WEIGHTED = ("Conv", "ConvTranspose", "Gemm", "MatMul")
"""Operators whose second input are weights."""
FUSED = ("Relu", "Clip")
"""Operators that an 8-bit layer does on the side: its range ends where they cut."""
BETWEEN = (*FUSED, "Add", "Concat", "MaxPool", "AveragePool", "GlobalAveragePool", "Resize")
"""Operators that ONNX Runtime has for 8 bits, where all that goes in has them."""


@dataclass(frozen=True)
class Layer:
    """What one weight does, in however many places.

    Args:
        name: of the module in the network, as far as the graph tells.
        nodes: names of the nodes that compute with it.
        tasks: for which it is a last one, behind which there is no other layer.
    """

    name: str
    nodes: tuple[str, ...]
    tasks: tuple[str, ...]


class GraphLayers:
    """The layers of a graph.

    Args:
        model: its nodes have names and lie in order, as those of ``prepared`` do.
    """

    def __init__(self, model: ModelProto) -> None:
        self._graph: GraphProto = model.graph
        self._weights = {
            tensor.name
            for tensor in model.graph.initializer
            if len(tensor.dims) > 1 and tensor.data_type == TensorProto.FLOAT
        }
        self._producers = {name: node for node in self._graph.node for name in node.output}
        self._ahead = self._leading_to(node for node in self._graph.node if self._weighted(node))
        self.ends: dict[str, tuple[str, ...]] = self._find_ends()
        """Outputs of the last layers, each with the tasks that it leads to."""
        self.all: tuple[Layer, ...] = self._find_layers()

    def _weighted(self, node: NodeProto) -> bool:
        return node.op_type in WEIGHTED and node.input[1] in self._weights

    def _leading_to(self, nodes: Iterable[NodeProto]) -> set[str]:
        """Names of all tensors that go into these nodes, directly or through others."""
        waiting, found = list(nodes), set[str]()
        while waiting:
            for name in waiting.pop().input:
                if name and name not in found:
                    found.add(name)
                    if name in self._producers:
                        waiting.append(self._producers[name])
        return found

    def _find_ends(self) -> dict[str, tuple[str, ...]]:
        tensors = {
            name
            for node in self._graph.node
            if self._weighted(node)
            for name in node.output
            if name not in self._ahead
        }
        tasks: dict[str, dict[str, None]] = {}
        for output in self._graph.output:
            task = output.name.rpartition(".")[0]
            for name in sorted(
                tensors & self._leading_to([helper.make_node("", [output.name], [])])
            ):
                tasks.setdefault(name, {})[task] = None
        return {name: tuple(found) for name, found in tasks.items()}

    def _find_layers(self) -> tuple[Layer, ...]:
        by_weight: dict[str, list[NodeProto]] = {}
        for node in self._graph.node:
            if self._weighted(node):
                by_weight.setdefault(node.input[1], []).append(node)
        return tuple(
            Layer(
                module_name(weight, nodes[0].name),
                tuple(node.name for node in nodes),
                tuple(dict.fromkeys(t for n in nodes for t in self.ends.get(n.output[0], ()))),
            )
            for weight, nodes in by_weight.items()
        )

    def with_neighbours(self, layers: Collection[Layer]) -> list[str]:
        """Names of the nodes that are computed in 8 bits where these layers are.

        Besides the layers that is what lies between them, but nothing behind a last one.
        """
        chosen = {name for layer in layers for name in layer.nodes}
        for node in self._graph.node:
            if node.op_type in BETWEEN and node.output[0] in self._ahead and _plain(node):
                values = [name for name in node.input if name in self._producers]
                feeding = [self._producers[name].name for name in values]
                constant = len(_data_inputs(node)) > len(values)
                if feeding and not constant and all(name in chosen for name in feeding):
                    chosen.add(node.name)
        return [node.name for node in self._graph.node if node.name in chosen]


def module_name(weight: str, node: str) -> str:
    """``ConvBnFusion_W_network.encoder.conv1.weight`` to ``encoder.conv1``; or the node's name."""
    _, _, name = weight.partition("network.")
    module, dot, _ = name.rpartition(".weight")
    return module if dot else node


def blocks(layers: Sequence[Layer]) -> dict[str, tuple[Layer, ...]]:
    """Layers of the same parent module together, by its name."""
    found: dict[str, list[Layer]] = {}
    for layer in layers:
        found.setdefault(layer.name.rpartition(".")[0] or layer.name, []).append(layer)
    return {name: tuple(members) for name, members in found.items()}


def _data_inputs(node: NodeProto) -> list[str]:
    """Inputs that aren't settings, such as the bounds of Clip or the sizes of Resize."""
    many = node.op_type in ("Add", "Concat")
    return list(node.input) if many else list(node.input[:1])


def _plain(node: NodeProto) -> bool:
    """Whether 8 bits in give 8 bits out, exactly: enlarging by repetition, say."""
    if node.op_type != "Resize":
        return True
    return any(a.name == "mode" and a.s == b"nearest" for a in node.attribute)
