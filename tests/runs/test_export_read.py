"""Reading exported files of unknown origin."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from mtl.errors import BadFile, UserError
from mtl.runs.export.read import read
from mtl.runs.export.understood import VERSION

DESCRIPTION = {
    "mtl_export": VERSION,
    "mtl": "0.1.0",
    "input": {"name": "image", "shape": ["batch", 3, 4, 4]},
    "tasks": {"sum": {"outputs": {"sum.value": {}}}},
}
WEIGHTS = helper.make_tensor("weights", TensorProto.FLOAT, [3, 1, 1], [1.0, 2.0, 3.0])


def model(*nodes: onnx.NodeProto, tensors: tuple = (WEIGHTS,)) -> onnx.ModelProto:
    """Weighted channels, added up; further nodes go nowhere."""
    own = [
        helper.make_node("Mul", ["image", "weights"], ["product"]),
        helper.make_node("ReduceSum", ["product", "axes"], ["sum.value"], keepdims=0),
    ]
    axes = helper.make_tensor("axes", TensorProto.INT64, [3], [1, 2, 3])
    graph = helper.make_graph(
        [*own, *nodes],
        "main",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, ["batch", 3, 4, 4])],
        [helper.make_tensor_value_info("sum.value", TensorProto.FLOAT, ["batch"])],
        [*tensors, axes],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., Path]:
    def writing(made: onnx.ModelProto, description: object = DESCRIPTION) -> Path:
        made.metadata_props.add(key="mtl_export", value=json.dumps(description))
        path = tmp_path / "model.onnx"
        path.write_bytes(made.SerializeToString())
        return path

    return writing


def test_our_own_file_runs(write: Callable[..., Path]) -> None:
    exported = read(write(model()))
    assert exported.description["tasks"] == DESCRIPTION["tasks"]
    outputs = exported.run(np.ones((2, 3, 4, 4), np.float32))
    np.testing.assert_allclose(outputs["sum.value"], [96, 96])


def test_files_that_are_not_ours(write: Callable[..., Path], tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"model.onx: an exported file ends in .onnx, .pt2, .xml"):
        read(tmp_path / "model.onx")
    with pytest.raises(UserError, match="no such file"):
        read(tmp_path / "model.onnx")
    (tmp_path / "model.onnx").write_bytes(b"photograph")
    with pytest.raises(BadFile, match="can't be read as ONNX"):
        read(tmp_path / "model.onnx")
    (tmp_path / "model.onnx").write_bytes(model().SerializeToString())
    with pytest.raises(BadFile, match="is no file that mtl export wrote"):
        read(tmp_path / "model.onnx")
    with pytest.raises(BadFile, match="is no file that mtl export wrote"):
        read(write(model(), {"mtl": "0.1.0"}))
    with pytest.raises(BadFile, match=r"version 99 of the format \(mtl 9\).*export the run again"):
        read(write(model(), {"mtl_export": 99, "mtl": "9", "tasks": {}}))
    with pytest.raises(BadFile, match="its description lacks inputs or outputs"):
        read(write(model(), {"mtl_export": VERSION, "tasks": {}}))


@pytest.mark.parametrize(("name", "why"), [("m.pt2", "torch unpickles"), ("m.xml", "OpenVINO")])
def test_formats_that_could_do_harm_are_not_read(tmp_path: Path, name: str, why: str) -> None:
    (tmp_path / name).write_bytes(b"PK")
    with pytest.raises(BadFile, match=f"is not read: {why}.*export the run as onnx"):
        read(tmp_path / name)


def outside() -> onnx.ModelProto:
    tensor = onnx.TensorProto()
    tensor.CopyFrom(WEIGHTS)
    tensor.ClearField("float_data")
    tensor.data_location = TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value="../../etc/passwd")
    return model(tensors=(tensor,))


def claims(*dims: int, raw: bool) -> onnx.ModelProto:
    tensor = onnx.TensorProto(name="weights", data_type=TensorProto.FLOAT, dims=dims)
    if raw:
        tensor.raw_data = b"\0" * 12
    else:
        tensor.float_data.extend([0.0] * 3)
    return model(tensors=(tensor,))


def inside(node: onnx.NodeProto) -> onnx.ModelProto:
    """In a branch of a condition."""
    nothing = [helper.make_tensor_value_info("huge", TensorProto.FLOAT, None)]
    branch = helper.make_graph([node], "branch", [], nothing)
    yes = helper.make_tensor("yes", TensorProto.BOOL, [], [True])
    given = helper.make_node("Constant", [], ["condition"], value=yes)
    both = {"then_branch": branch, "else_branch": branch}
    return model(given, helper.make_node("If", ["condition"], ["ignored"], **both))


def with_functions() -> onnx.ModelProto:
    """Each calling the next one twice."""
    made = model(helper.make_node("f0", ["image"], ["x"], domain="own"))
    made.opset_import.add(domain="own", version=1)
    opsets = list(made.opset_import)
    for number in range(40):
        calls = [
            helper.make_node(f"f{number + 1}", [one], [other], domain="own")
            for one, other in (("a", "b"), ("b", "c"))
        ]
        made.functions.append(
            helper.make_function("own", f"f{number}", ["a"], ["c"], calls, opsets)
        )
    return made


@pytest.mark.parametrize(
    ("made", "said"),
    [
        (outside(), "its tensor weights lies in another file"),
        (claims(3, 2**40, raw=True), "has 3298534883328 values by name, and 3 in fact"),
        (claims(3, 2**40, raw=False), "and 3 in fact"),
        (claims(-3, 1, raw=True), "and 3 in fact"),
        (model(helper.make_node("Run", ["image"], ["x"], domain="evil")), "needs evil::Run"),
        (inside(helper.make_node("Run", [], ["huge"], domain="evil")), "needs evil::Run"),
        (with_functions(), "holds functions"),
        (model(helper.make_node("Nonsense", ["image"], ["x"])), "can't be run"),
    ],
)
def test_what_none_of_ours_holds(
    write: Callable[..., Path], made: onnx.ModelProto, said: str
) -> None:
    with pytest.raises(BadFile, match=said):
        read(write(made))
