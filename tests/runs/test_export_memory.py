"""Small ONNX files that ask for much memory: each ends in a message, and the memory stays small."""

import json
import subprocess
import sys
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from mtl.runs.export.understood import KEY, VERSION

pytestmark = pytest.mark.slow
HUGE = 2**33
"""Values."""

LOOKED_AT = """
import resource, sys
from pathlib import Path
import numpy as np
from mtl.errors import BadFile
from mtl.runs.export import onnx_read

onnx_read.MOST_MEMORY = 2**27
def used():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
held = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (held + 2**31,) * 2)
for path in map(Path, sys.argv[1:]):
    before, said = used(), "runs"
    try:
        _, run = onnx_read.read(path)
        run(np.full((2, 3, 4, 4), 1000, np.float32))
    except BadFile as error:
        said = error.reason
    print(f"{path.stem}\\t{used() - before:.0f}\\t{said}")
"""


def ints(name: str, *values: int) -> onnx.TensorProto:
    return numpy_helper.from_array(np.array(values, np.int64), name)


def scalar(name: str, value: int) -> onnx.TensorProto:
    return numpy_helper.from_array(np.array(value, np.int64), name)


def floats(name: str, *values: float) -> onnx.TensorProto:
    return numpy_helper.from_array(np.array(values, np.float32), name)


def node(kind: str, *inputs: str, **attributes: object) -> onnx.NodeProto:
    """Its result is ``huge``."""
    return helper.make_node(kind, inputs, ["huge"], **attributes)


def doubled(times: int) -> list[onnx.NodeProto]:
    names = ["flat", *(f"double{n}" for n in range(1, times)), "huge"]
    return [
        helper.make_node("Concat", [one, one], [other], axis=0) for one, other in pairwise(names)
    ]


GRAPHS = {
    "nothing": ([node("Identity", "flat")], []),
    "constant_of_shape": ([node("ConstantOfShape", "sides")], [ints("sides", 2**20, 2**13)]),
    "expand": ([node("Expand", "one", "sides")], [floats("one", 1), ints("sides", HUGE)]),
    "expand_what_comes_in": ([node("Expand", "first", "sides")], [ints("sides", HUGE)]),
    "tile": ([node("Tile", "flat", "often")], [ints("often", HUGE)]),
    "resize": (
        [node("Resize", "image", "", "factors", mode="nearest")],
        [floats("factors", 1, 1, 2**14, 2**14)],
    ),
    "range": (
        [node("Range", "from", "to", "by")],
        [
            numpy_helper.from_array(np.int64(v), n)
            for n, v in (("from", 0), ("to", HUGE), ("by", 1))
        ],
    ),
    "pad": ([node("Pad", "flat", "beside")], [ints("beside", 0, HUGE)]),
    "one_hot": (
        [node("OneHot", "places", "depth", "values")],
        [ints("places", 0, 1), ints("depth", HUGE), floats("values", 0, 1)],
    ),
    "concat": (doubled(30), []),
    "matmul": (
        [
            helper.make_node("Expand", ["first", "long"], ["column"]),
            helper.make_node("Expand", ["first", "wide"], ["row"]),
            node("MatMul", "column", "row"),
        ],
        [ints("long", 2**17, 1), ints("wide", 1, 2**17)],
    ),
    "broadcast": (
        [
            helper.make_node("Expand", ["first", "long"], ["column"]),
            helper.make_node("Expand", ["first", "wide"], ["row"]),
            node("Add", "column", "row"),
        ],
        [ints("long", 2**17, 1), ints("wide", 1, 2**17)],
    ),
    "conv_transpose": (
        [node("ConvTranspose", "image", "kernel", strides=[2**14, 2**14])],
        [numpy_helper.from_array(np.ones((3, 1, 1, 1), np.float32), "kernel")],
    ),
    "random": ([node("RandomNormal", shape=[2**20, 2**13])], []),
    "by_what_comes_in": (
        [
            helper.make_node("Cast", ["first"], ["count"], to=TensorProto.INT64),
            helper.make_node("Mul", ["count", "often"], ["sides"]),
            node("ConstantOfShape", "sides"),
        ],
        [ints("often", 2**24)],
    ),
}
"""Each makes the tensor ``huge``; ``flat`` are the values of the image and ``first`` is one."""


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    return list(written(tmp_path_factory.mktemp("hostile")))


def written(folder: Path) -> Iterator[Path]:
    value = helper.make_tensor_value_info
    for name, (nodes, tensors) in GRAPHS.items():
        around = [
            helper.make_node("Reshape", ["image", "all"], ["flat"]),
            helper.make_node("Slice", ["flat", "begin", "end"], ["first"]),
        ]
        graph = helper.make_graph(
            [*around, *nodes, helper.make_node("Size", ["huge"], ["sum.value"])],
            "main",
            [value("image", TensorProto.FLOAT, ["batch", 3, 4, 4])],
            [value("sum.value", TensorProto.INT64, []), value("huge", TensorProto.FLOAT, None)],
            [ints("all", -1), ints("begin", 0), ints("end", 1), *tensors],
        )
        made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)
        if name == "range":
            made.graph.output[1].type.tensor_type.elem_type = TensorProto.INT64
        made.metadata_props.add(key=KEY, value=json.dumps({KEY: VERSION}))
        path = folder / f"{name}.onnx"
        path.write_bytes(made.SerializeToString())
        assert path.stat().st_size < 4000
        yield path


def test_no_graph_takes_more_than_the_limit(files: list[Path]) -> None:
    """In a process of its own, which may not have 2 GB more than it begins with."""
    done = subprocess.run(
        [sys.executable, "-c", LOOKED_AT, *map(str, files)],
        capture_output=True,
        text=True,
        check=True,
    )
    lines = [line.split("\t") for line in done.stdout.splitlines()]
    assert [name for name, *_ in lines] == list(GRAPHS)
    assert lines[0][2] == "runs"
    for name, grown, said in lines[1:]:
        assert said.startswith("can't be run"), name
        assert float(grown) < 300, name
    assert sum("2 images at a time take more than 0.1 GB" in said for *_, said in lines) > 8
