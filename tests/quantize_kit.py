"""A graph of two tasks in ONNX's own words, as an export would have it."""

import numpy as np
from onnx import ModelProto, NodeProto, TensorProto, helper, numpy_helper

SIZE = 8
WIDTH = 8


def weights(seed: int = 0) -> dict[str, np.ndarray]:
    """Of the graph, by name; channel 0 behind the first layer is 0 in all pictures."""
    draw = np.random.default_rng(seed).standard_normal
    found = {
        "network.encoder.a.weight": draw((WIDTH, 3, 3, 3)) / 5,
        "network.encoder.a.bias": draw(WIDTH) / 5,
        "network.encoder.b.weight": draw((WIDTH, WIDTH, 3, 3)) / 8,
        "norm.scale": 0.5 + draw(WIDTH) ** 2,
        "norm.bias": draw(WIDTH) / 5,
        "norm.mean": draw(WIDTH) / 5,
        "norm.var": 0.5 + draw(WIDTH) ** 2,
        "network.heads.cls.weight": draw((3, WIDTH)),
        "network.heads.cls.bias": draw(3),
        "network.heads.seg.weight": draw((2, WIDTH, 1, 1)),
    }
    found["network.encoder.a.weight"][0] = 0
    found["network.encoder.a.bias"][0] = -1
    return {name: value.astype(np.float32) for name, value in found.items()}


def graph(values: dict[str, np.ndarray] | None = None) -> ModelProto:
    """Two convolutions, the second around a skip, then a classification and a segmentation."""
    a, b = "network.encoder.a", "network.encoder.b"
    cls, seg = "network.heads.cls", "network.heads.seg"
    norm = [f"norm.{part}" for part in ("scale", "bias", "mean", "var")]
    nodes = [
        _node("Conv", ["image", f"{a}.weight", f"{a}.bias"], "a", pads=[1, 1, 1, 1]),
        _node("Relu", ["a"], "active"),
        _node("Conv", ["active", f"{b}.weight"], "b", pads=[1, 1, 1, 1]),
        _node("BatchNormalization", ["b", *norm], "normed"),
        _node("Add", ["normed", "active"], "sum"),
        _node("Relu", ["sum"], "features"),
        _node("GlobalAveragePool", ["features"], "pooled"),
        _node("Flatten", ["pooled"], "flat"),
        _node("Gemm", ["flat", f"{cls}.weight", f"{cls}.bias"], "logits", transB=1),
        _node("Softmax", ["logits"], "cls.probabilities", axis=1),
        _node("Conv", ["features", f"{seg}.weight"], "scores"),
        _node("Softmax", ["scores"], "seg.probabilities", axis=1),
    ]
    made = helper.make_graph(
        nodes,
        "main",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, ["batch", 3, SIZE, SIZE])],
        [
            helper.make_tensor_value_info("cls.probabilities", TensorProto.FLOAT, ["batch", 3]),
            helper.make_tensor_value_info(
                "seg.probabilities", TensorProto.FLOAT, ["batch", 2, SIZE, SIZE]
            ),
        ],
        [numpy_helper.from_array(v, name) for name, v in (values or weights()).items()],
    )
    return helper.make_model(made, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)


def pictures(count: int = 16, seed: int = 1) -> np.ndarray:
    """Normalised pictures."""
    draw = np.random.default_rng(seed).standard_normal((count, 3, SIZE, SIZE))
    return draw.astype(np.float32)


def _node(kind: str, inputs: list[str], output: str, **attributes: object) -> NodeProto:
    return helper.make_node(kind, inputs, [output], f"node_{output}", **attributes)
