"""Static int8: weights and activations in 8 bits, by ONNX Runtime's quantiser."""

from collections.abc import Sequence

from onnx import ModelProto
from onnxruntime.quantization import QuantType
from onnxruntime.quantization.calibrate import TensorsData
from onnxruntime.quantization.qdq_quantizer import QDQQuantizer
from onnxruntime.quantization.quant_utils import add_dequant_output_suffix

from mtl.runs.compression.quantize.layers import BETWEEN, WEIGHTED


def in_int8(
    model: ModelProto, ranges: TensorsData, nodes: Sequence[str], reduce_range: bool
) -> ModelProto:
    """The graph with these nodes computed in integers.

    Activations are unsigned with a zero point, weights signed and symmetric, channel by channel
    (Jacob et al., Quantization and training of neural networks for efficient
    integer-arithmetic-only inference, 2018). The file says so in pairs of QuantizeLinear and
    DequantizeLinear, which ONNX Runtime turns into integer operators.

    Args:
        model: prepared; not changed.
        ranges: of the tensors around the nodes.
        nodes: their names; none leave the graph as it is.
        reduce_range: whether weights take 7 of the 8 bits.
    """
    copy = ModelProto()
    copy.CopyFrom(model)
    if not nodes:  # the quantiser takes none for all
        return copy
    quantiser = QDQQuantizer(
        copy,
        per_channel=True,
        reduce_range=reduce_range,
        weight_qType=QuantType.QInt8,
        activation_qType=QuantType.QUInt8,
        tensors_range=ranges,
        nodes_to_quantize=list(nodes),
        nodes_to_exclude=[],
        op_types_to_quantize=[*WEIGHTED, *BETWEEN],
        extra_options={"WeightSymmetric": True},
    )
    made: ModelProto = quantiser.quantize_model()
    _leave_others_alone(made, set(nodes))
    return made


def _leave_others_alone(model: ModelProto, nodes: set[str]) -> None:
    """Give what stays float the exact values, where there are any.

    The quantiser rounds what goes into a node in int8 for everybody who takes it.
    """
    rounded = {name for node in model.graph.node if node.name in nodes for name in node.output}
    exact = {
        add_dequant_output_suffix(node.input[0]): node.input[0]
        for node in model.graph.node
        if node.op_type == "QuantizeLinear" and node.input[0] not in rounded
    }
    for node in model.graph.node:
        if node.name not in nodes:
            for place, name in enumerate(node.input):
                node.input[place] = exact.get(name, name)
