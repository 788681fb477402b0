"""Weights in 8 or 16 bits that are computed in float32."""

import numpy as np
from onnx import ModelProto, TensorProto, helper, numpy_helper

from mtl.runs.compression.stored import LEAST, stored_small
from mtl.runs.export.onnx_session import session

SIDE = 16


def product(weight: np.ndarray) -> ModelProto:
    """Pictures of one row by a matrix, (B, 16) to (B, 16)."""
    assert weight.size == LEAST
    graph = helper.make_graph(
        [helper.make_node("MatMul", ["image", "weight"], ["product"])],
        "main",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, ["batch", SIDE])],
        [helper.make_tensor_value_info("product", TensorProto.FLOAT, ["batch", SIDE])],
        [numpy_helper.from_array(weight.astype(np.float32), "weight")],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)


def computed(model: ModelProto) -> np.ndarray:
    """The weight, as the graph has it."""
    return session(model.SerializeToString())(np.eye(SIDE, dtype=np.float32))["product"]


def test_int8_has_one_step_per_output_channel() -> None:
    weight = np.zeros((SIDE, SIDE))
    weight[0, 0], weight[1, 0] = 127.0, 1.4  # steps of 1
    weight[0, 1], weight[1, 1] = 12.7, 1.44  # steps of 0.1
    found = computed(stored_small(product(weight), "int8"))
    np.testing.assert_allclose(found[:2, :2], [[127, 12.7], [1, 1.4]], rtol=1e-6)
    assert not found[2:].any()


def test_the_file_is_a_quarter_or_a_half() -> None:
    weight = np.random.default_rng(0).standard_normal((SIDE, SIDE))
    for form, share in (("int8", 4), ("float16", 2)):
        made = stored_small(product(weight), form)  # type: ignore[arg-type]
        sizes = {t.name: len(t.raw_data) for t in made.graph.initializer}
        assert sizes["weight_stored"] == 4 * LEAST / share
        np.testing.assert_allclose(computed(made), weight, atol=0.02)


def test_what_16_bits_can_not_hold_stays() -> None:
    weight = np.full((SIDE, SIDE), 1e6)
    made = stored_small(product(weight), "float16")
    assert [t.name for t in made.graph.initializer] == ["weight"]
